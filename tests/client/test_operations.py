"""The client against the OpenAPI, and every method of it against a real API."""

import importlib
import pkgutil
import re
from typing import Any

import msgspec
import pytest

import fuseline.client
from fuseline.api.access.roles import Role
from fuseline.api.app import api_document
from fuseline.client import Conflict, FuselineClient, NotFound, PreconditionFailed
from fuseline.client.operation import Operation
from fuseline.client.stream import EVENTS
from fuseline.schemas.access import Me
from fuseline.schemas.alerts import AlertChannel, AlertRule, Opened, OpenLonger, Webhook
from fuseline.schemas.calls import OutcomeReport, ResultName
from fuseline.schemas.stream import StreamSnapshot
from tests.api.running import RunningApi
from tests.bridge.tasks_support import Agent, another, handlers_of
from tests.client.support import Observed

PREFIX = "/api/v1"
SENT_OTHERWISE = {"last_event_id"}  # the header of that meaning is sent
DOCUMENT = api_document()


def documented() -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path.removeprefix(PREFIX), operation)
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }


def known() -> list[Operation[Any]]:
    modules = [
        importlib.import_module(f"fuseline.client.{module.name}")
        for module in pkgutil.iter_modules(fuseline.client.__path__)
    ]
    found = [one for module in modules for one in vars(module).values()]
    return list({id(one): one for one in found if isinstance(one, Operation)}.values())


def content_of(operation: dict[str, Any], status: int) -> dict[str, Any]:
    return operation["responses"].get(str(status), {}).get("content", {})  # type: ignore[no-any-return]


def plain(schema: Any) -> Any:
    """A schema without what is for people."""
    if isinstance(schema, dict):
        return {
            key: plain(value)
            for key, value in schema.items()
            if key not in ("description", "title", "examples", "required")
        }
    return [plain(part) for part in schema] if isinstance(schema, list) else schema


def test_the_client_knows_exactly_the_operations_of_the_document() -> None:
    assert {operation.name for operation in known()} == set(documented())


@pytest.mark.parametrize("operation", known(), ids=lambda operation: operation.name)
def test_an_operation_of_the_client_is_as_documented(operation: Operation[Any]) -> None:
    method, path, about = documented()[operation.name]
    assert (operation.method, operation.path) == (method, path)
    good = {int(status) for status in about["responses"] if status.startswith("2")}
    assert good <= set(operation.statuses)


@pytest.mark.parametrize("operation", known(), ids=lambda operation: operation.name)
def test_an_answer_has_exactly_the_members_that_are_documented(operation: Operation[Any]) -> None:
    *_, about = documented()[operation.name]
    for status in (int(word) for word in about["responses"] if word.startswith("2")):
        content = content_of(about, status)
        if operation.answer is type(None):
            assert not content
        elif operation.answer is str:
            assert [kind.partition(";")[0] for kind in content] == ["text/plain"]
        elif operation.answer is not object:
            name = operation.answer.__name__
            schema = content["application/json"]["schema"]
            assert schema == {"$ref": f"#/components/schemas/{name}"}
            assert_documented(operation.answer)


def test_the_events_are_those_that_are_documented() -> None:
    *_, about = documented()["followCircuits"]
    listed = content_of(about, 200)["text/event-stream"]["schema"]["oneOf"]
    assert {one["$ref"].rpartition("/")[2] for one in listed} == {
        f"Stream{name.capitalize()}" for name in EVENTS
    }
    for name, kind in EVENTS.items():
        assert kind.__name__ == f"Stream{name.capitalize()}"
        assert_documented(kind)


def assert_documented(kind: Any) -> None:
    template = "#/components/schemas/{name}"
    _, own = msgspec.json.schema_components([kind], ref_template=template)
    for name, schema in own.items():
        assert plain(DOCUMENT["components"]["schemas"][name]) == plain(schema), name


async def test_every_method_works_and_sends_every_documented_parameter(
    api: RunningApi, client: FuselineClient, redis_url: str, namespace: str
) -> None:
    observed = Observed(client)
    await use_agents(client)
    await use_circuits(client)
    await use_calls(client)
    async with another(redis_url, namespace, handlers_of(ask=Agent())):
        await use_tasks(client)
    await use_alerts(client)
    await use_access(client)
    await use_stream(client)
    assert (await client.health()).status == "ok"
    assert (await client.ready()).status == "ok"
    assert (await client.version()).namespace == namespace
    assert "fuseline_" in await client.metrics()

    assert observed.called == observed.methods
    operations = documented()
    sent: dict[str, set[str]] = {}
    for response in observed.responses:
        name = operation_of(response.request.method, response.request.url.path)
        told = sent.setdefault(name, set())
        told |= set(response.request.url.params) | set(response.request.headers)
    assert set(sent) == set(operations)
    for name, (_, _, about) in operations.items():
        parameters = {
            one["name"] if one["in"] == "query" else one["name"].lower()
            for one in about.get("parameters", ())
            if one["in"] != "path"
        }
        assert parameters - SENT_OTHERWISE <= sent[name], name
    assert_nothing_was_lost(observed)


def operation_of(method: str, path: str) -> str:
    for name, (own_method, template, _) in documented().items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", PREFIX + template)
        if own_method == method and re.fullmatch(pattern, path):
            return name
    raise AssertionError(f"{method} {path} is not documented")


def assert_nothing_was_lost(observed: Observed) -> None:
    """No member of an answer is one that the client's types do not have."""
    types = {operation.name: operation for operation in known()}
    compared = 0
    for response in observed.answers:
        if response.status_code == 304 or response.status_code >= 400 or not response.content:
            continue
        operation = types[operation_of(response.request.method, response.request.url.path)]
        if operation.answer is str:
            continue
        again = msgspec.json.encode(operation.decode(response.content))
        assert msgspec.json.decode(again) == msgspec.json.decode(response.content)
        compared += 1
    assert compared > 30


async def use_agents(client: FuselineClient) -> None:
    made = await client.agents.create(
        {
            "name": "ask",
            "url": "https://ask.example.com",
            "tags": ["eu"],
            "circuit_breaker_config": {"failure_threshold": 3},
        },
        reason="a new one",
    )
    await client.agents.create({"name": "other", "tags": ["eu"]})
    assert made.effective_circuit_breaker_config.failure_threshold == 3
    (eu,) = [use for use in (await client.agents.tags()).items if use.tag == "eu"]
    assert eu.agents == ["ask", "other"]
    page = await client.agents.list(
        search="s", tags=["eu"], protocol=made.protocol, sort="-name", limit=1
    )
    assert [agent.name for agent in page.items] == ["ask"]
    first = await client.agents.list(limit=1)
    second = await client.agents.list(limit=1, cursor=first.next_cursor)
    assert [agent.name for agent in (*first.items, *second.items)] == ["ask", "other"]
    listed = [agent.name async for agent in client.agents.iterate(page_size=1, sort="-name")]
    assert listed == ["other", "ask"]
    assert await client.agents.get("ask") == made
    assert await client.agents.get_newer("ask", made.revision) is None
    changed = await client.agents.change(
        "ask", {"description": "asks"}, revision=made.revision, reason="told so"
    )
    assert await client.agents.get_newer("ask", made.revision) == changed
    replaced = await client.agents.replace(
        "ask", {"description": "x"}, revision=changed.revision, reason="told so"
    )
    assert replaced.url is None
    other = await client.agents.get("other")
    await client.agents.delete("other", reason="not needed", revision=other.revision)
    with pytest.raises(NotFound):
        await client.agents.get("other")
    await client.agents.create({"name": "other"})
    assert (await client.agents.defaults()).circuit_breaker_config.failure_threshold == 5


async def use_circuits(client: FuselineClient) -> None:
    circuits = client.circuits
    for method, mode in (
        (circuits.force_open, "forced_open"),
        (circuits.force_closed, "forced_closed"),
    ):
        done = await method("ask", "a drill", expires_in_seconds=60)
        assert done.circuit.mode.value == mode
    found = await circuits.list(states=["forced_closed"], search="a", limit=10)
    assert [circuit.agent for circuit in found.items] == ["ask"]
    first = await circuits.list(limit=1)
    assert first.next_cursor is not None
    assert len((await circuits.list(limit=1, cursor=first.next_cursor)).items) == 1
    assert {circuit.agent async for circuit in circuits.iterate(page_size=1)} == {"ask", "other"}
    await circuits.hand_back("ask", "the drill is over", reset=True)
    assert (await circuits.get("ask")).circuit.mode.value == "auto"
    assert (await circuits.state_at("ask", "-0s")).circuit.agent == "ask"
    page = await circuits.timeline(
        "ask", since="-1h", until="-0s", kinds=["override"], limit=2, after="oldest"
    )
    assert [item.kind.value for item in page.items] == ["override", "override"]
    newest = await circuits.timeline("ask", limit=1)
    assert (await circuits.timeline("ask", limit=1, before=newest.older)).items != newest.items
    forwards = [item.id async for item in circuits.items("ask", page_size=1)]
    backwards = [item.id async for item in circuits.items("ask", page_size=2, newest_first=True)]
    assert len(forwards) >= 4
    assert forwards == backwards[::-1]
    counts = await circuits.counts(
        "ask", since="-1h", until="-0s", bucket_ms=60_000, max_buckets=100
    )
    assert counts.bucket_ms >= 60_000
    bands = await circuits.bands("ask", since="-1h", until="-0s", limit=10)
    assert bands.bands[-1].mode.value == "auto"
    assert (await circuits.explain("ask", newest.items[0].id)).why
    blamed = await client.circuits.workers("ask", since="-1h", until="-0s")
    assert (blamed.workers, blamed.minimum_workers) == ([], 1)
    asked = await client.circuits.what_if("ask", {"failure_threshold": 2}, since="-1h")
    assert asked.settings["failure_threshold"] == 2
    set_now = await client.circuits.set_shadow("ask", {"failure_threshold": 2}, "to see")
    assert (set_now.shadow is not None) is set_now.in_force
    shadow = await client.circuits.shadow("ask", compare=False)
    assert shadow.comparison is None
    await client.circuits.end_shadow("ask", "seen")
    tried = await client.circuits.proposals("ask", since="-1h", failure_cost=2.0, limit=2)
    assert len(tried.items) == 2


async def use_calls(client: FuselineClient) -> None:
    admission = await client.calls.admit("ask")
    assert admission.admitted
    assert admission.ticket is not None
    well = OutcomeReport(ticket=admission.ticket, result=ResultName.SUCCESS, duration_ms=3)
    assert (await client.calls.record("ask", "shop-1", [well, well])).sequence == 2
    assert (await client.calls.record("ask", "shop-1", [well])).sequence == 3


async def use_tasks(client: FuselineClient) -> None:
    done = await client.run("ask", {"order": 17}, wait_seconds=20)
    assert (done.status, done.result) == ("succeeded", {"echo": {"order": 17}})
    task = await client.tasks.submit(
        "ask",
        "again",
        priority="high",
        deadline_seconds=60,
        max_attempts=2,
        when_open="defer",
        idempotent=True,
        task_id="task-of-mine",
    )
    assert not task.existed
    assert (await client.tasks.wait(task.task, wait_seconds=20)).result == {"echo": "again"}
    assert (await client.tasks.submit("ask", "again", task_id="task-of-mine")).existed
    assert (await client.tasks.get(task.task)).state == "done"
    assert (await client.tasks.run("ask", None, wait_seconds=20)).status == "succeeded"


async def use_alerts(client: FuselineClient) -> None:
    alerts = client.alerts
    to = Webhook(url="https://ops.example.com/x", secret="${env:OPS_SECRET}")
    channel = await alerts.create_channel(AlertChannel(name="ops", to=to))
    assert (await alerts.channels()).items == [channel]
    renamed = AlertChannel(name="ops", to=to, description="the people on call")
    changed = await alerts.replace_channel(renamed, revision=channel.revision)
    assert await alerts.channel("ops") == changed
    with pytest.raises(Conflict, match="no notifier"):
        await alerts.test("ops", wait_seconds=1)
    assert (await alerts.notifier()).owner == ""
    rule = AlertRule(name="open", when=Opened(), channels=["ops"])
    made = await alerts.create_rule(rule)
    assert (await alerts.rules()).items == [made]
    longer = AlertRule(name="open", when=OpenLonger(for_seconds=60), channels=["ops"])
    replaced = await alerts.replace_rule(longer, revision=made.revision)
    assert (await alerts.rule("open")).rule == longer
    with pytest.raises(PreconditionFailed):
        await alerts.delete_rule("open", revision=made.revision)
    await alerts.delete_rule("open", revision=replaced.revision)
    await alerts.delete_channel("ops", revision=changed.revision)
    assert (await alerts.incidents(state="open", subject="ask", rule="open", limit=5)).items == []
    assert (await alerts.deliveries(channel="ops", limit=5)).items == []
    assert [one.action for one in (await alerts.audit(limit=2)).items] == ["delete", "delete"]


async def use_access(client: FuselineClient) -> None:
    assert await client.me() == Me(
        name="admin-of-test", role=Role.ADMIN, kind="token", actor="token:admin-of-test"
    )
    made = await client.tokens.create("ci", "viewer", expires_in_seconds=60)
    assert made.token.id in [token.id for token in (await client.tokens.list()).items]
    await client.tokens.revoke(made.token.id)
    await client.session.log_in()
    assert (await client.me()).kind == "session"
    await client.agents.change("ask", {"description": "by a session"})
    assert (await client.agents.get("ask")).updated_by == "session:admin-of-test"
    await client.session.log_out()
    assert (await client.me()).kind == "token"


async def use_stream(client: FuselineClient) -> None:
    wanted: dict[str, Any] = {"agents": ["ask"], "states": ["closed"], "kinds": ["changes"]}
    async with client.stream(**wanted) as stream:
        while not isinstance(await anext(stream), StreamSnapshot):
            pass
    assert stream.last_id
    async with client.stream(**wanted, last_id=stream.last_id) as resumed:
        await anext(resumed)
