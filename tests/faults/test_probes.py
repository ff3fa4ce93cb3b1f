"""Probes over many processes: never more than the limit, and no place is lost."""

import asyncio
import random
import time
from typing import Any

import pytest

from fuseline.core.circuit import Cause, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.agents import configure
from fuseline.events.backend import Backend
from tests.faults.support import (
    actors,
    connect,
    decide,
    new_worker,
    probes_of,
    total,
)
from tests.logbook import assert_projection_is_the_fold, log_of, projection_of, transitions_of
from tests.members import Member
from tests.projections.support import until_folded, until_state
from tests.repeats import REPEATS
from tests.waiting import eventually

PROCESSES = 8
CALLERS = 50
LEASE = 4.0  # a place comes back when this and the budget of an answer are over
LONG = 30.0
LATE_MS = 1500  # a place may come back this late on a busy machine, never early


def config(limit: int, *, timeout: float = 0.15, lease: float = LONG) -> dict[str, Any]:
    return {
        "failure_threshold": 1,
        "failure_rate_threshold": None,
        "timeout_seconds": timeout,
        "half_open_max_calls": limit,
        "probe_lease_seconds": lease,
    }


async def trip(backend: Backend, crew: list[Member], agent: str, settings: dict[str, Any]) -> None:
    """Opens the circuit in the first process and waits until it is half open for all of them."""
    for member in crew:
        await member.ask("get", agent=agent, config=settings)
    assert await crew[0].ask("sequence", agent=agent, plans=["x"]) == ["failed"]
    await until_state(backend, agent, "half_open")
    await crew[0].ask("until_state", agent=agent, state="half_open")


class Rounds:
    """Plays rounds of probes with processes that stay connected."""

    def __init__(self, crew: list[Member], backend: Backend, url: str, seed: int) -> None:
        self.crew = crew
        self.backend = backend
        self.url = url
        self.rng = random.Random(seed)
        self.inside = False  # whether the workers project
        self.agent, self.limit, self.lease = "", 0, LONG
        self.reopened = False
        self.kills = self.reopenings = self.closings = 0

    @property
    def namespace(self) -> str:
        return self.backend.keys.namespace_name

    async def connect(self, *, inside: bool) -> None:
        self.inside = inside
        await asyncio.gather(
            *(connect(m, self.url, self.namespace, projector=inside) for m in self.crew)
        )

    async def play(self, number: int, *, kill: bool) -> None:
        if self.reopened and not kill:
            await until_state(self.backend, self.agent, "half_open")
            for member in self.crew:
                await member.ask("until_state", agent=self.agent, state="half_open")
        else:
            await self._begin(number, kill=kill)
        answers = await asyncio.gather(
            *(m.ask("decide", agent=self.agent, count=CALLERS) for m in self.crew)
        )
        refused = len(self.crew) * CALLERS - self.limit
        assert total(answers) == {"held": self.limit, "rejected": refused}
        vanished = 0
        if kill:
            vanished = await self._kill(answers)
        ended = await self._end()
        probes = probes_of(await log_of(self.backend, self.agent), self.limit)
        starts = probes[ended.epoch - 1]
        assert len(starts) == self.limit + vanished
        if kill:
            assert starts[self.limit][0] < starts[self.limit - 1][1] + LATE_MS
            await new_worker(self.crew, self.url, self.namespace, projector=self.inside)
            self.reopened = False  # the new process does not know it

    async def _begin(self, number: int, *, kill: bool) -> None:
        rng = self.rng
        self.agent, self.limit = f"agent-{number}", rng.randrange(1, 9)
        self.lease = LEASE if kill else LONG
        settings = config(self.limit, timeout=rng.uniform(0.1, 0.3), lease=self.lease)
        for member in self.crew:
            await member.ask("get", agent=self.agent, config=settings)
        # The others meet the circuit for the first time in the burst, or know it already.
        knowing = rng.sample(self.crew[1:], rng.randrange(0, len(self.crew)))
        await asyncio.gather(*(m.ask("sequence", agent=self.agent, plans=["ok"]) for m in knowing))
        await trip(self.backend, self.crew[:1], self.agent, settings)
        for member in knowing:
            await member.ask("until_state", agent=self.agent, state="half_open")

    async def _kill(self, answers: list[dict[str, int]]) -> int:
        """Kills a holder; its places come back at their deadline, and once."""
        holders = [n for n, answer in enumerate(answers) if answer.get("held")]
        number = self.rng.choice(holders)
        vanished = answers[number]["held"]
        victim = self.crew.pop(number)
        await victim.kill()
        self.kills += 1
        survivors = total(
            await asyncio.gather(
                *(m.ask("let_go_of", agent=self.agent, verdict="ok") for m in self.crew)
            )
        )
        assert survivors.get("ok", 0) == self.limit - vanished
        back = 0
        deadline = time.monotonic() + 16
        while back < vanished:
            assert time.monotonic() < deadline, f"{back} of {vanished} places came back"
            caller = self.rng.choice(self.crew)
            back += (await caller.ask("decide", agent=self.agent, count=1)).get("held", 0)
        assert back == vanished
        assert (await decide(self.crew, self.agent, 5)).get("held", 0) == 0
        return vanished

    async def _end(self) -> Any:
        verdict = self.rng.choice(["ok", "ok", "x"])
        before = await projection_of(self.backend, self.agent)
        assert before is not None
        ends = total(
            await asyncio.gather(
                *(m.ask("let_go_of", agent=self.agent, verdict=verdict) for m in self.crew)
            )
        )
        if self.lease == LONG:
            assert set(ends) == {"ok" if verdict == "ok" else "failed"}
        # With a short lease a busy machine may cut a probe off first.
        self.reopened = set(ends) != {"ok"}
        cause = Cause.PROBE_FAILED if self.reopened else Cause.PROBES_SUCCEEDED

        async def decided() -> Any:
            changes = await transitions_of(self.backend, self.agent)
            # A reopened circuit may be half open again by the time it is looked at.
            found = [change for change in changes if change.cause is cause]
            return found[-1] if found and found[-1].epoch > before.epoch else None

        self.reopenings += self.reopened
        self.closings += not self.reopened
        return await eventually(decided)


async def play_rounds(
    backend: Backend, url: str, rounds: int, kill_every: int, seed: int
) -> Rounds:
    namespace = backend.keys.namespace_name
    async with actors(PROCESSES) as crew, actors() as (projector,):
        play = Rounds(crew, backend, url, seed)
        await projector.ask("project", url=url, namespace=namespace)
        await play.connect(inside=False)
        for number in range(rounds // 2):
            await play.play(number, kill=number % kill_every == kill_every - 1)
        await asyncio.gather(*(member.ask("close") for member in crew))
        await projector.kill()
        await play.connect(inside=True)
        play.reopened = False
        for number in range(rounds // 2, rounds):
            await play.play(number, kill=number % kill_every == kill_every - 1)
    assert play.kills == rounds // kill_every
    assert play.closings > 0
    return play


async def test_no_more_than_the_limit_over_all_processes(backend: Backend, redis_url: str) -> None:
    await play_rounds(backend, redis_url, rounds=10, kill_every=5, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 2 + REPEATS))
async def test_no_more_than_the_limit_over_fifty_rounds(
    backend: Backend, redis_url: str, seed: int
) -> None:
    play = await play_rounds(backend, redis_url, rounds=50, kill_every=12, seed=seed)
    assert play.reopenings > 4


async def test_a_new_process_lets_nothing_through_an_open_circuit(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(3) as (old, *fresh):
        await connect(old, redis_url, namespace)
        settings = config(1, timeout=LONG)
        await old.ask("get", agent="a", config=settings)
        assert await old.ask("sequence", agent="a", plans=["x"]) == ["failed"]
        await until_state(backend, "a", "open")
        for member in fresh:
            await connect(member, redis_url, namespace, projector=False)
            await member.ask("get", agent="a", config=settings)
        assert await decide(fresh, "a", CALLERS) == {"rejected": 2 * CALLERS}


async def test_a_cancelled_probe_gives_its_place_back_at_once(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(2) as crew:
        holder, caller = crew
        for member in crew:
            await connect(member, redis_url, namespace)
        await trip(backend, crew, "a", config(1))
        assert await decide([holder], "a", 1) == {"held": 1}
        assert await decide([caller], "a", 20) == {"rejected": 20}
        assert await holder.ask("cancel_held", agent="a") == {"cancelled": 1}
        began = time.monotonic()
        await eventually(lambda: _held(caller, "a"))
        assert time.monotonic() - began < 1.0
        assert await caller.ask("let_go_of", agent="a", verdict="ok") == {"ok": 1}
        await until_state(backend, "a", "closed")
        (starts,) = probes_of(await log_of(backend, "a"), 1).values()
        assert len(starts) == 2


async def _held(member: Member, agent: str) -> bool:
    return (await decide([member], agent, 1)).get("held") == 1


async def test_a_vanished_probe_gives_its_place_back_at_its_lease(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(2) as crew:
        caller, holder = crew
        for member in crew:
            await connect(member, redis_url, namespace)
        await trip(backend, crew, "a", config(1, lease=LEASE))
        assert await decide([holder], "a", 5) == {"held": 1, "rejected": 4}
        await holder.kill()
        # A caller every few ms: steady traffic must not keep the place from coming back.
        await eventually(lambda: _held(caller, "a"), 16)
        (starts,) = probes_of(await log_of(backend, "a"), 1).values()
        (_, deadline), (second, _) = starts
        assert deadline <= second < deadline + LATE_MS
        assert await caller.ask("let_go_of", agent="a", verdict="ok") == {"ok": 1}
        await until_state(backend, "a", "closed")


async def test_a_probe_is_cut_off_before_its_place_comes_back(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(2) as crew:
        for member in crew:
            await connect(member, redis_url, namespace)
        holder, _ = crew
        await trip(backend, crew, "a", config(1, lease=0.4))
        assert await decide(crew, "a", 5) == {"held": 1, "rejected": 9}
        ends = total([await member.ask("ends", agent="a") for member in crew])
        assert ends == {"timeout": 1}
        opened = await eventually(lambda: _transitions(backend, "a", 3))
        assert opened[2].cause is Cause.PROBE_FAILED
        probes_of(await log_of(backend, "a"), 1)
        assert holder.alive


async def _transitions(backend: Backend, agent: str, count: int) -> Any:
    found = await transitions_of(backend, agent)
    return found if len(found) >= count else None


async def test_a_result_of_round_one_does_nothing_in_round_two(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(3) as crew:
        first, second, third = crew
        for member in crew:
            await connect(member, redis_url, namespace)
        await trip(backend, crew, "a", config(2))
        assert await decide([first], "a", 1) == {"held": 1}
        assert await second.ask("sequence", agent="a", plans=["x"]) == ["failed"]
        await eventually(lambda: _transitions(backend, "a", 3))
        await third.ask("until_state", agent="a", state="half_open")
        assert await decide([third], "a", 1) == {"held": 1}
        assert await first.ask("let_go_of", agent="a", verdict="ok") == {"ok": 1}
        await first.ask("flush")
        await until_folded(backend, "a")
        circuit = await assert_projection_is_the_fold(backend, "a")
        assert (circuit.state, circuit.epoch) == (CircuitState.HALF_OPEN, 4)
        assert (circuit.probe_successes, len(circuit.probes)) == (0, 1)
        # The round's other place is there, and only that one.
        assert (await decide([second], "a", 10)) == {"held": 1, "rejected": 9}
        for member in (second, third):
            assert await member.ask("let_go_of", agent="a", verdict="ok") == {"ok": 1}
        await until_state(backend, "a", "closed")
        assert len(await transitions_of(backend, "a")) == 5


async def _set_limit(backend: Backend, agent: str, settings: dict[str, Any], revision: int) -> None:
    changed = CircuitBreakerConfig(**settings)
    await configure(backend, agent, changed, revision=revision, actor="tester")


async def test_the_limit_changes_in_the_middle_of_a_round(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(3) as crew:
        for member in crew:
            await connect(member, redis_url, namespace)
        await trip(backend, crew, "a", config(2))
        assert await decide(crew, "a", 10) == {"held": 2, "rejected": 28}
        await _set_limit(backend, "a", config(5), 1)
        # No wait: a place is refused until the change is folded, and then counted under it.
        assert await decide(crew, "a", 10) == {"held": 3, "rejected": 27}
        await _set_limit(backend, "a", config(3), 2)
        assert await decide(crew, "a", 10) == {"rejected": 30}
        # Of the five that are out three are enough now.
        ends = await asyncio.gather(*(m.ask("let_go_of", agent="a", verdict="ok") for m in crew))
        assert total(ends) == {"ok": 5}
        await until_state(backend, "a", "closed")
        await until_folded(backend, "a")
        circuit = await assert_projection_is_the_fold(backend, "a")
        assert circuit.epoch == 3


async def test_a_limit_below_the_successes_so_far_closes_at_once(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(2) as crew:
        for member in crew:
            await connect(member, redis_url, namespace)
        one, two = crew
        await trip(backend, crew, "a", config(3))
        assert await two.ask("sequence", agent="a", plans=["ok"]) == ["ok"]
        assert await decide([one], "a", 1) == {"held": 1}
        await _set_limit(backend, "a", config(1), 1)
        await until_state(backend, "a", "closed")
        assert await one.ask("let_go_of", agent="a", verdict="x") == {"failed": 1}
        await one.ask("flush")
        await until_folded(backend, "a")
        circuit = await assert_projection_is_the_fold(backend, "a")
        assert (circuit.state, circuit.consecutive_failures) == (CircuitState.CLOSED, 0)


@pytest.mark.parametrize("seed", range(2))
async def test_limits_that_change_under_a_burst_are_kept(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    rng = random.Random(seed)
    async with actors(4) as crew:
        for member in crew:
            await connect(member, redis_url, namespace)
        await trip(backend, crew, "a", config(1))
        held, most, revision = 0, 1, 1
        for _ in range(6):
            limit = rng.randrange(1, 12)
            burst = asyncio.create_task(decide(crew, "a", 20))
            await _set_limit(backend, "a", config(limit), revision)
            revision += 1
            most = max(most, limit)
            held += (await burst).get("held", 0)
            assert held <= most
        held += (await decide(crew, "a", 20)).get("held", 0)
        assert held == max(held, limit) <= most
        await until_folded(backend, "a")
        circuit = await assert_projection_is_the_fold(backend, "a")
        assert len(circuit.probes) == held
        probes_of(await log_of(backend, "a"), most)
