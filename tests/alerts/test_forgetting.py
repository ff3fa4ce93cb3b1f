"""What a notifier knows of agents and machines goes when they are gone."""

import contextlib

import msgspec
import pytest

from fuseline.alerts import watch
from fuseline.alerts.samples import Machine
from fuseline.events.agents import read_agent, remove
from fuseline.projections.leases import LostLeaseError
from tests.alerts.support import World
from tests.archive.support import trim
from tests.logbook import folded
from tests.waiting import eventually


async def test_agents_and_machines_that_are_gone_leave_nothing(
    alerts: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SWEEP_SECONDS", 0.05)
    keys, wire = alerts.backend.keys.alerts, alerts.backend.wire
    old = Machine(at_ms=1, spool_bytes=0, offset_seconds=0.0)
    await wire.call("HSET", keys.machines, "a-host-of-before", msgspec.msgpack.encode(old))
    await alerts.channel()
    await alerts.rule("opened")
    for name in ("stays", "goes"):
        await alerts.agent(name)
        await alerts.fail(name)
    await alerts.until_notices(2)

    async def marks() -> set[bytes]:
        return set(await wire.call("HKEYS", keys.marks))

    async def marked() -> bool:
        return await marks() == {b"", b"stays", b"goes"}

    await eventually(marked)
    record = await read_agent(alerts.backend, "goes")
    assert record is not None
    await remove(alerts.backend, "goes", revision=record.revision, actor="ada")
    await eventually(lambda: folded(alerts.backend, "goes"))

    async def purged() -> bool:
        with contextlib.suppress(LostLeaseError):  # the projector took it back
            return (await trim(alerts.backend, "goes", history_days=1e-9)).removed == ["goes"]
        return False

    await eventually(purged)

    async def forgotten() -> bool:
        machines = await wire.call("HKEYS", keys.machines)
        return await marks() == {b"", b"stays"} and b"a-host-of-before" not in machines

    await eventually(forgotten)
    assert await wire.call("HKEYS", keys.told) == [b"opened stays"]
    # What came of it stays, and one of that name that comes again is watched again.
    assert len(await alerts.incidents()) == 2
    await alerts.agent("goes")
    await alerts.fail("goes")
    await alerts.until_notices(3)
