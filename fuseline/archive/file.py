"""The file of an export: records in gzip members, and a checksum over all of it as the last one.

The whole is a gzip file. Each member holds one record (msgpack). A file that ends in the middle is
cut at the last place from which an export can go on, so a killed export loses little.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from fuseline.core.errors import FuselineError

FORMAT = "fuseline-export"
VERSION = 1
_GZIP = 31  # zlib's wbits for a gzip member
_LEVEL = 6
_CHUNK = 1 << 20

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Record = list[Any]
"""A kind, and what belongs to it."""


class ExportFileError(FuselineError):
    """A file is no export, is damaged, or is not complete."""


class ExportWriter:
    """Writes records to `<path>.part`, which becomes `path` when it is finished.

    Args:
        path: the file to make.
        resumed: what of an earlier `.part` is kept: its length in bytes; 0: nothing.
    """

    def __init__(self, path: Path, resumed: int = 0) -> None:
        self._path = path
        self.part = part_of(path)
        self._hash = hashlib.sha256()
        self._file: IO[bytes] = self.part.open("r+b" if resumed else "wb")
        if resumed:
            left = resumed
            while left and (chunk := self._file.read(min(left, _CHUNK))):
                self._hash.update(chunk)
                left -= len(chunk)
            self._file.truncate(resumed)
            self._file.seek(resumed)

    def write(self, record: Record) -> None:
        """Adds one record."""
        self._write(_member(record))

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def sync(self) -> None:
        """What is written so far survives the process and the machine."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> str:
        """Adds the checksum and gives the file its name; returns the checksum."""
        digest = self._hash.hexdigest()
        self._file.write(_member(["end", digest]))
        self.sync()
        self._file.close()
        self.part.replace(self._path)
        return digest

    def close(self) -> None:
        """Leaves what there is for a later export to go on from."""
        self._file.close()


def part_of(path: Path) -> Path:
    """Where an export is written until it is complete."""
    return path.with_name(path.name + ".part")


def read_records(path: Path) -> Iterator[tuple[Record, int]]:
    """The records of a whole file, each with the offset behind it; the checksum is compared last.

    Raises:
        ExportFileError: it is none, is damaged, or is not complete; OSError where it cannot be
            read.
    """
    digest = hashlib.sha256()
    first = True
    for record, raw, end in _members(path):
        if record[0] == "end":
            if record[1] != digest.hexdigest():
                raise ExportFileError(f"{path}: the checksum does not fit; the file is damaged")
            return
        if first and (record[0] != "head" or record[1] != FORMAT):
            raise ExportFileError(f"{path} is no export of Fuseline")
        if first and record[2] != VERSION:
            raise ExportFileError(
                f"{path} is an export of version {record[2]}, this release reads {VERSION}"
            )
        first = False
        digest.update(raw)
        yield record, end
    raise ExportFileError(f"{path} is not complete: its end is missing")


def resumable(path: Path, kinds: set[str]) -> tuple[list[Record], int]:
    """Records of some kinds of an unfinished file, and the offset behind the last of them."""
    kept: list[Record] = []
    offset = 0
    try:
        for record, _, end in _members(path):
            if record[0] in kinds:
                kept.append(record)
                offset = end
    except (ExportFileError, FileNotFoundError):
        pass
    return kept, offset


def _member(record: Record) -> bytes:
    pack = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return pack.compress(_encode(record)) + pack.flush()


def _members(path: Path) -> Iterator[tuple[Record, bytes, int]]:
    """Each record with the bytes of its member and the offset behind it."""
    with path.open("rb") as file:
        data, offset = b"", 0
        while True:
            if not data and not (data := file.read(_CHUNK)):
                return
            unpack = zlib.decompressobj(wbits=_GZIP)
            raw, plain = b"", b""
            try:
                while not unpack.eof:
                    plain += unpack.decompress(data)
                    used = len(data) - len(unpack.unused_data)
                    raw, data = raw + data[:used], unpack.unused_data
                    if not unpack.eof and not (data := file.read(_CHUNK)):
                        raise ExportFileError(f"{path} ends in the middle of a record")
                record = _decode(plain)
            except (zlib.error, msgspec.DecodeError) as error:
                raise ExportFileError(f"{path} is no export, or is damaged: {error}") from error
            if not isinstance(record, list) or not record or not isinstance(record[0], str):
                raise ExportFileError(f"{path} is no export of Fuseline")
            offset += len(raw)
            yield record, raw, offset
