"""Become the embedded server: the last steps between fork and exec, in a process of their own.

Run as a script (`python -I -S embedded_launch.py PARENT_PID LOCK_FILE SERVER ARGUMENT...`), never
imported. Done here and not in a `preexec_fn`, which would run Python between fork and exec of a
process with threads.
"""

import ctypes
import fcntl
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, take the process lock, and exec the server."""
    parent, lock_file, *command = sys.argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent):
        sys.exit("the process that started the server is gone")
    # A blocked SIGTERM would be inherited, and the server would not hear its owner's death.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # A record lock survives exec and is not inherited by the server's own children (AOF rewrite):
    # it says whether this very process lives, and the kernel names its pid to whoever asks.
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    os.set_inheritable(lock, True)
    try:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(f"another server holds {lock_file}")
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"{command[0]} can't be executed: {error.strerror}")


if __name__ == "__main__":
    main()
