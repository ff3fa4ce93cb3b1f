"""From a transition in the log to a request at a receiver, with real processes on both ends."""

import json

from fuseline.core.events import Mode
from tests.alerts.support import World
from tests.waiting import eventually


async def test_a_circuit_that_opens_and_closes_is_told_of_once_each(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule("opened", severity="critical", description="call the bank")
    await alerts.agent("billing")
    await alerts.fail("billing")
    (opened,) = await alerts.until_notices(1)
    assert opened["type"] == "fuseline.alert.opened"
    assert opened["rule"] == {
        "name": "opened",
        "severity": "critical",
        "description": "call the bank",
    }
    assert opened["title"] == ("[critical] the circuit of billing opened (consecutive failures)")
    (incident,) = opened["incidents"]
    (kept,) = await alerts.incidents(state="open")
    assert (incident["id"], incident["subject"]) == (kept.id, "billing")
    assert incident["resolved_at"] is None
    await alerts.close_circuit("billing")
    (over,) = await alerts.until_notices(1, "resolved")
    assert over["incidents"][0]["id"] == kept.id
    assert over["incidents"][0]["resolved_at"] is not None
    assert await alerts.incidents(state="open") == []
    (kept,) = await alerts.incidents(state="resolved", subject="billing")
    assert kept.resolved_ms >= kept.opened_ms
    await alerts.until_settled()
    assert len(alerts.receiver.requests) == 2
    deliveries = await alerts.store.deliveries()
    assert [(one.event, one.result, one.attempt) for one in deliveries] == [
        ("resolved", "delivered", 1),
        ("opened", "delivered", 1),
    ]


async def test_scope_by_name_and_tag(alerts: World) -> None:
    from fuseline.core.config import CircuitBreakerConfig
    from fuseline.registry.store import Registry

    registry = Registry(alerts.backend, CircuitBreakerConfig())
    await alerts.channel()
    await alerts.rule("opened", agents=["pay-*"])
    await alerts.rule("opened", name="tagged", tags=["eu"])
    config = {"failure_threshold": 1}
    for name, tags in (("pay-1", []), ("mail", ["eu", "x"]), ("other", ["us"])):
        await registry.create(
            {"name": name, "tags": tags, "circuit_breaker_config": config}, "test"
        )
        await alerts.fail(name)
    told = await alerts.until_notices(2)
    assert {(one["rule"]["name"], one["incidents"][0]["subject"]) for one in told} == {
        ("opened", "pay-1"),
        ("tagged", "mail"),
    }
    # Out of scope is over, and said so.
    await registry.patch("mail", {"tags": ["us"]}, "test")
    (over,) = await alerts.until_notices(1, "resolved")
    assert over["incidents"][0]["resolution"] == "out_of_scope"


async def test_time_alone_begins_an_incident(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule("open_longer", when={"for_seconds": 1})
    await alerts.rule("override_longer", when={"for_seconds": 1})
    await alerts.agent("slow")
    await alerts.agent("held")
    await alerts.fail("slow")
    await alerts.force("held", Mode.FORCED_CLOSED)
    told = await alerts.until_notices(2)
    assert {one["incidents"][0]["kind"] for one in told} == {"open_longer", "override_longer"}
    await alerts.force("held", Mode.AUTO)
    await alerts.close_circuit("slow")
    await alerts.until_notices(2, "resolved")


async def test_failed_attempts_are_repeated_under_the_same_id(alerts: World) -> None:
    await alerts.channel(path="/fail/1")
    await alerts.rule()
    await alerts.agent("a")
    await alerts.fail("a")
    await alerts.until_notices(1)
    first, second = alerts.receiver.requests
    assert (first["status"], second["status"]) == (500, 204)
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    await alerts.until_settled()
    results = [(one.result, one.attempt, one.error) for one in await alerts.store.deliveries()]
    assert results == [("delivered", 2, ""), ("retrying", 1, "the receiver answered 500")]


async def test_the_end_is_not_told_before_the_beginning(alerts: World) -> None:
    await alerts.channel(path="/fail/1")
    await alerts.rule()
    await alerts.agent("a")
    await alerts.fail("a")
    await eventually(lambda: alerts.receiver.requests)  # refused; it is tried again in a second
    await alerts.close_circuit("a")
    await alerts.until_notices(2)
    taken = [json.loads(r["body"])["type"] for r in alerts.receiver.requests if r["status"] == 204]
    assert taken == ["fuseline.alert.opened", "fuseline.alert.resolved"]


async def test_a_group_is_one_notice_of_many_incidents(alerts: World) -> None:
    await alerts.channel()
    await alerts.rule(group_seconds=1)
    names = {f"agent-{n}" for n in range(6)}
    for name in names:
        await alerts.agent(name)
        await alerts.fail(name)
    (told,) = await alerts.until_notices(1)
    assert {one["subject"] for one in told["incidents"]} == names
    assert told["title"] == "[warning] opened: 6 incidents"


async def test_a_test_notice_goes_the_way_of_all_notices(alerts: World) -> None:
    await alerts.channel()
    notice = await alerts.store.test("ops", "jo")
    (told,) = await alerts.until_notices(1)
    assert (told["id"], told["type"]) == (notice, "fuseline.alert.test")
    delivery = await eventually(lambda: alerts.store.delivery_of(notice))
    assert delivery.result == "delivered"
