"""The embedded server: a real Valkey on a private unix socket, shared by the user's processes.

The process that holds the lock of the data folder owns the server and runs it as its child; the
others connect to the same socket. When the owner goes, another process takes its place. Neither
the lock nor, on Linux, the server outlives its owner by more than a moment, however the owner
ended; a server that does is stopped before the next owner starts its own. So there is never a
second server on the same data.
"""

import logging
import os
import signal
import sys
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from filelock import FileLock, Timeout

from fuseline.core.errors import EmbeddedServerError
from fuseline.events.embedded_paths import (
    default_data_dir,
    embedded_paths,
    prepare,
    socket_url,
)
from fuseline.events.embedded_process import (
    ServerProcess,
    find_server_binary,
    leftover_pid,
    signal_leftover,
)

__all__ = ["EmbeddedServer", "default_data_dir", "socket_url"]

_log = logging.getLogger(__name__)

_PING = b"*1\r\n$4\r\nPING\r\n"
_PING_SECONDS = 1.0
_POLL_SECONDS = 0.01
_TRY_LOCK_SECONDS = 0.25
_LEFTOVER_SECONDS = 10.0
_RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)


class _Answer(Enum):
    READY = auto()
    LOADING = auto()
    NONE = auto()


class EmbeddedServer:
    """This process's share in the embedded server of a data folder.

    Call `start`, run `keep` as a task for as long as the server is wanted, cancel that, and call
    `stop`; `async with` does the first and the last. Data is kept between runs.
    """

    def __init__(self, data_dir: Path | None = None, *, timeout_seconds: float = 30.0) -> None:
        """Name the server; nothing is started and no file is made.

        Args:
            data_dir: where the data is kept; by default `default_data_dir()`.
            timeout_seconds: how long a server may stay silent while it starts. The time it spends
                loading its data is not counted.

        Raises:
            EmbeddedServerError: on Windows, which has no such server.
        """
        if sys.platform == "win32":
            raise EmbeddedServerError(
                "the embedded server needs Linux or macOS; set REDIS_URL to a running server"
            )
        self._paths = embedded_paths(default_data_dir() if data_dir is None else data_dir)
        self._timeout_seconds = timeout_seconds
        # An flock on a descriptor that the server does not inherit: the kernel lets it go in the
        # moment of the owner's death. Where a file system has none, a fallback would not do that.
        self._lock = FileLock(
            self._paths.owner_lock, mode=0o600, thread_local=False, fallback_to_soft=False
        )
        self._changing = anyio.Lock()
        self._stopped = False
        self._process: ServerProcess | None = None
        self._owner_pid = 0

    @property
    def url(self) -> str:
        """The `unix://` URL of the server, whoever owns it."""
        return self._paths.url

    @property
    def is_owner(self) -> bool:
        """Whether this process runs the server, as opposed to using another process's."""
        return self._process is not None and self._owner_pid == os.getpid()

    async def start(self) -> str:
        """Make sure that a server answers, and return its `unix://` URL.

        Raises:
            EmbeddedServerError: no server is installed, it does not come up, or the data folder
                can't be used.
        """
        self._stopped = False
        await anyio.to_thread.run_sync(prepare, self._paths)
        try:
            await self._own_or_join()
        except BaseException:
            await self.stop()
            raise
        return self.url

    async def keep(self) -> None:
        """Keep the server running until this is cancelled or the server stopped.

        The owner restarts a server that ended; the others wait for the owner's place. A failing
        attempt is logged and made again after a pause of up to 5 seconds.
        """
        failures = 0
        while not self._stopped:
            try:
                if self._process is not None:
                    await self._wait_for_exit(self._process)
                    if self._stopped:
                        return
                    _log.warning("the embedded server ended; starting it again")
                    await self._launch()
                elif self._try_lock():
                    _log.info("taking over the embedded server of %s", self._paths.data_dir)
                    await self._launch()
                else:
                    await anyio.sleep(_TRY_LOCK_SECONDS)
                failures = 0
            except (EmbeddedServerError, OSError) as error:
                _log.error("the embedded server can't be kept running: %s", error)
                await anyio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1

    async def stop(self) -> None:
        """Stop the server if this process owns it, with its data written out, and let go of it."""
        self._stopped = True
        with anyio.CancelScope(shield=True):
            async with self._changing:
                process, self._process = self._process, None
                try:
                    if process is not None and self._owner_pid == os.getpid():
                        anyio.notify_closing(process.exit_fd)
                        await anyio.to_thread.run_sync(process.stop)
                finally:
                    # After the server's end: the next owner is to find the data at rest.
                    self._lock.release(force=True)

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        await self.stop()

    def _try_lock(self) -> bool:
        if self._lock.is_locked:
            return True
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    async def _own_or_join(self) -> None:
        silent_since = anyio.current_time()
        while not self._try_lock():
            answer = await self._ping()
            if answer is _Answer.READY:
                return
            now = anyio.current_time()
            if answer is _Answer.LOADING:
                silent_since = now
            elif now - silent_since > self._timeout_seconds:
                raise EmbeddedServerError(
                    f"another process holds {self._paths.owner_lock}, but no server answers on "
                    f"{self._paths.socket}; see {self._paths.log}"
                )
            await anyio.sleep(_POLL_SECONDS)
        await self._launch()

    async def _launch(self) -> None:
        """Start the server; the lock is held."""
        async with self._changing:
            if self._stopped:
                return
            if self._process is not None:
                self._process.close()
                self._process = None
            try:
                await self._wait_for_leftover()
                binary = await anyio.to_thread.run_sync(find_server_binary)
            except BaseException:
                # Another process may succeed where this one can't.
                self._lock.release(force=True)
                raise
            self._owner_pid = os.getpid()
            process = self._process = ServerProcess(self._paths, binary)
        await self._wait_until_ready(process)

    async def _wait_for_leftover(self) -> None:
        """Let a former owner's server end; on Linux it has been told to when its owner died."""
        began = anyio.current_time()
        asked = False
        while leftover_pid(self._paths) is not None:
            waited = anyio.current_time() - began
            if waited > 2 * _LEFTOVER_SECONDS:
                raise EmbeddedServerError(
                    f"a server that this process can't stop still runs on {self._paths.folder}; "
                    "another container may share the folder: give each its own"
                )
            if not asked:
                signal_leftover(self._paths, signal.SIGTERM)
                asked = True
            elif waited > _LEFTOVER_SECONDS:
                signal_leftover(self._paths, signal.SIGKILL)
            await anyio.sleep(_POLL_SECONDS)

    async def _wait_until_ready(self, process: ServerProcess) -> None:
        silent_since = anyio.current_time()
        while (answer := await self._ping()) is not _Answer.READY:
            if not process.alive:
                raise EmbeddedServerError(
                    f"the server ended while it started:\n{process.explain()}\n"
                    f"Its log is {self._paths.log}, its data {self._paths.folder}"
                )
            now = anyio.current_time()
            if answer is _Answer.LOADING:
                silent_since = now
            elif now - silent_since > self._timeout_seconds:
                raise EmbeddedServerError(
                    f"the server gives no answer on {self._paths.socket} within "
                    f"{self._timeout_seconds:g} seconds; see {self._paths.log}"
                )
            await anyio.sleep(_POLL_SECONDS)

    async def _wait_for_exit(self, process: ServerProcess) -> None:
        while process.alive:
            try:
                await anyio.wait_readable(process.exit_fd)
            except anyio.ClosedResourceError:
                return

    async def _ping(self) -> _Answer:
        reply = b""
        try:
            with anyio.move_on_after(_PING_SECONDS):
                async with await anyio.connect_unix(self._paths.socket) as stream:
                    await stream.send(_PING)
                    reply = await stream.receive(64)
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError):
            return _Answer.NONE
        if reply.startswith(b"-LOADING"):
            return _Answer.LOADING
        return _Answer.READY if reply.startswith(b"+PONG") else _Answer.NONE
