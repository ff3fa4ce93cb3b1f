"""Calls of other programs over HTTP: admitted or not, and each outcome in the log once."""

from typing import Any

import httpx2
import pytest

from fuseline.api.access.roles import Role
from tests.api.asking import problem, refused
from tests.api.running import RunningApi, running_api
from tests.servers import RealServer
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


class Program:
    """What a program in another language does: asks, calls, reports."""

    def __init__(self, api: RunningApi, agent: str, worker: str = "shop-1") -> None:
        self.client = api.client(Role.CALLER)
        self.agent = agent
        self.worker = worker
        self.run = 1
        self.next = 1

    async def admit(self) -> dict[str, Any]:
        answer = await self.client.post(f"circuits/{self.agent}/admissions")
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def send(self, first: int, *outcomes: dict[str, Any]) -> httpx2.Response:
        report = {"worker": self.worker, "run": self.run, "sequence": first, "outcomes": outcomes}
        return await self.client.post(f"circuits/{self.agent}/outcomes", json=report)

    async def report(self, *outcomes: dict[str, Any]) -> dict[str, Any]:
        answer = await self.send(self.next, *outcomes)
        assert answer.status_code == 200, answer.text
        self.next += len(outcomes)
        assert answer.json()["sequence"] == self.next - 1
        return answer.json()  # type: ignore[no-any-return]


def ended(ticket: str | None, result: str = "success", **more: Any) -> dict[str, Any]:
    kind = {"failure_kind": "http_503"} if result == "failure" else {}
    return {"ticket": ticket, "result": result, "duration_ms": 20, **kind, **more}


async def agent(api: RunningApi, name: str, **settings: Any) -> Program:
    made = await api.client().post(
        "agents", json={"name": name, "circuit_breaker_config": settings}
    )
    assert made.status_code == 201, made.text
    return Program(api, name)


async def circuit(api: RunningApi, name: str) -> dict[str, Any]:
    return (await api.client().get(f"circuits/{name}")).json()["circuit"]  # type: ignore[no-any-return]


async def outcomes_of(api: RunningApi, name: str, count: int) -> list[dict[str, Any]]:
    """The outcomes in the timeline, once there are so many."""

    async def found() -> list[dict[str, Any]] | None:
        answer = await api.client().get(f"circuits/{name}/timeline", params={"kinds": "outcomes"})
        items = answer.json()["items"]
        return items if len(items) >= count else None

    items: list[dict[str, Any]] = await eventually(found)
    assert len(items) == count
    return items


async def test_a_program_reads_its_own_failures_always(tidy_api: RunningApi) -> None:
    for number in range(10):
        program = await agent(tidy_api, f"own-{number}", failure_threshold=5)
        for _ in range(5):
            admission = await program.admit()
            assert (admission["admitted"], admission["state"]) == (True, "closed")
            answer = await program.report(ended(admission["ticket"], "failure"))
        assert answer["state"] == "open"
        assert 0 < answer["retry_after_seconds"] <= 60
        refusal = await program.admit()
        assert (refusal["admitted"], refusal["ticket"]) == (False, None)
        assert (refusal["state"], refusal["cause"]) == ("open", "consecutive_failures")
        assert 0 < refusal["retry_after_seconds"] <= 60


async def test_what_is_reported_again_counts_once_whoever_takes_it(
    tidy_api: RunningApi, server: RealServer
) -> None:
    program = await agent(tidy_api, "again", failure_threshold=100)
    ticket = (await program.admit())["ticket"]
    outcomes = [ended(ticket), ended(ticket, "failure"), ended(ticket, "timeout")]
    namespace = tidy_api.backend.keys.namespace_name
    async with running_api(server.url, namespace, projector=False) as other:
        elsewhere = Program(other, "again")
        for one in (program, program, elsewhere):
            answer = await one.send(1, *outcomes)
            assert (answer.status_code, answer.json()["sequence"]) == (200, 3)
        # Some of it is new: that alone is taken.
        answer = await elsewhere.send(3, outcomes[2], ended(ticket))
        assert answer.json()["sequence"] == 4

    async def all_folded() -> bool:
        return (await circuit(tidy_api, "again"))["calls"] == 4

    await eventually(all_folded)
    assert (await circuit(tidy_api, "again"))["failures"] == 2
    items = await outcomes_of(tidy_api, "again", 4)
    assert {one["worker"] for one in items} == {"shop-1"}


async def test_numbers_that_do_not_follow_are_refused_and_nothing_is_taken(
    tidy_api: RunningApi,
) -> None:
    program = await agent(tidy_api, "numbers")
    await program.report(ended("0"), ended("0"))
    gap = problem(await program.send(4, ended("0")), 409)
    assert gap["type"].endswith("report-conflict")
    assert "send from 3 on" in gap["detail"]
    program.run, program.next = 2, 1
    await program.report(ended("0"))
    program.run = 1
    stale = problem(await program.send(3, ended("0")), 409)
    assert "has begun a later one" in stale["detail"]
    other = Program(tidy_api, "numbers", worker="shop-2")
    await other.report(ended("0"))
    items = await outcomes_of(tidy_api, "numbers", 4)
    assert [one["worker"] for one in items].count("shop-2") == 1


async def half_open(api: RunningApi, name: str, **settings: Any) -> Program:
    program = await agent(api, name, failure_threshold=1, timeout_seconds=0.05, **settings)
    await program.report(ended((await program.admit())["ticket"], "failure"))

    async def is_half_open() -> bool:
        return (await circuit(api, name))["state"] == "half_open"

    await eventually(is_half_open)
    return program


async def test_probes_are_let_through_to_the_limit_and_close_the_circuit(
    tidy_api: RunningApi,
) -> None:
    program = await half_open(tidy_api, "probed", half_open_max_calls=2)
    probes = [await program.admit(), await program.admit()]
    for probe in probes:
        assert (probe["admitted"], probe["probe"]) == (True, True)
        assert probe["ends_in_seconds"] > 0
    assert not (await program.admit())["admitted"]
    assert (await program.report(ended(probes[0]["ticket"])))["state"] == "half_open"
    assert (await program.report(ended(probes[1]["ticket"])))["state"] == "closed"
    admission = await program.admit()
    assert (admission["admitted"], admission["probe"]) == (True, False)


async def test_a_process_that_has_not_seen_the_circuit_says_how_it_stands(
    tidy_api: RunningApi, server: RealServer
) -> None:
    program = await agent(tidy_api, "unseen", failure_threshold=1)
    await program.report(ended((await program.admit())["ticket"], "failure"))
    namespace = tidy_api.backend.keys.namespace_name
    async with running_api(server.url, namespace, projector=False) as other:
        late = await Program(other, "unseen", worker="shop-2").report(ended("0"))
        assert late["state"] == "open"
        assert not (await Program(other, "unseen").admit())["admitted"]


async def test_a_failed_probe_opens_again_and_an_abandoned_one_gives_its_place_back(
    tidy_api: RunningApi,
) -> None:
    program = await half_open(tidy_api, "fails", half_open_max_calls=1, timeout_multiplier=100)
    probe = await program.admit()
    assert probe["probe"]
    assert (await program.report(ended(probe["ticket"], "abandoned")))["state"] == "half_open"
    probe = await program.admit()
    assert probe["probe"]
    assert (await program.report(ended(probe["ticket"], "failure")))["state"] == "open"
    assert not (await program.admit())["admitted"]


async def test_a_result_of_an_earlier_round_is_history(tidy_api: RunningApi) -> None:
    program = await half_open(tidy_api, "late", half_open_max_calls=1)
    late = "0"  # admitted before the circuit opened
    assert (await program.report(ended(late, "failure")))["state"] == "half_open"
    probe = await program.admit()
    assert (await program.report(ended(probe["ticket"])))["state"] == "closed"
    assert (await program.report(ended(probe["ticket"], "failure")))["state"] == "closed"
    assert (await circuit(tidy_api, "late"))["consecutive_failures"] == 0


async def test_an_operators_word_is_heeded(tidy_api: RunningApi) -> None:
    program = await agent(tidy_api, "forced")
    operator = tidy_api.client(Role.OPERATOR)
    assert (await program.admit())["admitted"]
    override = {"mode": "forced_open", "reason": "maintenance"}
    assert (await operator.post("circuits/forced/override", json=override)).status_code == 200

    async def is_refused() -> bool:
        admission = await program.admit()
        return not admission["admitted"] and admission["cause"] == "forced_open"

    await eventually(is_refused)


async def test_the_agents_own_wait_and_the_trace_stand_in_the_timeline(
    tidy_api: RunningApi,
) -> None:
    program = await agent(tidy_api, "traced", failure_threshold=1)
    told = {"retry_after_seconds": 120.5, "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    answer = await program.report(ended("0", "failure", ago_ms=5, **told))
    assert answer["retry_after_seconds"] > 100
    (outcome,) = await outcomes_of(tidy_api, "traced", 1)
    assert (outcome["failure_kind"], outcome["trace_id"]) == ("http_503", TRACE)


async def test_agents_that_are_not_there_are_not_made(tidy_api: RunningApi) -> None:
    program = Program(tidy_api, "nobody")
    problem(await program.client.post("circuits/nobody/admissions"), 404)
    problem(await program.send(1, ended("0")), 404)
    gone = await agent(tidy_api, "gone")
    assert (await gone.admit())["admitted"]
    await tidy_api.client().delete("agents/gone", params={"reason": "test"})

    async def is_unknown() -> bool:
        return (await gone.client.post("circuits/gone/admissions")).status_code == 404

    await eventually(is_unknown)


async def test_wrong_values_are_named_and_nothing_is_taken(tidy_api: RunningApi) -> None:
    program = await agent(tidy_api, "wrong")
    for field, value in (
        ("ticket", "mine"),
        ("ticket", "1:2"),
        ("result", "great"),
        ("duration_ms", -1),
        ("duration_ms", "5"),
        ("ago_ms", 1 << 60),
        ("failure_kind", "x" * 101),
        ("retry_after_seconds", -1),
        ("traceparent", "00-1-2-3"),
        ("speed", 1),
    ):
        answer = await program.send(1, ended("0"), {**ended("0"), field: value})
        refused(answer, f"outcomes.1.{field}")
    good = {"worker": "w", "run": 1, "sequence": 1, "outcomes": [ended("0")]}
    for field, value in (
        ("worker", "a b"),
        ("worker", ""),
        ("run", 0),
        ("sequence", 0),
        ("outcomes", []),
        ("outcomes", [ended("0")] * 1001),
    ):
        answer = await program.client.post("circuits/wrong/outcomes", json={**good, field: value})
        refused(answer, field)
    await program.report(ended("0"))
    await outcomes_of(tidy_api, "wrong", 1)
