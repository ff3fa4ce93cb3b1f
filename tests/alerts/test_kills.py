"""Notifiers killed at random: every incident is told of, and under one id however often."""

import asyncio
import random
from collections import defaultdict

from fuseline.projections.projector import Projector
from tests.alerts.support import Receiver, World, running
from tests.faults.nursery import nursery
from tests.logbook import open_backend
from tests.members import Member
from tests.waiting import eventually

ROUNDS = 100
LEASE_MS = 80
LEASE_AT_LAST_MS = 5000


async def holder(world: World, crew: list[Member]) -> Member:
    """The process that notifies now."""

    async def found() -> Member | None:
        owner = await world.store.notifier()
        return next((member for member in crew if owner == f"actor-{member.pid}"), None)

    member: Member = await eventually(found, interval_seconds=0.001)
    return member


async def test_a_hundred_kills_lose_no_notice_and_make_no_second(
    redis_url: str, namespace: str, receiver: Receiver
) -> None:
    rng = random.Random(6)
    async with open_backend(redis_url, namespace) as backend:
        world = World(backend, receiver)
        await world.channel(path="/slow/2")
        await world.rule("opened")
        await world.rule("flapping", when={"times": 2, "within_seconds": 3600})
        crew: list[Member] = []
        hiring: list[asyncio.Task[None]] = []

        async def hire(lease_ms: int = LEASE_MS) -> None:
            member = await nursery().start()
            await member.ask("notify", url=redis_url, namespace=namespace, lease_ms=lease_ms)
            crew.append(member)

        async with running(Projector(backend, "projector").run()):
            try:
                for _ in range(4):
                    await hire()
                names = [f"agent-{n}" for n in range(ROUNDS)]
                for name in names:
                    victim = await holder(world, crew)
                    await world.agent(name)
                    await world.fail(name)
                    if rng.random() < 0.3:
                        await world.close_circuit(name)
                    await asyncio.sleep(rng.random() * 0.03)
                    await victim.kill()
                    crew.remove(victim)
                    hiring.append(asyncio.create_task(hire()))
                await asyncio.gather(*hiring)
                # The last one has the time that notifiers have; also on a machine that is busy.
                await asyncio.gather(*(member.kill() for member in crew))
                crew.clear()
                await hire(LEASE_AT_LAST_MS)
                await eventually(lambda: told_of(receiver) >= set(names), 30)
                await world.until_settled()
            finally:
                await asyncio.gather(*hiring)
                await asyncio.gather(*(member.kill() for member in crew))
        incidents = await world.incidents(limit=500)
        assert sorted(one.subject for one in incidents) == sorted(names)
        notices = defaultdict(set)
        for body in receiver.bodies():
            for one in body["incidents"]:
                notices[one["id"], body["type"]].add(body["id"])
        opened = {one.id for one in incidents}
        over = {one.id for one in incidents if one.resolved_ms}
        assert over
        assert set(notices) == {(one, "fuseline.alert.opened") for one in opened} | {
            (one, "fuseline.alert.resolved") for one in over
        }
        assert all(len(ids) == 1 for ids in notices.values())
        again = len(receiver.bodies()) - len(notices)
        print(f"{ROUNDS} kills, {len(notices)} notices, {again} of them came again under their id")


def told_of(receiver: Receiver) -> set[str]:
    return {one["subject"] for body in receiver.bodies() for one in body["incidents"]}
