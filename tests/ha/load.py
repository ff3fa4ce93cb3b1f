"""Workers under load, and what became of their outcomes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fuseline.core.errors import BackendUnavailableError
from fuseline.events.backend import Backend
from tests.faults.support import Count, connect
from tests.ha.topology import TIMEOUT_SECONDS, Node
from tests.members import Member
from tests.waiting import eventually

NS = "ns"
"""How often the failovers are repeated; faults that need luck show up in the tenth."""

SHARDS = 8
AGENTS = 8

PLAIN = {"failure_threshold": None, "failure_rate_threshold": None}
"""Settings under which nothing opens: every call is admitted."""


class Worker:
    """A process that calls agents of its own until it is told to stop."""

    def __init__(self, name: str, member: Member, folder: Path) -> None:
        self.name = name
        self.member = member
        self.agents = [f"{name}-{n}" for n in range(AGENTS)]
        self.journal = folder / f"{name}.jsonl"
        self.journal.touch()

    async def begin(
        self,
        url: str,
        pause: float = 0.01,
        window: int | None = None,
        config: Mapping[str, Any] = PLAIN,
        **options: Any,
    ) -> None:
        """Connects and begins to call."""
        if window is not None:
            await self.member.ask("set_window", size=window)
        await connect(self.member, url, NS, shards=SHARDS, **options)
        await self.member.ask("get_all", agents=self.agents, config=config)
        self.working = self.member.begin(
            "work", agents=self.agents, journal=str(self.journal), seed=len(self.name), pause=pause
        )

    def acknowledged(self) -> int:
        """How many outcomes flushes have acknowledged."""
        total = plain = 0
        for line in self.journal.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                said = json.loads(line)
                total += len(said["marks"])
                plain = sum(said["plain"].values())
        return total + plain

    async def more(self, count: int) -> None:
        """Waits until so many more are acknowledged."""
        goal = self.acknowledged() + count
        await eventually(lambda: self.acknowledged() >= goal, TIMEOUT_SECONDS, 0.05)

    async def end(self) -> dict[str, Any]:
        """Stops, waits until everything is in the log, and says what was done.

        A caller that had seen an error of Redis would have ended the work with it.
        """
        await self.member.ask("stop")
        await self.working
        await self.member.ask("flush", timeout=TIMEOUT_SECONDS)
        figures: dict[str, Any] = await self.member.ask("figures")
        return figures | await self.member.ask("sent")


def made(figures: dict[str, Any]) -> int:
    """How many outcomes a worker has made; it must have made no others."""
    assert figures["done"].keys() <= {"ok", "failed"}, figures
    return sum(figures["done"].values())


async def in_log(backend: Backend, agents: Sequence[str]) -> int:
    """How many outcomes of agents the log holds; none of them twice."""
    count = await Count.of(backend, agents)
    count.assert_none_twice()
    return sum(count.identities.values())


async def look_again(backend: Backend) -> None:
    """Until a look from outside reaches every shard; its connections may have outlived a master."""
    await eventually(lambda: _reaches(backend), TIMEOUT_SECONDS)


async def _reaches(backend: Backend) -> bool:
    try:
        await backend.wire.call_many([("EXISTS", keys.feed) for keys in backend.keys.shards])
    except BackendUnavailableError:
        return False
    return True


async def logged_by(node: Node, keys: Sequence[str], more_than: int) -> int:
    """Waits until the streams on a node have more entries than that; how many they have."""
    return await eventually(lambda: _beyond(node, keys, more_than), TIMEOUT_SECONDS, 0.05)


async def _beyond(node: Node, keys: Sequence[str], more_than: int) -> int:
    count = await node.count(keys)
    return count if count > more_than else 0
