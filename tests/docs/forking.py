"""`fuseline` for the shells of the pages: forked from a process that has imported it already.

Importing takes most of a short command's time, and the pages have some fifty of them. Apart from
that a command is what it always is: a process of its own with the shell's files, folder and
environment. `python tests/docs/forking.py SOCKET` listens; with arguments it is the command.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys

_MOST = 1 << 20
_END = b"\0"


def command(address: str, arguments: list[str]) -> int:
    """Hands a command on; returns its exit code."""
    asked = {"argv": ["fuseline", *arguments], "cwd": os.getcwd(), "environ": dict(os.environ)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(address)
        socket.send_fds(line, [b"."], [0, 1, 2])
        line.sendall(json.dumps(asked).encode() + _END)
        return int(line.recv(16) or b"70")


def serve(address: str) -> None:
    """Forks a process for each command, until it is killed."""
    import gc

    from tests.docs.commands import COMMANDS

    assert COMMANDS  # loads every command
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen(16)
        while True:
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _carry_out(line)
            line.close()
            _reap()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _carry_out(line: socket.socket) -> None:
    """Runs one command and tells its exit code; ends it if whoever asked is killed."""
    _, files, _, _ = socket.recv_fds(line, 1, 3)
    said = b""
    while not said.endswith(_END):
        said += line.recv(_MOST) or _END
    asked = json.loads(said.removesuffix(_END))
    lives, living = os.pipe()  # at its end when the command is
    running = os.fork()
    if running:
        for file in (*files, living):
            os.close(file)
        if lives not in select.select([line, lives], [], [])[0]:
            os.kill(running, signal.SIGKILL)
        _, status = os.waitpid(running, 0)
        with contextlib.suppress(OSError):
            line.sendall(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    line.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
    # What stood there was made for other files.
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - the process's own
        for number, mode in enumerate("rww")
    )
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    sys.argv = asked["argv"]
    _run()


def _run() -> None:
    from fuseline.cli import main

    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    sys.exit(command(sys.argv[1], sys.argv[2:]))
