"""Processes forked from one that has imported everything: a start costs ms instead of a second.

Run as a program it is that one process: each message on its socket carries the stdin and stdout of
a new `tests.faults.actor`, and is answered with its process id.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path

import anyio

from tests.faults.actor import Actor
from tests.members import Member
from tests.waiting import eventually

_ROOT = Path(__file__).parent.parent.parent


class Forked:
    """A forked process, with what `Member` needs of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self.pid, self.stdin, self.stdout = pid, stdin, stdout

    @property
    def returncode(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return -1
        return None

    def send_signal(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> None:
        await eventually(lambda: self.returncode is not None)


class Nursery:
    """The process that forks."""

    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.nursery", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=_ROOT,
            )

    async def start(self) -> Member:
        """Forks one more."""
        loop = asyncio.get_running_loop()
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        reader = asyncio.StreamReader(limit=1 << 22)
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(our_in, "rb", 0)
        )
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(our_out, "wb", 0)
        )
        try:
            pid = await asyncio.to_thread(self._fork, [their_in, their_out])
        finally:
            os.close(their_in)
            os.close(their_out)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        return Member(Forked(pid, writer, reader))  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends the forking process; those it has forked are not its business."""
        self._socket.close()
        self._process.wait()

    def _fork(self, fds: list[int]) -> int:
        with self._asking:  # else two that ask at once may get each other's process id
            socket.send_fds(self._socket, [b"fork"], fds)
            return int(self._socket.recv(100))


@cache
def nursery() -> Nursery:
    """The nursery of this test run."""
    return Nursery()


async def _warm() -> None:
    """Has anyio import what it imports when first used, so that no child has to."""
    anyio.Lock()
    with anyio.move_on_after(1):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)


def serve(channel: socket.socket) -> None:
    """Forks a process for each message until the other side closes."""
    asyncio.run(_warm())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(channel, 100, 2)
        if not message:
            return
        pid = os.fork()
        if not pid:
            channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.dup2(fds[0], 0)
            os.dup2(fds[1], 1)
            with contextlib.suppress(KeyboardInterrupt):
                asyncio.run(Actor().main())
            os._exit(0)
        for fd in fds:
            os.close(fd)
        channel.sendall(json.dumps(pid).encode())


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
