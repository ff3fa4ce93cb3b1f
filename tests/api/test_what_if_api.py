"""What-if and proposals over HTTP: the figures, what is refused, and that nothing is changed."""

import random
from typing import Any

import pytest

from fuseline.api.access.roles import Role
from fuseline.core.events import Result
from fuseline.projections.timeline import Kind, query
from tests.api.asking import problem, refused
from tests.api.running import RunningApi
from tests.logbook import log_of
from tests.projections.support import Producer, until_folded
from tests.projections.tally_support import fill, lively_log

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG = lively_log(random.Random(8), 800)


async def lively(api: RunningApi, name: str) -> dict[str, Any]:
    """Fills an agent's log, and gives the range of it."""
    await fill(api.backend, name, LOG)
    await until_folded(api.backend, name)
    return {"since": str(LOG[0][0]), "until": str(LOG[-1][0] + 1)}


async def test_a_viewer_sees_what_other_settings_would_have_made(shared_api: RunningApi) -> None:
    asked = await lively(shared_api, "asked")
    before = await log_of(shared_api.backend, "asked")
    client = shared_api.client(Role.VIEWER)
    answer = await client.post(
        "circuits/asked/what-if", json={**asked, "settings": {"failure_threshold": 2}}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["settings"]["failure_threshold"] == 2
    assert found["complete"]
    assert found["recorded"][0]["from_ms"] == found["proposed"][0]["from_ms"] == LOG[0][0]
    items = await query(shared_api.backend, "asked", kinds={Kind.TRANSITION}, limit=10_000)
    assert found["reproduced"] == len(items) > 20
    for amount in found["total"].values():
        assert 0 <= amount["low"] <= amount["high"]
    assert (
        sum(day["figures"]["openings"]["recorded"] for day in found["days"])
        == (found["total"]["openings"]["recorded"])
    )
    assert found["unobserved_ms"] == sum(
        one["to_ms"] - one["from_ms"] for one in found["unobserved"]
    )
    assert await log_of(shared_api.backend, "asked") == before


async def test_the_last_day_is_the_range_that_is_not_named(shared_api: RunningApi) -> None:
    client = shared_api.client()
    answer = await client.post("agents", json={"name": "fresh"})
    assert answer.status_code == 201
    producer = Producer(shared_api.backend, "fresh", producer=71)
    await producer.send(*[Result.FAILURE] * 3, Result.SUCCESS)
    await until_folded(shared_api.backend, "fresh")
    settings = {"failure_threshold": 3, "failure_rate_threshold": None}
    answer = await client.post("circuits/fresh/what-if", json={"settings": settings})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["total"]["openings"] == {"recorded": 0, "low": 1, "high": 1}
    assert found["until_ms"] - found["since_ms"] == 86_400_000
    (first_ms, _, _), *_ = await log_of(shared_api.backend, "fresh")
    assert found["begun_ms"] == first_ms > found["since_ms"]
    assert found["recorded_settings"]["failure_threshold"] == 5
    answer = await client.post("circuits/fresh/what-if", json={"settings": {}})
    assert answer.json()["total"]["openings"] == {"recorded": 0, "low": 0, "high": 0}


async def test_proposals_come_with_the_recorded_settings_to_compare(
    shared_api: RunningApi,
) -> None:
    asked = await lively(shared_api, "weighed")
    client = shared_api.client(Role.VIEWER)
    answer = await client.post(
        "circuits/weighed/proposals", json={**asked, "failure_cost": 3, "limit": 4}
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert len(found["items"]) == 4
    assert found["tried"] > 150
    assert found["recorded"]["settings"] == {}
    assert found["items"][0]["cost_high"] <= found["recorded"]["cost_high"]
    failures = [one["figures"]["failures"]["high"] for one in found["curve"]]
    refusals = [one["figures"]["good_refused"]["high"] for one in found["curve"]]
    assert failures == sorted(failures)
    assert refusals == sorted(refusals, reverse=True)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"settings": {"failure_threshold": 0}}, "settings.failure_threshold"),
        ({"settings": {"nothing": 1}}, "settings.nothing"),
        ({"settings": {"when_unavailable": "reject"}}, "settings.when_unavailable"),
        ({"settings": [1]}, "settings"),
        ({"since": "-1d"}, "settings"),
        ({"settings": {}, "since": "yesterday"}, "since"),
        ({"settings": {}, "since": "-1h", "until": "-2h"}, "until"),
        ({"settings": {}, "extra": 1}, "extra"),
    ],
)
async def test_what_is_wrong_is_named(
    shared_api: RunningApi, body: dict[str, Any], field: str
) -> None:
    client = shared_api.client()
    await client.post("agents", json={"name": "wrong"})
    refused(await client.post("circuits/wrong/what-if", json=body), field)


async def test_what_cannot_be_answered_says_why(shared_api: RunningApi) -> None:
    client = shared_api.client()
    answer = await client.post("circuits/nobody/what-if", json={"settings": {}})
    problem(answer, 404)
    refused(
        await client.post("circuits/wrong/proposals", json={"failure_cost": -1}), "failure_cost"
    )
    asked = await lively(shared_api, "broken")
    (opening,) = [
        item.content
        for item in await query(shared_api.backend, "broken", kinds={Kind.TRANSITION}, limit=999)
    ][:1]
    await shared_api.backend.wire.call(
        "XDEL", shared_api.backend.keys.agent("broken").events, opening.event_id
    )
    answer = await client.post("circuits/broken/what-if", json={**asked, "settings": {}})
    if answer.status_code == 200:  # the log says that it lost something, so it begins later
        assert not answer.json()["complete"]
    else:
        assert problem(answer, 409)["type"] == "urn:fuseline:problem:not-reproduced"
