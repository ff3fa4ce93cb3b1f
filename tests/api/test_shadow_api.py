"""Shadows over HTTP: set, looked at and ended; who may; what is refused."""

from typing import Any

import pytest

from fuseline.api.access.roles import Role
from fuseline.core.events import Result
from tests.api.asking import problem, refused
from tests.api.running import RunningApi
from tests.projections.support import Producer, until_folded

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = {"settings": {"failure_threshold": 2}, "reason": "stricter, before we switch"}


async def test_an_operator_sets_a_shadow_and_ends_it(shared_api: RunningApi) -> None:
    admin = shared_api.client()
    assert (await admin.post("agents", json={"name": "seen"})).status_code == 201
    client = shared_api.client(Role.OPERATOR)
    nothing = (await client.get("circuits/seen/shadow")).json()
    assert (nothing["shadow"], nothing["comparison"]) == (None, None)
    answer = await client.put("circuits/seen/shadow", json=ASK)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["in_force"]
    assert found["shadow"]["settings"] == ASK["settings"]
    assert found["shadow"]["reason"] == ASK["reason"]
    assert found["shadow"]["state"] == "closed"
    producer = Producer(shared_api.backend, "seen", producer=91)
    await producer.send(*[Result.FAILURE] * 3, Result.SUCCESS)
    await until_folded(shared_api.backend, "seen")
    viewer = shared_api.client(Role.VIEWER)
    found = (await viewer.get("circuits/seen/shadow")).json()
    assert (found["shadow"]["state"], found["shadow"]["known"]) == ("open", True)
    assert found["comparison"]["total"]["openings"] == {"recorded": 0, "low": 1, "high": 1}
    assert found["comparison"]["since_ms"] == found["shadow"]["since_ms"]
    plain = (await viewer.get("circuits/seen/shadow", params={"compare": False})).json()
    assert (plain["shadow"], plain["comparison"]) == (found["shadow"], None)
    assert (await viewer.get("circuits/seen")).json()["circuit"]["state"] == "closed"
    items = (await viewer.get("circuits/seen/timeline", params={"kinds": "shadows"})).json()
    told, opened = items["items"]
    assert (told["kind"], told["settings"], told["reason"]) == (
        *("shadow_set", ASK["settings"], ASK["reason"]),
    )
    assert told["actor"] == found["shadow"]["actor"]
    assert (opened["kind"], opened["from"], opened["to"], opened["cause"], opened["known"]) == (
        *("shadow", "closed", "open", "consecutive_failures", True),
    )
    assert opened["why"] == "the shadow would be open: 2 failures in a row"
    answer = await client.delete("circuits/seen/shadow", params={"reason": "seen enough"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["shadow"], answer.json()["in_force"]) == (None, True)
    again = await client.delete("circuits/seen/shadow", params={"reason": "twice"})
    assert again.json()["shadow"] is None
    items = (await viewer.get("circuits/seen/timeline", params={"kinds": "shadow_set"})).json()
    assert [item["reason"] for item in items["items"]] == [ASK["reason"], "seen enough"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**ASK, "settings": {"failure_threshold": 0}}, "settings.failure_threshold"),
        ({**ASK, "settings": {"when_unavailable": "reject"}}, "settings.when_unavailable"),
        ({**ASK, "settings": {}}, "settings"),
        ({**ASK, "settings": [1]}, "settings"),
        ({"settings": ASK["settings"]}, "reason"),
        ({**ASK, "reason": "two\nlines"}, "reason"),
        ({**ASK, "extra": 1}, "extra"),
    ],
)
async def test_what_is_wrong_is_named(
    shared_api: RunningApi, body: dict[str, Any], field: str
) -> None:
    client = shared_api.client()
    await client.post("agents", json={"name": "wrong"})
    refused(await client.put("circuits/wrong/shadow", json=body), field)
    assert (await client.get("circuits/wrong/shadow")).json()["shadow"] is None


async def test_who_may_not_and_what_is_not_there(shared_api: RunningApi) -> None:
    viewer, client = shared_api.client(Role.VIEWER), shared_api.client()
    problem(await viewer.put("circuits/seen/shadow", json=ASK), 403)
    problem(await client.put("circuits/nobody/shadow", json=ASK), 404)
    problem(await client.get("circuits/nobody/shadow"), 404)
    problem(await client.delete("circuits/nobody/shadow", params={"reason": "x"}), 404)
    refused(await client.delete("circuits/seen/shadow"), "reason")
