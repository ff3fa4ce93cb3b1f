"""Alerts about figures, and about Fuseline itself: projectors, lost Redis, spools, clocks."""

import msgspec
import pytest

from fuseline.alerts import notifier, watch
from fuseline.alerts.samples import Machine
from fuseline.bridge.spool.files import SpoolSettings, namespace_folder
from fuseline.core.events import Result
from fuseline.projections import feed
from fuseline.projections.projector import Projector
from tests.alerts.support import Receiver, World, running, world
from tests.logbook import append, failing, outcome
from tests.servers import RealServer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are looked at every 2 s; here more often."""
    monkeypatch.setattr(watch, "SAMPLE_SECONDS", 0.05)
    monkeypatch.setattr(notifier, "_MACHINE_SECONDS", 0.1)
    monkeypatch.setattr(feed, "PROJECTOR_AWAY_SECONDS", 0.5)


async def test_a_failure_rate_below_the_threshold_and_no_traffic(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule("failure_rate", when={"rate": 0.5, "minimum_calls": 4})
    await alerts.rule("no_traffic", when={"for_seconds": 1}, agents=["idle"])
    await alerts.agent("bad", failing(None))
    await alerts.agent("idle")
    results = [Result.SUCCESS, Result.FAILURE, Result.SUCCESS, Result.FAILURE]
    await append(alerts.backend, "bad", [outcome(r, seq=n + 1) for n, r in enumerate(results)])
    told = await alerts.until_notices(2)
    found = {one["incidents"][0]["kind"]: one["incidents"][0] for one in told}
    assert found["failure_rate"]["summary"] == "50% of 4 calls to bad failed"
    assert found["no_traffic"]["subject"] == "idle"
    good = [outcome(seq=n + 5) for n in range(8)]
    await append(alerts.backend, "bad", good, first=5)
    await append(alerts.backend, "idle", [outcome(seq=1, worker=2)], producer=2)
    over = await alerts.until_notices(2, "resolved")
    assert {one["incidents"][0]["resolution"] for one in over} == {"over"}


async def test_a_log_that_nobody_folds(redis_url: str, namespace: str, receiver: Receiver) -> None:
    async with world(redis_url, namespace, receiver, projector=False) as alerts:
        await alerts.channel()
        await alerts.rule("projector_lag", when={"above_seconds": 1})
        await alerts.rule("projector_stalled", when={"for_seconds": 1})
        await alerts.agent("a")
        told = await alerts.until_notices(2)
        assert {one["incidents"][0]["kind"] for one in told} == {
            "projector_lag",
            "projector_stalled",
        }
        async with running(Projector(alerts.backend, "late").run()):
            await alerts.until_notices(2, "resolved")


async def test_spools_and_clocks_of_machines_with_a_notifier(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule("spool", when={"above_bytes": 1000, "for_seconds": 1})
    await alerts.rule("clock", when={"above_seconds": 5})
    backend = alerts.backend
    folder = namespace_folder(SpoolSettings.from_env({}), backend.url, backend.keys.namespace_name)
    folder.mkdir(parents=True)
    spool = folder / "00000001.spool"
    spool.write_bytes(b"x" * 2000)
    wrong = Machine(at_ms=await backend.learn_time(), offset_seconds=9.0)
    machines = backend.keys.alerts.machines
    await backend.wire.call("HSET", machines, "far", msgspec.msgpack.encode(wrong))
    told = await alerts.until_notices(2)
    found = {one["incidents"][0]["kind"]: one["incidents"][0]["summary"] for one in told}
    assert found["clock"] == "the clock of far is +9.0 s off Redis's"
    assert found["spool"].startswith("2000 bytes of outcomes wait in the spool of ")
    spool.unlink()
    wrong.offset_seconds = 0.1
    await backend.wire.call("HSET", machines, "far", msgspec.msgpack.encode(wrong))
    await alerts.until_notices(2, "resolved")


async def test_a_server_that_is_lost_and_comes_back(
    fresh_server: RealServer, namespace: str, receiver: Receiver
) -> None:
    async with world(fresh_server.url, namespace, receiver) as alerts:
        await alerts.channel()
        await alerts.rule("redis_lost", when={"for_seconds": 1})
        await alerts.rule("opened")
        notice = await alerts.store.test("ops", "t")
        await alerts.until_notices(1, "test")
        fresh_server.kill()
        (lost,) = await alerts.until_notices(1, "opened")
        assert lost["incidents"][0]["kind"] == "redis_lost"
        fresh_server.start()
        await alerts.backend.wire.close()  # the test's own connection to what was there before
        (over,) = await alerts.until_notices(1, "resolved")
        assert over["incidents"][0]["id"] == lost["incidents"][0]["id"]
        await alerts.agent("a")
        await alerts.fail("a")  # and all goes on
        opened = await alerts.until_notices(2, "opened")
        assert opened[1]["incidents"][0]["subject"] == "a"
        await alerts.until_settled()
        (kept,) = await alerts.incidents(rule="redis_lost")
        assert kept.resolved_ms > kept.opened_ms
        told = {one.notice: one.result for one in await alerts.store.deliveries()}
        assert told[lost["id"]] == told[over["id"]] == told[notice] == "delivered"
