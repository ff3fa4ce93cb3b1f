"""Where an archive lies: a folder, or an S3-compatible or other object store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import anyio.to_thread

from fuseline.core.errors import ConfigError, FuselineError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

EXTRA = "fuseline[archive]"
VARIABLE = "FUSELINE_ARCHIVE_URL"
"""Names the archive in the environment."""

_HASTY_CLIENT = {"connect_timeout": "3s", "timeout": "10s"}
_HASTY_RETRY: Any = {"max_retries": 1, "retry_timeout": timedelta(seconds=10)}
# Options of the HTTP client that the environment may name, behind a prefix.
_CLIENT_OPTIONS = (
    *("allow_http", "allow_invalid_certificates"),
    *("proxy_url", "proxy_ca_certificate", "proxy_excludes"),
)
_PREFIXES = {"s3": "AWS", "s3a": "AWS", "gs": "GOOGLE"}
_SCHEMES = ("s3", "s3a", "gs", "az", "abfs", "abfss", "file", "https", "http")
_ALLOWED = "a folder, or a URL like s3://bucket/path, gs://..., az://... or file:///path"


class ArchiveError(FuselineError):
    """The archive cannot be read or written, or is not what it should be."""


class TakenError(ArchiveError):
    """Another archiver has written this object first."""


class Store:
    """An archive's objects by path; all of it may block, so it runs in threads.

    Args:
        url: a folder, or a URL of an object store; credentials come from the environment, as
            obstore takes them (AWS_ACCESS_KEY_ID, AWS_ENDPOINT and so on).
        hasty: somebody waits for the answer, so give up after some seconds.

    Raises:
        ConfigError: under the name archive.
        ArchiveError: the extra `archive` is not installed.
    """

    def __init__(self, url: str, *, hasty: bool = False) -> None:
        try:
            import obstore
            from obstore.store import LocalStore, from_url
        except ImportError as error:
            raise ArchiveError(f"archives need the extra: pip install '{EXTRA}'") from error
        self._obstore = obstore
        self.url = url
        scheme, found, _ = url.partition("://")
        self.folder: Path | None = None
        if not url or (found and scheme not in _SCHEMES):
            raise ConfigError("archive", url, _ALLOWED)
        try:
            if not found or scheme == "file":
                self.folder = Path(url.removeprefix("file://")).absolute()
                self.folder.mkdir(parents=True, exist_ok=True)
                self._store: ObjectStore = LocalStore(str(self.folder))
            else:
                self._store = from_url(url, **(_hasty(scheme) if hasty else {}))
        except Exception as error:
            raise ConfigError("archive", url, f"{_ALLOWED} ({_first_line(error)})") from error

    async def put(self, path: str, data: bytes, *, create: bool = False) -> None:
        """Writes an object whole, and so that it survives the machine.

        Raises:
            TakenError: `create`, and it is there.
            ArchiveError: it cannot be written.
        """
        await anyio.to_thread.run_sync(self._put, path, data, create)

    def _put(self, path: str, data: bytes, create: bool) -> None:
        try:
            mode: Any = "create" if create else "overwrite"
            self._obstore.put(self._store, path, data, mode=mode, use_multipart=False)
            if self.folder is not None:
                _sync(self.folder / path)
        except self._obstore.exceptions.AlreadyExistsError as error:
            raise TakenError(f"{path} is there already") from error
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise self._failed("written", path, error) from error

    async def get(self, path: str) -> bytes:
        """Reads an object.

        Raises:
            ArchiveError: it is not there, or cannot be read.
        """
        return await anyio.to_thread.run_sync(self.get_now, path)

    def get_now(self, path: str) -> bytes:
        """`get`, in the thread that asks."""
        try:
            return bytes(self._obstore.get(self._store, path).bytes())
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise self._failed("read", path, error) from error

    async def list(self, prefix: str) -> list[tuple[str, float]]:
        """Paths below a prefix, in order, each with the time it was written (Unix, seconds).

        Raises:
            ArchiveError: they cannot be listed.
        """

        def listed() -> list[tuple[str, float]]:
            return sorted(self._listed(prefix))

        return await anyio.to_thread.run_sync(listed)

    def _listed(self, prefix: str) -> Iterator[tuple[str, float]]:
        try:
            for page in self._obstore.list(self._store, prefix):
                for meta in page:
                    yield meta["path"], meta["last_modified"].timestamp()
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise self._failed("listed", prefix, error) from error

    async def delete(self, path: str) -> None:
        """Deletes an object; one that is not there is none."""
        try:
            await anyio.to_thread.run_sync(self._obstore.delete, self._store, path)
        except self._obstore.exceptions.NotFoundError:
            return
        except (self._obstore.exceptions.BaseError, OSError) as error:
            raise self._failed("deleted", path, error) from error

    def _failed(self, what: str, path: str, error: Exception) -> ArchiveError:
        return ArchiveError(f"{self.url}: {path} cannot be {what}: {_first_line(error)}")


def quoted(name: str) -> str:
    """A name as one part of a path, as Hive-style partitions spell it."""
    return quote(name, safe=" ._-+@=,").replace("..", "%2E%2E")


def unquoted(part: str) -> str:
    """The name that `quoted` took."""
    return unquote(part)


def _hasty(scheme: str) -> dict[str, Any]:
    """Options of a store that gives up early.

    Options of the client that are given take the place of all that the environment names.
    """
    prefix = _PREFIXES.get(scheme, "AZURE")
    named = {name: os.environ.get(f"{prefix}_{name.upper()}") for name in _CLIENT_OPTIONS}
    given = {name: value for name, value in named.items() if value}
    return {"client_options": given | _HASTY_CLIENT, "retry_config": _HASTY_RETRY}


def _sync(path: Path) -> None:
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
