"""The life of an agent over HTTP: revisions, conditions, history, lists, and what workers see."""

import asyncio
from time import perf_counter

import pytest

from fuseline.api.access.roles import Role
from tests.api.asking import problem, refused
from tests.api.running import RunningApi, running_api
from tests.bridge.support import Callee, attempt, connected
from tests.servers import RealServer
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://agent.example/ask"


async def test_created_read_changed_replaced_and_removed(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    body = {"name": "a", "url": URL, "circuit_breaker_config": {"failure_threshold": 4}}
    made = await client.post("agents", json=body, params={"reason": "new partner"})
    assert (made.status_code, made.headers["etag"]) == (201, '"1"')
    assert made.headers["location"] == "/api/v1/agents/a"
    assert made.json()["updated_by"] == "token:admin-of-test"
    assert "failure_threshold" not in made.json()["defaulted"]
    assert "timeout_seconds" in made.json()["defaulted"]
    again = problem(await client.post("agents", json=body), 409)
    assert "revision 1" in again["detail"]

    read = await client.get("agents/a")
    assert read.json() == made.json()
    fresh = await client.get("agents/a", headers={"If-None-Match": '"7", W/"1"'})
    assert (fresh.status_code, fresh.content, fresh.headers["etag"]) == (304, b"", '"1"')

    change = {"circuit_breaker_config": {"failure_threshold": 2}}
    changed = await client.patch("agents/a", json=change, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    for late in (
        client.patch("agents/a", json=change, headers={"If-Match": '"1"'}),
        client.put("agents/a", json={"url": URL}, headers={"If-Match": '"1"'}),
        client.delete("agents/a", params={"reason": "x"}, headers={"If-Match": '"1"'}),
    ):
        told = problem(await late, 412)
        assert "revision 2" in told["detail"]
        assert "made for 1" in told["detail"]
    for tag in ('"x"', 'W/"2"', '"99999999999999999999999"'):
        problem(await client.patch("agents/a", json=change, headers={"If-Match": tag}), 412)
    for tag in ("2", "x", '"1", "2"', ""):
        answer = await client.patch("agents/a", json=change, headers={"If-Match": tag})
        assert refused(answer, "If-Match")["value"] == tag
    replaced = await client.put("agents/a", json={"url": URL}, headers={"If-Match": "*"})
    assert (replaced.status_code, replaced.headers["etag"]) == (200, '"3"')
    assert replaced.json()["circuit_breaker_config"] == {}

    refused(await client.delete("agents/a"), "reason")
    refused(await client.delete("agents/a", params={"reason": ""}), "reason")
    gone = await client.delete(
        "agents/a", params={"reason": "contract ended"}, headers={"If-Match": '"3"'}
    )
    assert (gone.status_code, gone.content) == (204, b"")
    for path in ("agents/a", "circuits/a"):
        problem(await client.get(path), 404)
    timeline = await eventually(lambda: _removal(client))
    assert timeline["items"][0]["reason"] == "new partner"
    assert {one.get("actor") for one in timeline["items"]} >= {"token:admin-of-test"}
    problem(await client.post("tasks", json={"agent": "a", "payload": 1}), 404)


async def _removal(client) -> dict | None:  # type: ignore[no-untyped-def, type-arg]
    found: dict = (await client.get("circuits/a/timeline")).json()  # type: ignore[type-arg]
    return found if any(one.get("reason") == "contract ended" for one in found["items"]) else None


async def test_a_task_for_an_agent_that_is_gone_is_refused(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    await client.post("agents", json={"name": "t", "url": URL})
    task = {"agent": "t", "payload": 1}
    assert (await client.post("tasks", json=task)).status_code == 202
    assert (await client.delete("agents/t", params={"reason": "x"})).status_code == 204
    problem(await client.post("tasks", json=task), 404)


async def test_lists_filter_sort_and_turn_pages(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    for number in range(7):
        body = {"name": f"n{number}", "url": f"https://h{number}.example/?key=hidden"}
        await client.post("agents", json=body | {"tags": ["even" if number % 2 == 0 else "odd"]})
    for sort in ("name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"):
        names: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = await client.get("agents", params={"sort": sort, "limit": 3, **cursor})
            page = answer.json()
            assert page["total"] == 7
            names += [one["name"] for one in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert names == sorted(names, reverse=sort.startswith("-"))
        assert len(names) == 7
    odd = (await client.get("agents", params={"tag": "odd"})).json()
    assert (await client.get("tags")).json()["items"] == [
        {"tag": "even", "agents": ["n0", "n2", "n4", "n6"]},
        {"tag": "odd", "agents": ["n1", "n3", "n5"]},
    ]
    assert [one["name"] for one in odd["items"]] == ["n1", "n3", "n5"]
    assert (await client.get("agents", params={"search": "H3.EX"})).json()["total"] == 1
    assert (await client.get("agents", params={"search": "hidden"})).json()["total"] == 0
    assert (await client.get("agents", params={"protocol": "a2a"})).json()["total"] == 0
    for name, value in (
        ("limit", "0"), ("limit", "501"), ("limit", "NaN"), ("limit", str(2**70)),
        ("sort", "nope"), ("cursor", "x"), ("cursor", "\u00e4"), ("search", "x" * 201),
        ("tags", "odd"),
    ):  # fmt: skip
        refused(await client.get("agents", params={name: value}), name)


async def test_workers_apply_a_change_at_once(tidy_api: RunningApi, server: RealServer) -> None:
    client = tidy_api.client()
    namespace = tidy_api.backend.keys.namespace_name
    await client.post("agents", json={"name": "w", "url": URL})
    async with connected(server.url, namespace, projector=False) as manager:
        breaker, callee = manager.get("w"), Callee()
        assert await attempt(breaker, callee.ok) == "ok"
        took = []
        for threshold in range(2, 12):
            change = {"circuit_breaker_config": {"failure_threshold": threshold}}
            assert (await client.patch("agents/w", json=change)).status_code == 200
            began = perf_counter()
            await eventually(lambda t=threshold: breaker.config.failure_threshold == t)
            took.append(perf_counter() - began)
        print(f"a change reached the worker after {max(took) * 1000:.1f} ms at most")
        assert sorted(took)[len(took) // 2] < 0.5


async def test_two_processes_of_the_api_are_one(server: RealServer) -> None:
    async with (
        running_api(server.url, "two-apis") as one,
        running_api(server.url, "two-apis", projector=False) as two,
    ):
        first, second = one.client(), two.client()
        await first.post("agents", json={"name": "a", "url": URL})
        change = {"description": "from the second"}
        answers = await asyncio.gather(
            *(
                each.patch(
                    "agents/a", json=change | {"tags": [str(n)]}, headers={"If-Match": '"1"'}
                )
                for n, each in enumerate((first, second))
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        assert (await first.get("agents/a")).json() == (await second.get("agents/a")).json()
        viewer = two.client(Role.VIEWER)
        assert (await viewer.get("me")).status_code == 200
        tokens = (await first.get("tokens")).json()["items"]
        (mine,) = [t for t in tokens if t["name"] == "viewer-of-test" and t["last_used_at"]]
        assert (await first.delete(f"tokens/{mine['id']}")).status_code == 204
        problem(await viewer.get("me"), 401)
