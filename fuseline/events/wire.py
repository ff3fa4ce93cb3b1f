"""One connection, used in request and reply order.

redis-py's connections are used directly: its client costs more per command than the server does,
retries ten times by default, and its pool cannot say which replies belong to a cancelled command.
Here every failure or cancellation between request and reply closes the connection, so no reply can
go to the wrong caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

import anyio
import hiredis
from redis import exceptions as redis_errors
from redis.asyncio.connection import AbstractConnection, ConnectionPool

from fuseline.core.errors import (
    BackendError,
    BackendUnavailableError,
    IncompatibleServerError,
    WrongKeyTypeError,
)
from fuseline.telemetry import instruments

# A long pipeline may take longer, but not for ever.
_REPLIES_PER_TIMEOUT = 1000

Command = tuple[str | bytes | int | float, ...]


class Wire:
    """A connection to the server; commands of concurrent tasks follow one another.

    Raises (all methods): the errors of `translate`. After BackendUnavailableError it is unknown
    whether the server has carried the commands out.
    """

    def __init__(
        self, pool: ConnectionPool, timeout_seconds: float, *, blocks: bool = False
    ) -> None:
        self._blocks = blocks
        self._connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
        self._timeout_seconds = timeout_seconds
        self._lock = asyncio.Lock()  # it asks half as much of the loop as anyio's
        self.commands_sent = 0

    async def call(self, *command: str | bytes | float) -> Any:
        """Sends one command and returns its reply."""
        (reply,) = await self.call_many([command])
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        return reply

    async def call_many(self, commands: Sequence[Command]) -> list[Any]:
        """Sends commands in one go; error replies stand in the list as exceptions."""
        async with self._lock:
            self.commands_sent += len(commands)
            seconds = self._timeout_seconds * (1 + len(commands) // _REPLIES_PER_TIMEOUT)
            began = monotonic()
            try:
                # One deadline for all of it. redis-py's own timeouts are off: they cost more than
                # parsing a reply, and on Python 3.11 its `wait_for` can swallow a cancellation.
                async with asyncio.timeout(seconds):
                    replies = await self._exchange(commands)
            except (redis_errors.RedisError, OSError, TimeoutError) as error:
                await self._drop()
                silent = isinstance(error, TimeoutError) and not str(error)
                told = TimeoutError(f"no reply within {seconds:g} s") if silent else error
                raise translate(told) from error
            except BaseException:
                await self._drop()
                raise
            if commands and not (self._blocks and commands[0][0] == "XREAD"):
                instruments.operation_duration.record(monotonic() - began, _about(commands[0]))
            return replies

    # Behind this wire is one server: all get their answers, or nobody does. See `ClusterWire`.
    call_some = call_many

    async def each(self) -> list[Wire]:
        """A wire to each server that holds a part of the keys."""
        return [self]

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        packed = b"".join(map(hiredis.pack_command, commands))  # type: ignore[arg-type]
        await connection.send_packed_command(packed, check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except redis_errors.ResponseError as error:
                replies.append(error)
        return replies

    async def close(self) -> None:
        """Closes the connection; a later call opens it again."""
        await self._drop()

    async def _drop(self) -> None:
        with anyio.CancelScope(shield=True):
            await self._connection.disconnect(nowait=True)


def _about(command: Command) -> Mapping[str, str]:
    """Attributes of a round trip: the first command, and for FCALL the function."""
    name = command[0]
    if name == "FCALL":
        return _attributes(f"FCALL {command[1]!s}")
    return _attributes(name if isinstance(name, str) else "other")


@lru_cache(maxsize=256)
def _attributes(name: str) -> Mapping[str, str]:
    return {"db.system.name": "redis", "db.operation.name": name}


def translate(error: Exception) -> BackendError:
    """Turns an error of redis-py into ours, with what to do about it."""
    if isinstance(error, BackendError):
        return error
    if isinstance(error.__cause__, redis_errors.RedisError):
        error = error.__cause__  # while connecting, redis-py wraps what the server has said
    text = str(error)
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.NoPermissionError) or (
        text.startswith(("NOAUTH", "WRONGPASS", "NOPERM"))
    ):
        return BackendUnavailableError(
            f"the server refuses this user: {text.rstrip('.')}; check user and password in the URL"
        )
    if isinstance(error, redis_errors.MovedError):
        return IncompatibleServerError(
            "the server is a node of a cluster; use redis+cluster:// in the URL"
        )
    if isinstance(error, redis_errors.TimeoutError | TimeoutError) or text.startswith("Timeout "):
        return BackendUnavailableError(
            f"the server does not answer in time: {text}; it is overloaded, frozen, or cut off"
        )
    if isinstance(error, redis_errors.InvalidResponse):
        return BackendUnavailableError(
            f"what answers is no Redis or Valkey: {text}; check the URL, also whether it is TLS"
        )
    if isinstance(error, redis_errors.ConnectionError | OSError):
        return BackendUnavailableError(
            f"the server cannot be reached: {text.rstrip('.')}; check that it runs, and the URL"
        )
    if "WRONGTYPE" in text:
        return WrongKeyTypeError(
            f"a key of the namespace holds another type ({text}); another program writes to it: "
            "choose another FUSELINE_NAMESPACE or remove the key"
        )
    if "unknown command" in text.lower():
        return IncompatibleServerError(
            f"the server lacks a command ({text}); Fuseline needs Redis 7.0 or newer, or Valkey"
        )
    return BackendError(f"the server refused a command: {text}")
