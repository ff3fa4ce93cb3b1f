"""What the tests of the embedded server share: member processes, and looking at a server."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from fuseline.events.embedded_paths import embedded_paths

T = TypeVar("T")
MEMBER = Path(__file__).with_name("embedded_member.py")


class Member:
    """A process that shares the embedded server of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(MEMBER), str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env=os.environ | {"PYTHONPATH": "."},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def wait_until_owner(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "owner\n"

    def leave(self) -> None:
        """End as a program ends; returns when it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        self.process.stdout.close()

    def kill(self) -> None:
        """End without a chance to clean up."""
        self.process.kill()
        self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


def until(found: Callable[[], T], within_seconds: float = 20.0) -> T:
    """Wait for a condition and return its value."""
    deadline = time.monotonic() + within_seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)
    return value


def orphans(data_dir: Path) -> list[psutil.Process]:
    """Processes that stand in the server's folder."""
    folder = str(embedded_paths(data_dir).folder)
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == folder:
                found.append(process)
    return found


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=2, retry=Retry(NoBackoff(), 0)
    )


def read(url: str, key: str) -> str | None:
    """The value of a key, or None while no server answers."""
    with client(url) as connection, contextlib.suppress(redis.RedisError, OSError):
        value = connection.get(key)
        return value if isinstance(value, str) else None
    return None


def write(url: str, key: str, value: str) -> None:
    with client(url) as connection:
        connection.set(key, value)


def server_pid(url: str) -> int | None:
    with client(url) as connection, contextlib.suppress(redis.RedisError, OSError):
        return int(connection.info("server")["process_id"])
    return None
