"""The server behind a namespace: connections, functions, the namespace's own record."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from time import monotonic
from typing import Any

from redis.asyncio.connection import ConnectionPool
from redis.exceptions import NoPermissionError, ResponseError

from fuseline.core.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigError,
    IncompatibleServerError,
    NamespaceMismatchError,
)
from fuseline.events import library
from fuseline.events.address import Topology, connection_arguments, parse_address, redact
from fuseline.events.clock import ServerClock
from fuseline.events.cluster import ClusterWire
from fuseline.events.nodes import Nodes
from fuseline.events.older import Older
from fuseline.events.sentinel import make_master_pool
from fuseline.events.settings import BackendSettings
from fuseline.events.wire import Command, Wire, translate


class Backend:
    """An opened namespace: makes wires, calls functions, knows Redis's time.

    Made by `open`; `close` closes every wire made here.
    """

    def __init__(self, settings: BackendSettings, url: str) -> None:
        self.settings = settings
        self.url = url
        self.clock = ServerClock()
        self.server = "unknown"  # e.g. "valkey 9.1.2"
        self.incarnation = ""  # changes when the namespace's data is made anew
        self.older: Older | None = None  # where entries are that were trimmed, if known
        self._wires: list[Wire] = []
        self._address = parse_address(url)
        self._nodes: Nodes | None = None
        is_cluster = self._address.topology == "cluster"
        self.keys = settings.keys(cluster=is_cluster)
        if is_cluster:
            self._nodes = Nodes(self._address, settings.timeout_seconds)
        self.wire = self.make_wire()

    @classmethod
    async def open(cls, settings: BackendSettings, url: str | None = None) -> Backend:
        """Connects, checks the server, loads the functions, makes or checks the namespace.

        Args:
            settings: where the log is.
            url: where the embedded server is, if `settings.url` is None.

        Raises:
            BackendUnavailableError: no answer, or this user is refused.
            IncompatibleServerError: no Redis Functions, so older than Redis 7.0.
            NamespaceMismatchError: the namespace was made with another number of shards.
            WrongKeyTypeError: another program uses the namespace's keys.
        """
        target = settings.url or url
        if target is None:
            raise ConfigError("url", None, "a URL, or the one of a started embedded server")
        backend = cls(settings, target)
        try:
            await backend._check_server()
            await backend.load_functions()
            await backend.check_namespace()
        except BackendError as error:
            await backend.close()
            raise type(error)(f"{redact(target)}: {error}") from error
        except BaseException:
            await backend.close()
            raise
        return backend

    def make_wire(self, block_seconds: float = 0.0) -> Wire:
        """A connection of its own; one that blocks for `block_seconds` waits that much longer."""
        timeout = self.settings.timeout_seconds
        wire: Wire
        if self._nodes is not None:
            wire = ClusterWire(self._nodes, timeout, block_seconds)
        else:
            if self._address.topology == "sentinel":
                pool = make_master_pool(self._address, timeout)
            else:
                pool = ConnectionPool(**connection_arguments(self._address.server, timeout))
            wire = Wire(pool, timeout + block_seconds, blocks=block_seconds > 0)
        self._wires.append(wire)
        return wire

    async def drop_wire(self, wire: Wire) -> None:
        """Closes one wire that is no longer needed."""
        await wire.close()
        if wire in self._wires:
            self._wires.remove(wire)

    async def close(self) -> None:
        """Closes all wires."""
        for wire in self._wires:
            await wire.close()

    @property
    def topology(self) -> Topology:
        """What stands behind the URL."""
        return self._address.topology

    @property
    def moves(self) -> int:
        """How often a part of the keys has come under another server while this ran.

        It may lack what the one before had acknowledged. On a cluster alone; elsewhere connections
        end when that happens.
        """
        return self._nodes.moves if self._nodes is not None else 0

    @property
    def commands_sent(self) -> int:
        """Number of commands sent by all wires so far."""
        return sum(wire.commands_sent for wire in self._wires)

    async def fcall(
        self,
        name: str,
        keys: Sequence[str],
        args: Sequence[str | bytes | int | float],
        wire: Wire | None = None,
    ) -> Any:
        """Calls a server-side function; loads the library again if the server has lost it."""
        (reply,) = await self.fcall_many([(name, keys, args)], wire)
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        return reply

    async def fcall_many(
        self,
        calls: Sequence[tuple[str, Sequence[str], Sequence[str | bytes | int | float]]],
        wire: Wire | None = None,
    ) -> list[Any]:
        """Calls several functions in one go; error replies stand in the list as exceptions.

        So do, on a cluster, the calls of a node that does not answer, while others do.
        """
        wire = wire or self.wire
        commands: list[Command] = [
            ("FCALL", library.function(name), len(keys), *keys, *args) for name, keys, args in calls
        ]
        replies = await wire.call_some(commands)
        if lost := [n for n, reply in enumerate(replies) if _is_lost(reply)]:
            await self.load_functions()
            again = await wire.call_some([commands[n] for n in lost])
            for n, reply in zip(lost, again, strict=True):
                replies[n] = reply
        return replies

    async def load_functions(self) -> None:
        """Loads the library unless the server has this build or a newer one; on each server."""
        for wire in await self.wire.each():
            await self._load_functions(wire)

    async def _load_functions(self, wire: Wire) -> None:
        (reply,) = await wire.call_many([("FCALL", library.function("build"), 0)])
        if isinstance(reply, int) and reply >= library.BUILD:
            return
        if isinstance(reply, Exception) and not _is_lost(reply):
            raise translate(reply) from reply
        load: Command = ("FUNCTION", "LOAD", "REPLACE", library.source())
        (reply,) = await wire.call_many([load])
        if isinstance(reply, NoPermissionError):
            raise BackendUnavailableError(
                f"the server has no functions of Fuseline of build {library.BUILD} or newer, and "
                "this user may not load them; run `fuseline status` once with a user that may"
            )
        if isinstance(reply, Exception):
            raise translate(reply) from reply

    async def learn_time(self, wire: Wire | None = None) -> int:
        """Asks for Redis's time; returns it in ms."""
        sent = monotonic()
        seconds, microseconds = await (wire or self.wire).call("TIME")
        now_ms = int(seconds) * 1000 + int(microseconds) / 1000
        self.clock.learn(now_ms - 0.5, sent, monotonic())
        return int(now_ms)

    async def _check_server(self) -> None:
        (reply,) = await self.wire.call_many([("INFO", "server")])
        if isinstance(reply, NoPermissionError):
            # A user with the least privileges; that the functions are there proves the version.
            await self.learn_time()
            return
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        info = _parse_info(reply)
        kind = info.get("server_name") or "redis"
        version = info.get(f"{kind}_version") or info.get("redis_version", "0")
        self.server = f"{kind} {version}"
        try:
            major = int(info.get("redis_version", "0").split(".")[0])
        except ValueError:
            major = 0
        if major < 7:
            raise IncompatibleServerError(
                f"the server is {self.server}; Fuseline needs Redis 7.0 or newer, or Valkey"
            )
        await self.learn_time()

    async def check_namespace(self, wire: Wire | None = None) -> bool:
        """Makes the namespace's record if there is none.

        Returns:
            Whether the namespace has been made anew since this was last asked.

        Raises:
            NamespaceMismatchError: it was made with another number of shards.
        """
        wire = wire or self.wire
        key, shards = self.keys.namespace, len(self.keys.shards)
        before = self.incarnation
        record = await self._read_namespace(key, wire)
        if "shards" not in record or "incarnation" not in record:
            await wire.call("HSETNX", key, "shards", shards)
            await wire.call("HSETNX", key, "incarnation", secrets.token_hex(8))
            record = await self._read_namespace(key, wire)
        stored, self.incarnation = record["shards"], record["incarnation"]
        if stored != str(shards):
            raise NamespaceMismatchError(
                f"namespace {self.keys.namespace_name!r} was made with {stored} shards, this "
                f"process is set to {shards}; set FUSELINE_SHARDS={stored} or another namespace"
            )
        return self.incarnation != before

    async def _read_namespace(self, key: str, wire: Wire) -> dict[str, str]:
        flat = [part.decode() for part in await wire.call("HGETALL", key)]
        return dict(zip(flat[::2], flat[1::2], strict=True))


def _is_lost(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and "Function not found" in str(reply)


def _parse_info(raw: Any) -> dict[str, str]:
    text = raw.decode() if isinstance(raw, bytes) else str(raw)
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, _, value in pairs}
