"""The cells of the design's table that need a probe's permit or an old outcome, through the API."""

import pytest

from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.events.codec import encode_event
from tests.api.driving import Agent, agent, items_there
from tests.api.running import RunningApi
from tests.logbook import append
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR_MS = 3_600_000


async def ask_for_probe(
    api: RunningApi, name: str, epoch: int, lease_ms: int = 60_000
) -> list[bytes]:
    """What the server says to a worker that asks for a place."""
    keys = api.backend.keys.agent(name)
    shard = api.backend.keys.shards[keys.shard]
    reply: list[bytes] = await api.backend.fcall(
        "acquire_probe",
        (keys.circuit, keys.probes, keys.events, shard.dirty, shard.wake),
        (name, epoch, lease_ms, encode_event(ProbeStarted(epoch, lease_ms, 7))),
    )
    return reply


async def permit(api: RunningApi, name: str, epoch: int, lease_ms: int = 60_000) -> str:
    reply = await ask_for_probe(api, name, epoch, lease_ms)
    assert reply[0] == b"OK", reply
    return reply[1].decode()


async def send(api: RunningApi, a: Agent, *outcomes: Outcome) -> None:
    """Appends outcomes with permits or ages of their own."""
    numbered = []
    for outcome in outcomes:
        a.producer.sent += 1
        outcome.worker, outcome.seq = a.producer.producer, a.producer.sent
        numbered.append(outcome)
    first = numbered[0].seq
    producer = a.producer.producer
    reply = await append(
        api.backend, a.name, numbered, first=first, producer=producer, name=f"p{producer}"
    )
    assert reply[0] == b"OK"


def old(result: Result, epoch: int) -> Outcome:
    """An outcome that lay in a spool for an hour; the window is of two minutes."""
    return Outcome(epoch, result, 1, age_ms=HOUR_MS, failure_kind="Boom")


async def test_outcomes_older_than_the_window_are_history_in_every_state(
    tidy_api: RunningApi,
) -> None:
    a = await agent(tidy_api, "w1", failure_threshold=2)
    await a.producer.fail(1)
    await a.until(state="closed", calls=1, consecutive_failures=1)
    await send(tidy_api, a, *(old(Result.FAILURE, 0) for _ in range(3)))
    await eventually(lambda: items_there(a.client, "w1", "outcomes", 4))
    await a.until(state="closed", calls=1, failures=1, consecutive_failures=1)
    await a.producer.fail(1)
    await a.until(state="open", epoch=1)
    await send(tidy_api, a, old(Result.SUCCESS, 1), old(Result.FAILURE, 0))
    await eventually(lambda: items_there(a.client, "w1", "outcomes", 7))
    opened = await a.until(state="open", epoch=1)
    await a.configure(timeout_seconds=0.001)
    await a.until(state="half_open", epoch=2)
    await send(tidy_api, a, old(Result.SUCCESS, 2), old(Result.FAILURE, 2))
    await eventually(lambda: items_there(a.client, "w1", "outcomes", 9))
    after = await a.until(state="half_open", epoch=2)
    assert (after["probe_successes"], opened["failures"]) == (0, 2)


async def test_results_of_an_older_epoch_are_history_after_closing_again(
    tidy_api: RunningApi,
) -> None:
    a = await agent(tidy_api, "w2", half_open_max_calls=1)
    await a.open(timeout_seconds=0.02, half_open_max_calls=1)
    await a.until(state="half_open", epoch=2)
    held = await permit(tidy_api, "w2", 2)
    await send(tidy_api, a, Outcome(2, Result.SUCCESS, 1, permit=held))
    await a.until(state="closed", epoch=3, cause="probes_succeeded")
    await a.producer.fail(2, epoch=0)
    await a.producer.succeed(1, epoch=2)
    await eventually(lambda: items_there(a.client, "w2", "outcomes", 5))
    await a.until(state="closed", epoch=3, calls=0, consecutive_failures=0)


@pytest.mark.parametrize("result", [Result.ABANDONED, Result.IGNORED, Result.NOT_SENT])
async def test_what_says_nothing_counts_nothing_while_closed(
    tidy_api: RunningApi, result: Result
) -> None:
    name = f"w3-{result.name.lower()}"
    a = await agent(tidy_api, name, failure_threshold=2)
    await a.producer.fail(1)
    await a.producer.send(result, result)
    await eventually(lambda: items_there(a.client, name, "outcomes", 3))
    await a.until(state="closed", calls=1, failures=1, consecutive_failures=1)


@pytest.mark.parametrize("result", [Result.ABANDONED, Result.IGNORED, Result.NOT_SENT])
async def test_a_probe_that_says_nothing_gives_its_place_back_until_there_were_too_many(
    tidy_api: RunningApi, result: Result
) -> None:
    name = f"w4-{result.name.lower()}"
    a = await agent(tidy_api, name)
    await a.open(timeout_seconds=0.02, half_open_max_calls=1)
    await a.until(state="half_open", epoch=2)
    await a.configure(timeout_seconds=60)
    await a.until(revision=3)
    for number in range(3):
        held = await permit(tidy_api, name, 2)
        await a.until(state="half_open", probes_out=1)
        assert (await ask_for_probe(tidy_api, name, 2))[0] == b"FULL"
        await send(tidy_api, a, Outcome(2, result, 1, permit=held))
        if number < 2:
            await a.until(state="half_open", probes_out=0, probe_successes=0)
    opened = await a.until(state="open", cause="probes_inconclusive", epoch=3)
    assert opened["open_until_ms"] == opened["since_ms"] + 60_000


async def test_a_lease_that_ends_gives_its_place_back_and_its_late_result_is_history(
    tidy_api: RunningApi,
) -> None:
    a = await agent(tidy_api, "w5")
    await a.open(timeout_seconds=0.02, half_open_max_calls=1)
    await a.until(state="half_open", epoch=2)
    held = await permit(tidy_api, "w5", 2, lease_ms=150)
    await a.until(state="half_open", probes_out=1)
    await a.until(state="half_open", probes_out=0)
    await send(tidy_api, a, Outcome(2, Result.FAILURE, 1, permit=held))
    await eventually(lambda: items_there(a.client, "w5", "outcomes", 2))
    await a.until(state="half_open", epoch=2)
    assert (await ask_for_probe(tidy_api, "w5", 2))[0] == b"OK"


async def test_a_probe_is_let_through_only_when_it_is_due(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "w6")
    assert (await ask_for_probe(tidy_api, "w6", 0))[0] == b"MOVED"
    await a.until(state="closed", epoch=0, probes_out=0)
    opened = await a.open(timeout_seconds=60, half_open_max_calls=2)
    assert (await ask_for_probe(tidy_api, "w6", 2))[0] == b"OPEN"
    await a.until(state="open", epoch=1, open_until_ms=opened["open_until_ms"])
    await a.configure(timeout_seconds=0.001)

    async def let_through() -> bool:
        return (await ask_for_probe(tidy_api, "w6", 2))[0] == b"OK"

    await eventually(let_through)  # once the change is folded, and a moment has passed
    assert await let_through()
    assert (await ask_for_probe(tidy_api, "w6", 2))[0] == b"FULL"
    await a.until(state="half_open", epoch=2, probes_out=2)


async def test_a_round_whose_limit_shrinks_below_its_probes_ends_by_their_results(
    tidy_api: RunningApi,
) -> None:
    a = await agent(tidy_api, "w7")
    await a.open(timeout_seconds=0.02, half_open_max_calls=3)
    await a.until(state="half_open", epoch=2)
    held = [await permit(tidy_api, "w7", 2) for _ in range(3)]
    await a.until(probes_out=3)
    await a.configure(half_open_max_calls=2, timeout_seconds=60)
    await a.until(revision=3)
    assert (await ask_for_probe(tidy_api, "w7", 2))[0] == b"FULL"
    await send(tidy_api, a, *(Outcome(2, Result.SUCCESS, 1, permit=one) for one in held[:2]))
    await a.until(state="closed", epoch=3)
    await send(tidy_api, a, Outcome(2, Result.FAILURE, 1, permit=held[2]))
    await eventually(lambda: items_there(a.client, "w7", "outcomes", 4))
    await a.until(state="closed", epoch=3, calls=0)


async def test_settings_changed_while_probes_are_out_keep_them(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "w8")
    await a.open(timeout_seconds=0.02, half_open_max_calls=1)
    await a.until(state="half_open", epoch=2)
    held = await permit(tidy_api, "w8", 2)
    await a.configure(half_open_max_calls=2, failure_threshold=9, timeout_seconds=60)
    await a.until(state="half_open", revision=3, probes_out=1)
    await send(tidy_api, a, Outcome(2, Result.FAILURE, 1, permit=held))
    await a.until(state="open", epoch=3, cause="probe_failed")


async def test_a_disabled_breaker_counts_and_makes_no_transition(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "w9")
    await a.open()
    await a.configure(enabled=False)
    await a.until(state="closed", cause="disabled", epoch=2)
    await a.producer.fail(4, epoch=2)
    await a.until(state="closed", calls=4, failures=4, epoch=2)
