"""One temporary folder for all that a process of the tests makes; at its end nothing may be left.

Servers, sockets and folders of tests lie in it, and so does what processes put into $TMPDIR. What
is left when a run is killed goes with the next one.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

_PREFIX = "fuseline-test-"
_OWNER = "owner"


class LeftoverError(AssertionError):
    """The tests have left folders or processes behind."""


@contextlib.contextmanager
def run_folder(patience_seconds: float = 30.0) -> Iterator[Path]:
    """Has everything temporary made in a folder, and removes it.

    Args:
        patience_seconds: how long processes may take to end after the tests.

    Raises:
        LeftoverError: something is still in it at the end, or a process is that knows it.
    """
    clean_up_after_killed_runs()
    # Straight under /tmp: pytest's own folders are too deep for a socket path.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
    before = os.environ.get("TMPDIR"), tempfile.tempdir
    try:
        with (folder / "new").open("wb") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            (folder / "new").rename(folder / _OWNER)  # nobody sees it before it is locked
            os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
            yield folder
            _assert_nothing_left(folder, patience_seconds)
    finally:
        if before[0] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[0]
        tempfile.tempdir = before[1]
        _remove(folder)


def clean_up_after_killed_runs() -> None:
    """Ends the processes and removes the folders of runs that are no more."""
    for folder in Path("/tmp").glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _OWNER).open("rb") as owner:
            # Its owner holds the lock as long as it lives.
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)


def _assert_nothing_left(folder: Path, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    while processes := _processes_of(folder):  # those about to end may do so
        if time.monotonic() > deadline:
            told = [f"{one.pid}: {' '.join(one.info['cmdline'] or [])[:200]}" for one in processes]
            raise LeftoverError("\n".join(["processes are left:", *told]))
        time.sleep(0.05)
    left = sorted(path.name for path in folder.iterdir() if path.name != _OWNER)
    if left:
        raise LeftoverError(f"left in the temporary folder: {', '.join(left)}")


def _processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that were started with this temporary folder, or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "environ", "status"]):
        info = process.info
        if process.pid == os.getpid() or info["status"] == psutil.STATUS_ZOMBIE:
            continue
        at_home = Path(info["cwd"] or "/").is_relative_to(folder)
        if at_home or (info["environ"] or {}).get("TMPDIR") == str(folder):
            found.append(process)
    return found


def _remove(folder: Path) -> None:
    for process in _processes_of(folder):
        with contextlib.suppress(psutil.Error):
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)
