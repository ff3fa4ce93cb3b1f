"""Where spools lie, and whose they are.

    <folder>/<namespace>-<digest of the server's URL>/<producer>.spool, .spool.lock

A process holds the lock of its spool as long as it lives; the kernel frees it whatever ends the
process. So a spool whose lock is free is an orphan, and any process of the same namespace may take
it over.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

from filelock import FileLock, Timeout
from msgspec import Struct

from fuseline.core.errors import ConfigError
from fuseline.events.embedded_paths import default_data_dir
from fuseline.telemetry.logs import get_logger

Durability = Literal["memory", "disk"]

FOLDER_VARIABLE = "FUSELINE_SPOOL_DIR"
MAX_BYTES_VARIABLE = "FUSELINE_SPOOL_MAX_BYTES"

DEFAULT_MAX_BYTES = 256 << 20
MIN_BYTES = 64 << 10
"""A bound below some batches would drop what it has just taken."""

SUFFIX = ".spool"

_log = get_logger("spool")


class SpoolSettings(Struct, frozen=True, kw_only=True):
    """Where outcomes go while the server is away, and how many.

    Attributes:
        folder: holds the spools of all namespaces.
        max_bytes: size from which on the oldest successes are dropped.
        durability: "memory": outcomes go to disk when the server has been away for a moment.
            "disk": at once, and synced; `flush` is content with that.
    """

    folder: Path
    max_bytes: int = DEFAULT_MAX_BYTES
    durability: Durability = "memory"

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str],
        folder: str | Path | None = None,
        max_bytes: int | None = None,
        durability: Durability = "memory",
    ) -> SpoolSettings:
        """Arguments win over FUSELINE_SPOOL_DIR and FUSELINE_SPOOL_MAX_BYTES.

        Raises:
            ConfigError: naming the argument or variable.
        """
        if durability not in get_args(Durability):
            allowed = " or ".join(map(repr, get_args(Durability)))
            raise ConfigError("durability", durability, allowed)
        folder = (
            folder
            or environ.get(FOLDER_VARIABLE, "").strip()
            or default_data_dir(environ) / ("spool")
        )
        field, size = "spool_max_bytes", max_bytes
        if size is None and (text := environ.get(MAX_BYTES_VARIABLE, "").strip()):
            field = MAX_BYTES_VARIABLE
            if not text.isdecimal():
                raise ConfigError(field, text, f"a whole number of bytes, at least {MIN_BYTES}")
            size = int(text)
        if size is None:
            size = DEFAULT_MAX_BYTES
        if not isinstance(size, int) or isinstance(size, bool) or size < MIN_BYTES:
            raise ConfigError(field, size, f"a whole number of bytes, at least {MIN_BYTES}")
        return cls(folder=Path(folder).expanduser(), max_bytes=size, durability=durability)


def namespace_folder(settings: SpoolSettings, url: str, namespace: str) -> Path:
    """The folder for one namespace of one server; user and password make no difference."""
    parts = urlsplit(url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    digest = hashlib.sha256(address.encode()).hexdigest()[:12]
    # Only the beginning, for whoever looks: a name may be longer than a file's may.
    shown = quote(namespace, safe="")[:60]
    return settings.folder / f"{shown}-{hashlib.sha256(namespace.encode()).hexdigest()[:8]}{digest}"


def spool_path(folder: Path, producer: int) -> Path:
    """The spool of a process."""
    return folder / f"{producer:08x}{SUFFIX}"


def make_folder(folder: Path) -> None:
    """Makes the folder, for this user alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def lock_of(path: Path) -> FileLock:
    """The lock of a spool, not yet taken."""
    return FileLock(f"{path}.lock", timeout=0, mode=0o600)


def spools_in(folder: Path) -> list[Path]:
    """All spools of a namespace, whoever has them; none if there is no folder."""
    try:
        return sorted(folder.glob(f"*{SUFFIX}"))
    except OSError:
        return []


def claim(path: Path) -> FileLock | None:
    """Takes the lock of an orphan; None if a living process has it, or it is gone."""
    lock = lock_of(path)
    try:
        lock.acquire()
    except Timeout:
        return None
    if path.exists():
        return lock
    forget(path, lock)  # it was sent and deleted a moment ago
    return None


def forget(path: Path, lock: FileLock) -> None:
    """Deletes a spool that holds nothing any more, and frees its lock."""
    for file in (path, *_companions(path)):
        file.unlink(missing_ok=True)
    # Nobody makes a file of this name again, so whoever still waits for the lock finds no spool.
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def set_aside(path: Path, error: str) -> None:
    """Renames a spool that cannot be read; a person may still get something out of it."""
    kept = path.with_name(f"{path.name}.unreadable-{int(time.time())}")
    try:
        for file in (path, *_companions(path)):
            if file.exists():
                file.rename(file.with_name(file.name.replace(path.name, kept.name)))
    except OSError as refused:
        _log.error("spool_unreadable", path=str(path), error=error, not_renamed=str(refused))
        return
    _log.error("spool_unreadable", path=str(path), error=error, kept_as=str(kept))


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
