"""Servers with replicas, as processes: behind Sentinels, and as a cluster."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hiredis

from tests.servers import RealServer, _free_port
from tests.waiting import eventually

SERVICE = "fuseline"
DOWN_AFTER_MS = 1000
"""What silence makes a server count as dead: `down-after-milliseconds`, `cluster-node-timeout`."""

TIMEOUT_SECONDS = 60.0
"""For what a topology does by itself; the machine may be busy."""

# The settings that docs/high-availability.md gives.
REPLICATED = {
    "repl-diskless-sync-delay": "0",
    "min-replicas-to-write": "0",
    "replica-serve-stale-data": "yes",
    "replica-read-only": "yes",
}


class Node(RealServer):
    """A server of a topology; speaks TCP, and remembers that it was the master."""

    def __init__(self, config: dict[str, str] | None = None, binary: Path | None = None) -> None:
        super().__init__(
            appendonly=True, tcp=True, config=REPLICATED | (config or {}), binary=binary
        )

    def use_tls(self) -> None:
        """Speaks TLS on its port from the start; the socket stays plain."""
        self._settings |= {"port": "0", "tls-port": str(self.port)}

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def tell(self, *command: str | int, timeout_seconds: float = 10.0) -> Any:
        """Sends a command; what it answers. Errors are returned, as hiredis gives them."""
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_unix_connection(self.socket)
            try:
                writer.write(hiredis.pack_command(command))
                parser = hiredis.Reader()
                while (reply := parser.gets()) is False:
                    parser.feed(await reader.read(1 << 16) or _fail(self))
                return reply
            finally:
                writer.close()

    async def is_master(self) -> bool:
        return self.running and (await self._role())[:1] == [b"master"]

    async def is_synced(self) -> bool:
        """Whether this replica follows its master."""
        role = await self._role()
        return role[:1] == [b"slave"] and role[3] == b"connected"

    async def _role(self) -> list[Any]:
        """What it answers to ROLE; nothing if it cuts the connection, as a demoted one does."""
        try:
            return list(await self.tell("ROLE"))
        except OSError:
            return []

    async def count(self, keys: Sequence[str]) -> int:
        """The entries in those of the streams that lie here."""
        lengths = [await self.tell("XLEN", key) for key in keys]
        return sum(length for length in lengths if isinstance(length, int))


def _fail(node: Node) -> bytes:
    raise ConnectionError(f"{node.host} has closed the connection")


class SentinelProcess(Node):
    """A Sentinel."""

    def __init__(
        self, master: Node, quorum: int, extra: str = "", binary: Path | None = None
    ) -> None:
        super().__init__(binary=binary)
        self.conf = self.folder / "sentinel.conf"
        self.conf.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"unixsocket {self.socket}\nunixsocketperm 700\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 5000\n"
            f"sentinel parallel-syncs {SERVICE} 1\n{extra}"
        )

    def use_tls(self) -> None:
        text = self.conf.read_text().replace(f"port {self.port}\n", "port 0\n", 1)
        self.conf.write_text(f"tls-port {self.port}\n{text}")

    def _arguments(self) -> list[str]:
        return [str(self.conf), "--sentinel"]

    async def knows(self, replicas: int, others: int) -> bool:
        """Whether this Sentinel has found the replicas and the other Sentinels."""
        flat = await self.tell("SENTINEL", "MASTER", SERVICE)
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        return (
            int(state[b"num-slaves"]) == replicas
            and int(state[b"num-other-sentinels"]) == others
            and state[b"flags"] == b"master"
        )


class SentinelTopology:
    """A master, a replica, and three Sentinels that watch them."""

    def __init__(self) -> None:
        self.first = Node()
        self.second = Node({"replicaof": f"127.0.0.1 {self.first.port}"})
        self.sentinels = [SentinelProcess(self.first, 2) for _ in range(3)]

    @property
    def url(self) -> str:
        hosts = ",".join(sentinel.host for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    async def victim(self, _keys: Sequence[str]) -> tuple[Node, Node]:
        """The master, and the replica that shall take its place."""
        return self.first, self.second

    async def start(self) -> None:
        for node in (self.first, self.second, *self.sentinels):
            await asyncio.to_thread(node.start)
        await eventually(self.second.is_synced, TIMEOUT_SECONDS)
        for sentinel in self.sentinels:
            await eventually(lambda s=sentinel: s.knows(1, 2), TIMEOUT_SECONDS)

    def close(self) -> None:
        for node in (*self.sentinels, self.first, self.second):
            node.close()


class ClusterTopology:
    """Three masters and a replica of each."""

    def __init__(self) -> None:
        config = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(DOWN_AFTER_MS),
            "cluster-require-full-coverage": "no",
            "cluster-replica-validity-factor": "10",
        }
        self.nodes = [Node(config | {"cluster-port": str(_free_port())}) for _ in range(6)]
        self.masters, self.replicas = self.nodes[:3], self.nodes[3:]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(node.host for node in self.nodes[:3])

    async def start(self) -> None:
        for node in self.nodes:
            await asyncio.to_thread(node.start)
        size = 16384 // 3 + 1
        for n, master in enumerate(self.masters):
            last = min(16383, (n + 1) * size - 1)
            await master.tell("CLUSTER", "SET-CONFIG-EPOCH", n + 1)
            await master.tell("CLUSTER", "ADDSLOTSRANGE", n * size, last)
        first = self.nodes[0]
        for node in self.nodes[1:]:
            bus = node._settings["cluster-port"]
            await first.tell("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for node in self.nodes:
            await eventually(lambda n=node: _meets(n, 6), TIMEOUT_SECONDS)
        for master, replica in zip(self.masters, self.replicas, strict=True):
            master_id = (await master.tell("CLUSTER", "MYID")).decode()
            await eventually(lambda r=replica, m=master_id: _follow(r, m), TIMEOUT_SECONDS)
        for node in self.nodes:
            await eventually(lambda n=node: _is_whole(n), TIMEOUT_SECONDS)
        for replica in self.replicas:
            await eventually(replica.is_synced, TIMEOUT_SECONDS)

    async def victim(self, keys: Sequence[str]) -> tuple[Node, Node]:
        """The master of most of the keys, and the replica that shall take its place."""
        slots = [await self.nodes[0].tell("CLUSTER", "KEYSLOT", key) for key in keys]
        ((n, _),) = Counter(slot // (16384 // 3 + 1) for slot in slots).most_common(1)
        return self.masters[n], self.replicas[n]

    def close(self) -> None:
        for node in self.nodes:
            node.close()


Topology = SentinelTopology | ClusterTopology


async def _meets(node: Node, count: int) -> bool:
    return f"cluster_known_nodes:{count}" in (await node.tell("CLUSTER", "INFO")).decode()


async def _follow(replica: Node, master_id: str) -> bool:
    return await replica.tell("CLUSTER", "REPLICATE", master_id) == b"OK"


async def _is_whole(node: Node) -> bool:
    info = (await node.tell("CLUSTER", "INFO")).decode()
    nodes = (await node.tell("CLUSTER", "NODES")).decode()
    return "cluster_state:ok" in info and nodes.count("slave ") == 3


async def cut_off(master: Node, replica: Node) -> None:
    """From here on nothing the master does reaches the replica, which is frozen.

    Freezing alone would not do: what is in the kernel's buffers would be read after all.
    """
    replica.pause()
    await master.tell("CLIENT", "KILL", "TYPE", "replica")


@contextlib.contextmanager
def closing(topology: Topology) -> Iterator[None]:
    """Ends all its processes."""
    try:
        yield
    finally:
        topology.close()
