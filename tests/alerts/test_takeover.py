"""What happened while nobody notified, rebuilds, and stopping in order."""

import asyncio

from fuseline.alerts.notifier import Notifier
from fuseline.projections.projector import Projector
from fuseline.projections.rebuild import rebuild
from tests.alerts.support import Receiver, World, running, sender
from tests.logbook import open_backend, transitions_of
from tests.waiting import eventually


async def test_what_came_after_the_rule_is_told_also_if_nobody_notified_then(
    redis_url: str, namespace: str, receiver: Receiver
) -> None:
    async with (
        open_backend(redis_url, namespace) as own,
        open_backend(redis_url, namespace) as other,
        running(Projector(own, "projector").run()),
    ):
        alerts = World(own, receiver)
        await alerts.agent("old")
        await alerts.fail("old")
        await eventually(lambda: transitions_of(own, "old"))
        await alerts.channel()
        await alerts.rule("opened")
        first = Notifier(other, "first", sender(), lease_ms=500)
        async with running(first.run()):
            await eventually(lambda: first.notifies)
            await alerts.agent("seen")
            await alerts.fail("seen")
            (told,) = await alerts.until_notices(1)
            assert told["incidents"][0]["subject"] == "seen"
        assert await alerts.store.notifier() == ""  # given back, not left to end
        # While it is away one circuit opens and closes again, and the one that was open closes.
        await alerts.agent("meanwhile")
        await alerts.fail("meanwhile")
        await eventually(lambda: transitions_of(own, "meanwhile"))
        await alerts.close_circuit("meanwhile")
        await alerts.close_circuit("seen")
        await alerts.close_circuit("old")
        async with (
            open_backend(redis_url, namespace) as third,
            running(Notifier(third, "second", sender(), lease_ms=500).run()),
        ):
            opened = await alerts.until_notices(2, "opened")
            over = await alerts.until_notices(2, "resolved")
            await alerts.until_settled()
        assert opened[1]["incidents"][0]["subject"] == "meanwhile"
        assert {one["incidents"][0]["subject"] for one in over} == {"seen", "meanwhile"}
        history = await transitions_of(own, "meanwhile")
        (kept,) = await alerts.incidents(subject="meanwhile")
        assert (kept.opened_ms, kept.resolved_ms) == (history[0].at_ms, history[-1].at_ms)
        assert len(receiver.requests) == 4


async def test_a_rebuild_tells_nobody_anything(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule("opened")
    await alerts.rule("flapping", when={"times": 2, "within_seconds": 600})
    await alerts.agent("a")
    for _ in range(2):
        await alerts.fail("a", epoch=len(await transitions_of(alerts.backend, "a")))
        await eventually(lambda: _stands(alerts, "open"))
        await alerts.close_circuit("a")
        await eventually(lambda: _stands(alerts, "closed"))
    await alerts.until_notices(5)  # opened and over, twice; and flapping
    keys = alerts.backend.keys
    for _ in range(2):
        (done,) = await rebuild(
            alerts.backend,
            keys.shards[keys.shard_of("a")],
            [keys.agent("a")],
            owner="t",
            reason="test",
        )
        assert done.problem == ""
    await alerts.agent("b")
    await alerts.fail("b")
    await alerts.until_notices(6)  # of b; nothing of a in between
    await alerts.until_settled()
    assert len(await alerts.incidents()) == 4


async def _stands(alerts: World, state: str) -> bool:
    found = await transitions_of(alerts.backend, "a")
    return bool(found) and found[-1].to_state.value == state


async def test_a_notice_under_way_may_end_when_the_notifier_is_stopped(
    redis_url: str, namespace: str, receiver: Receiver
) -> None:
    async with (
        open_backend(redis_url, namespace) as own,
        open_backend(redis_url, namespace) as other,
        running(Projector(own, "projector").run()),
    ):
        alerts = World(own, receiver)
        await alerts.channel(path="/slow/300")
        await alerts.rule("opened")
        await alerts.agent("a")
        notifier = Notifier(other, "n", sender(), lease_ms=2000)
        async with running(notifier.run()):
            await eventually(lambda: notifier.notifies)
            await alerts.fail("a")

            async def claimed() -> bool:
                outbox = await own.wire.call("HVALS", own.keys.alerts.outbox)
                return any(b"sending" in raw for raw in outbox)

            await eventually(claimed)
            await asyncio.sleep(0)
        (delivery,) = await alerts.store.deliveries()
        assert (delivery.result, delivery.attempt) == ("delivered", 1)
        assert await own.wire.call("HLEN", own.keys.alerts.outbox) == 0
