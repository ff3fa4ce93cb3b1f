"""Circuits over HTTP: every cell of the design's table, overrides, lists, states of the past."""

import asyncio
from typing import Any

import pytest

from fuseline.api.access.roles import Role
from fuseline.core.events import Result
from tests.api.asking import refused
from tests.api.driving import agent, items_there
from tests.api.running import RunningApi
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.servers import RealServer
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_closed_counts_and_opens_at_the_threshold(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "c1", failure_threshold=3)
    await a.producer.fail(2)
    await a.until(state="closed", consecutive_failures=2, calls=2, failures=2)
    await a.producer.succeed(1)
    await a.until(consecutive_failures=0, calls=3)
    await a.producer.send(Result.FAILURE, Result.TIMEOUT, Result.TIMEOUT)
    opened = await a.until(state="open", epoch=1, cause="consecutive_failures")
    assert opened["open_until_ms"] == opened["since_ms"] + 60_000
    for result in (Result.ABANDONED, Result.IGNORED, Result.NOT_SENT):
        await a.producer.send(result, epoch=1)
    await a.producer.succeed(1, epoch=0)  # late: it began before the transition
    counted = await a.client.get("circuits/c1/timeline", params={"kinds": "outcomes"})
    await eventually(lambda: items_there(a.client, "c1", "outcomes", 10))
    assert (await a.until(state="open", epoch=1))["failures"] == opened["failures"]
    assert counted.status_code == 200


async def test_settings_changed_while_closed_are_tested_at_the_next_outcome(
    tidy_api: RunningApi,
) -> None:
    a = await agent(tidy_api, "c2", failure_threshold=5)
    await a.producer.fail(3)
    await a.until(consecutive_failures=3)
    await a.configure(failure_threshold=2)
    kept = await a.until(revision=2)
    assert (kept["state"], kept["failures"]) == ("closed", 3)
    await a.producer.fail(1)
    await a.until(state="open")


async def test_settings_changed_while_open_move_its_end(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "c3")
    opened = await a.open()
    await a.configure(timeout_seconds=300)
    longer = await a.until(revision=2)
    assert longer["open_until_ms"] == opened["since_ms"] + 300_000
    await a.configure(timeout_seconds=0.001)
    await a.until(state="half_open", cause="open_time_over")


async def test_settings_changed_while_half_open_change_the_limit(
    tidy_api: RunningApi, server: RealServer
) -> None:
    a = await agent(tidy_api, "c4", half_open_max_calls=3)
    await a.open(timeout_seconds=0.05)
    await a.until(state="half_open")
    await a.configure(half_open_max_calls=1, timeout_seconds=60)
    await a.until(revision=3)
    namespace = tidy_api.backend.keys.namespace_name
    async with connected(server.url, namespace, projector=False) as manager:
        breaker, callee = manager.get("c4"), Callee()
        assert await attempt(breaker, callee.ok) == "ok"
    closed = await a.until(state="closed", cause="probes_succeeded")
    assert (closed["calls"], closed["epoch"]) == (0, 3)


async def test_a_failed_probe_opens_again_and_longer(
    tidy_api: RunningApi, server: RealServer
) -> None:
    a = await agent(tidy_api, "c5", timeout_multiplier=1.0)
    await a.open(timeout_seconds=0.05)
    await a.until(state="half_open")
    await a.configure(timeout_seconds=30, timeout_multiplier=2)
    namespace = tidy_api.backend.keys.namespace_name
    async with connected(server.url, namespace, projector=False) as manager:
        await fail_times(manager.get("c5"), Callee(), 1)
    again = await a.until(state="open", cause="probe_failed")
    assert again["open_until_ms"] == again["since_ms"] + 60_000
    assert (await a.client.get("circuits/c5")).json()["opens_in_a_row"] == 2


async def test_late_results_change_nothing_in_half_open(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "c6")
    await a.open(timeout_seconds=0.05)
    before = await a.until(state="half_open")
    await a.producer.succeed(2, epoch=0)
    await a.producer.fail(2, epoch=1)
    await eventually(lambda: items_there(a.client, "c6", "outcomes", 5))
    after = await a.until(state="half_open")
    assert (after["epoch"], after["probe_successes"]) == (before["epoch"], 0)


async def test_overrides_stand_above_the_state(tidy_api: RunningApi, server: RealServer) -> None:
    a = await agent(tidy_api, "c7", failure_threshold=2)
    namespace = tidy_api.backend.keys.namespace_name
    async with connected(server.url, namespace, projector=False) as manager:
        breaker, callee = manager.get("c7"), Callee()
        assert await attempt(breaker, callee.ok) == "ok"
        forced = await a.override("forced_open", expires_in_seconds=300)
        assert (forced["state"], forced["mode"]) == ("closed", "forced_open")
        assert forced["mode_until_ms"]
        await eventually(lambda: breaker.mode.name == "FORCED_OPEN")
        assert await attempt(breaker, callee.ok) == "rejected"
        forced = await a.override("forced_closed")
        assert forced["mode_until_ms"] is None
        await eventually(lambda: breaker.mode.name == "FORCED_CLOSED")
        await fail_times(breaker, callee, 3)
        await a.until(state="open", mode="forced_closed")  # folding goes on underneath
        assert await attempt(breaker, callee.ok) == "ok"
        assert (await a.override("auto"))["state"] == "open"
        await eventually(lambda: breaker.mode.name == "AUTO")
        assert await attempt(breaker, callee.ok) == "rejected"
        reset = await a.override("auto", reset=True)
        assert (reset["state"], reset["calls"]) == ("closed", 0)
        await a.override("forced_open", expires_in_seconds=0.1)
        await a.until(mode="auto")
    answer = await a.client.get("circuits/c7/timeline", params={"kinds": "override"})
    told = [one for one in answer.json()["items"] if one.get("actor")]
    assert {one["actor"] for one in told} >= {"token:admin-of-test"}
    assert "a test" in {one["reason"] for one in told}


async def test_overrides_in_open_and_half_open(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "c8")
    await a.open(timeout_seconds=0.3)
    assert (await a.override("forced_closed"))["mode"] == "forced_closed"
    await a.until(state="half_open", mode="forced_closed")
    assert (await a.override("forced_open"))["state"] == "half_open"
    reset = await a.override("auto", reset=True)
    assert (reset["state"], reset["mode"], reset["cause"]) == ("closed", "auto", "reset")


async def test_circuits_are_listed_trouble_first(tidy_api: RunningApi) -> None:
    agents = [await agent(tidy_api, f"l{number}") for number in range(6)]
    await agents[4].producer.fail(1)
    await agents[4].until(state="open")
    await agents[2].override("forced_open")
    client = tidy_api.client(Role.VIEWER)
    whole = (await client.get("circuits")).json()
    names = [one["agent"] for one in whole["items"] if one["agent"].startswith("l")]
    assert set(names[:2]) == {"l2", "l4"}
    assert names[2:] == sorted(names[2:])
    troubles = [one["trouble"] for one in whole["items"]]
    assert troubles == sorted(troubles)
    turned: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("circuits", params={"limit": 2, **cursor})).json()
        turned += [one["agent"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert turned == [one["agent"] for one in whole["items"]]
    opened = (await client.get("circuits", params={"state": "open,forced_open"})).json()
    assert {one["agent"] for one in opened["items"]} == {"l2", "l4"}
    assert opened["counts"] == whole["counts"]
    for name, value in (
        ("state", "nope"), ("limit", "0"), ("limit", "1001"), ("limit", "true"), ("cursor", "x"),
        ("cursor", "\u202e"), ("search", "x" * 201), ("sort", "name"),
    ):  # fmt: skip
        refused(await client.get("circuits", params={name: value}), name)


async def test_the_state_at_an_instant_is_what_was_seen_then(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "s1", failure_threshold=2)
    seen: list[tuple[int, dict[str, Any]]] = []
    fields = ("state", "mode", "epoch", "failures", "calls", "consecutive_failures", "revision")
    for step in (a.producer.fail(1), a.producer.fail(1), a.override("forced_closed")):
        await step
        await asyncio.sleep(0.002)  # another millisecond for the next step
        await eventually(lambda: _quiet(tidy_api, "s1"))
        now = (await a.client.get("circuits/s1")).json()
        seen.append((now["now_ms"], {name: now["circuit"][name] for name in fields}))
        await asyncio.sleep(0.002)
    assert len({str(circuit) for _, circuit in seen}) == 3
    for at, circuit in seen:
        then = (await a.client.get("circuits/s1/state", params={"at": str(at)})).json()
        assert {name: then["circuit"][name] for name in fields} == circuit
        assert then["missing"] == 0
    for at in ("", "now", "NaN", "-1", "1e308", str(2**70), str(2**52), "2024-01-01T00:00:00",
               "\u0665", "-5y", "9999-99-99T00:00Z", "-\u0665m"):  # fmt: skip
        refused(await a.client.get("circuits/s1/state", params={"at": at}), "at")
    refused(await a.client.get("circuits/s1/state"), "at")


async def _quiet(api: RunningApi, name: str) -> bool:
    keys = api.backend.keys.agent(name)
    checkpoint, tail = await api.backend.wire.call_many(
        [("HGET", keys.circuit, "checkpoint"), ("XREVRANGE", keys.events, "+", "-", "COUNT", 1)]
    )
    return bool(tail) and tail[0][0] == checkpoint
