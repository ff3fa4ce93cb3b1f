"""What the fault tests share: processes, independent counts over the log, verification."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.projections.verify import verify
from tests.faults.nursery import nursery
from tests.logbook import folded, log_of
from tests.members import Member, members
from tests.waiting import eventually

BUDGET_SECONDS = 1.0  # the tests ask how many, not how fast; this machine may be busy


@contextlib.asynccontextmanager
async def actors(count: int = 1, clock_offset: float = 0.0) -> AsyncIterator[list[Member]]:
    """Started processes of `tests.faults.actor`; all are killed at the end."""
    if clock_offset:
        async with members(count, clock_offset, "tests.faults.actor") as crew:
            yield crew
        return
    crew = [await nursery().start() for _ in range(count)]
    try:
        yield crew
    finally:
        await asyncio.gather(*(member.kill() for member in crew))


async def connect(member: Member, url: str, namespace: str, **options: Any) -> int:
    """Connects a process as a worker; returns its producer id."""
    options = {"budget_seconds": BUDGET_SECONDS} | options
    return (await member.ask("connect", url=url, namespace=namespace, **options))["producer"]


async def new_worker(crew: list[Member], url: str, namespace: str, **options: Any) -> Member:
    """One more process in the crew, connected."""
    member = await nursery().start()
    crew.append(member)
    await connect(member, url, namespace, **options)
    return member


def total(answers: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sum of what several processes answered."""
    result: Counter[str] = Counter()
    for answer in answers:
        result.update(answer)
    return dict(result)


async def decide(crew: Iterable[Member], agent: str, count: int) -> dict[str, int]:
    """All processes call at once; what was decided, all together."""
    return total(await asyncio.gather(*(m.ask("decide", agent=agent, count=count) for m in crew)))


def probes_of(entries: list[Entry], limit: int) -> dict[int, list[tuple[int, int]]]:
    """The probes of each round as (start, deadline) in ms; at no moment more than the limit.

    Counts from the raw events alone, without the fold.
    """
    rounds: dict[int, list[tuple[int, int]]] = {}
    out: dict[str, int] = {}
    spent = 0
    current = -1
    for ms, seq, event in entries:
        if isinstance(event, ProbeStarted):
            if event.epoch != current:
                current, out, spent = event.epoch, {}, 0
            out = {permit: deadline for permit, deadline in out.items() if deadline > ms}
            assert len(out) + spent < limit, (ms, out, spent)
            out[f"{ms}-{seq}"] = ms + event.lease_ms
            rounds.setdefault(event.epoch, []).append((ms, ms + event.lease_ms))
        elif isinstance(event, Outcome) and event.permit is not None and event.epoch == current:
            deadline = out.pop(event.permit, 0)
            if ms < deadline and event.result is Result.SUCCESS:
                spent += 1
    return rounds


async def until_all_folded(
    backend: Backend, agents: Iterable[str], timeout_seconds: float = 10.0
) -> None:
    """Waits until the projections have reached the ends of the logs."""
    for agent in agents:
        await eventually(lambda a=agent: folded(backend, a), timeout_seconds)


async def assert_verified(backend: Backend, agents: Iterable[str]) -> int:
    """Each projection equals the fold of its whole log; returns the number of outcomes."""
    outcomes = 0
    for agent in agents:
        verification = await verify(backend, backend.keys.agent(agent))
        assert verification.ok, verification
        outcomes += verification.outcomes
    return outcomes


class Count:
    """Outcomes in the log, counted by who said what."""

    def __init__(self) -> None:
        self.identities: Counter[tuple[int, int, int]] = Counter()  # shard, worker, seq
        self.kinds: Counter[tuple[str, str]] = Counter()  # agent, failure kind
        self.successes: Counter[tuple[int, str]] = Counter()  # worker, agent

    @classmethod
    async def of(cls, backend: Backend, agents: Iterable[str]) -> "Count":
        """Counts the logs of agents."""
        count = cls()
        for agent in agents:
            shard = backend.keys.agent(agent).shard
            for _, _, event in await log_of(backend, agent):
                if not isinstance(event, Outcome):
                    continue
                count.identities[shard, event.worker, event.seq] += 1
                if event.failure_kind:
                    count.kinds[agent, event.failure_kind] += 1
                elif event.result is Result.SUCCESS:
                    count.successes[event.worker, agent] += 1
        return count

    def assert_none_twice_by_identity(self) -> None:
        """No outcome stands in the log more than once."""
        assert [who for who, n in self.identities.items() if n > 1] == []

    def assert_none_twice(self) -> None:
        """No outcome stands in the log more than once, by identity and by what it says."""
        self.assert_none_twice_by_identity()
        assert [kind for kind, n in self.kinds.items() if n > 1] == []
