"""Where the embedded server keeps its files, and who may share them.

All processes of one user must name the same socket for the same data folder, whatever their
working directory and environment, so nothing here depends on either once the folder is known.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import platformdirs

from fuseline.core.errors import EmbeddedServerError

DATA_DIR_VARIABLE = "FUSELINE_DATA_DIR"

# sun_path holds 108 bytes on Linux and 104 on macOS, one of them for the closing NUL. The server
# cuts a longer path silently, so the limit is kept well inside both.
_SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class EmbeddedPaths:
    """The files of one embedded server; `folder` belongs to it alone."""

    data_dir: Path
    folder: Path
    owner_lock: Path
    process_lock: Path
    log: Path
    socket: Path

    @property
    def url(self) -> str:
        """The URL under which clients reach the server."""
        return f"unix://{quote(str(self.socket))}"


def default_data_dir(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data folder: `FUSELINE_DATA_DIR`, else the user's data folder for fuseline."""
    value = (os.environ if environ is None else environ).get(DATA_DIR_VARIABLE, "").strip()
    if value:
        return Path(value).expanduser()
    return Path(platformdirs.user_data_dir("fuseline", appauthor=False))


def embedded_paths(data_dir: Path) -> EmbeddedPaths:
    """Name the files of the server whose data stands under `data_dir`; touches none of them."""
    data_dir = data_dir.expanduser().resolve()
    # A folder of its own: its mode is forced to 0700, which must never happen to a folder that the
    # user merely pointed at.
    folder = data_dir / "server"
    return EmbeddedPaths(
        data_dir=data_dir,
        folder=folder,
        owner_lock=folder / "owner.lock",
        process_lock=folder / "process.lock",
        log=folder / "server.log",
        socket=_socket_path(folder),
    )


def socket_url(data_dir: Path) -> str:
    """Return the `unix://` URL of the server whose data stands under `data_dir`."""
    return embedded_paths(data_dir).url


def prepare(paths: EmbeddedPaths) -> None:
    """Make the private folders of the server.

    Raises:
        EmbeddedServerError: a folder can't be made, is no folder, or belongs to another user.
    """
    try:
        paths.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_other_users(paths.data_dir)
        for folder in dict.fromkeys((paths.folder, paths.socket.parent)):
            _make_private(folder)
    except OSError as error:
        raise EmbeddedServerError(
            f"the data folder {paths.data_dir} can't be used: {error.strerror or error}; "
            f"set {DATA_DIR_VARIABLE} to a folder that you may write to"
        ) from error


def _socket_path(folder: Path) -> Path:
    path = folder / "server.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return path
    # Not $TMPDIR and not $XDG_RUNTIME_DIR: they differ between a login shell, a service and a
    # cron job of the same user, and then each would look for another socket.
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:24]
    runtime = Path("/tmp")  # noqa: S108 - the folder inside it is checked to be private
    return runtime / f"fuseline-{os.geteuid()}" / f"{name}.sock"


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    _refuse_other_users(folder)
    if stat.S_IMODE(folder.lstat().st_mode) != 0o700:
        folder.chmod(0o700)


def _refuse_other_users(folder: Path) -> None:
    # lstat: a link planted in a folder that all may write to must not be followed.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedServerError(f"{folder} is not a folder; move it away and start again")
    if found.st_uid != os.geteuid():
        raise EmbeddedServerError(
            f"{folder} belongs to user {found.st_uid}, this process runs as user {os.geteuid()}; "
            f"set {DATA_DIR_VARIABLE} to a folder of your own"
        )
