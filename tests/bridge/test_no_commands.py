"""The hot paths send nothing to Redis; the server is asked how many commands it has had."""

import contextlib

import pytest

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError, CircuitState
from fuseline.bridge.recorder import Recorder
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, connected, fail_times
from tests.logbook import failing, open_backend
from tests.servers import RealServer
from tests.waiting import eventually

CALLS = 2000


async def commands(backend: Backend) -> dict[str, int]:
    """How often the server has carried out each command, our own questions left out."""
    info = (await backend.wire.call("INFO", "commandstats")).decode()
    counts = {}
    for line in info.splitlines():
        if line.startswith("cmdstat_"):
            name, _, rest = line.removeprefix("cmdstat_").partition(":")
            counts[name] = int(rest.partition("calls=")[2].partition(",")[0])
    counts.pop("info", None)
    return counts


@pytest.mark.parametrize("state", ["closed", "open"])
@pytest.mark.parametrize("way", ["call", "block", "decorator"])
async def test_a_call_in_closed_or_open_sends_no_command(
    fresh_server: RealServer,
    callee: Callee,
    state: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        open_backend(fresh_server.url, "ns") as outside,
        connected(fresh_server.url, "ns", projector=False) as manager,
    ):
        breaker = manager.get("a", failing(3))
        decorated = breaker(callee.ok)
        await breaker.call(callee.ok)
        async with connected(fresh_server.url, "ns") as other:  # lends its projector
            if state == "open":
                await fail_times(breaker, callee, 3)
                await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
            await manager.flush()
            await other.flush()
        # Outcomes are collected and never sent, so what is sent comes from the calls themselves.
        monkeypatch.setattr(Recorder, "want", lambda self, source, *, urgent: None)
        feed_commands = ("xread", "time", "exists", "xrevrange", "hgetall")
        sent, seen = _without_feed(manager), await commands(outside)
        for _ in range(CALLS):
            with contextlib.suppress(CircuitBreakerOpenError):
                if way == "call":
                    await breaker.call(callee.ok)
                elif way == "block":
                    async with breaker:
                        pass
                else:
                    await decorated()
        assert _without_feed(manager) == sent
        assert breaker.rejected == (CALLS if state == "open" else 0)
        after = await commands(outside)
        grown = {name for name, count in after.items() if count != seen.get(name, 0)}
        # The tail of the feed, about once a second; and what a connection of the closed manager
        # said last, which the server may read late.
        assert grown <= {*feed_commands, "client|setname", "client|setinfo"}


def _without_feed(manager: CircuitBreakerManager) -> int:
    """What the wires sent that callers and recorder use."""
    return manager.backend.wire.commands_sent + manager.recorder._wire.commands_sent


async def test_an_idle_recorder_sends_nothing(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    for _ in range(10):
        await breaker.call(callee.ok)
    await manager.flush()
    sent = manager.recorder._wire.commands_sent
    await manager.flush()
    await manager.flush()
    assert manager.recorder._wire.commands_sent == sent


async def test_thousands_of_outcomes_go_in_few_commands(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    await breaker.call(callee.ok)
    await manager.flush()
    sent = manager.recorder._wire.commands_sent
    for _ in range(5000):
        await breaker.call(callee.ok)
    await manager.flush()
    assert manager.recorder._wire.commands_sent - sent < 100
