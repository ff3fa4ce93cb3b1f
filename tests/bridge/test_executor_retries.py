"""When a call is repeated, and when it must not be."""

from time import monotonic
from typing import Any

import pytest

from fuseline import (
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    Result,
    Verdict,
)
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.bridge.retry import may_repeat, wait_seconds
from fuseline.bridge.retry_after import retry_after_seconds
from fuseline.core.endpoint import Endpoint
from tests.bridge.agents import manners
from tests.bridge.agents.manners import answers, in_turn, streams
from tests.bridge.agents.server import agent_at
from tests.bridge.executor_support import scene

QUICK = {"max_attempts": 4, "backoff_seconds": 0.01, "backoff_max_seconds": 0.02}


async def test_an_idempotent_call_is_repeated_until_it_succeeds(
    manager: CircuitBreakerManager,
) -> None:
    turns = in_turn(manners.resets, answers({}, 503), manners.no_json, answers("at last"))
    async with scene(manager, turns, idempotent=True, retry=QUICK) as s:
        assert await s.call() == "at last"
        assert await s.ends() == [
            ("FAILURE", "connection_lost"),
            ("FAILURE", "http_503"),
            ("FAILURE", "malformed"),
            ("SUCCESS", ""),
        ]


async def test_attempts_are_limited_and_the_last_failure_is_raised(
    manager: CircuitBreakerManager,
) -> None:
    turns = in_turn(*(answers({}, status) for status in (500, 501, 502, 503, 200)))
    async with scene(manager, turns, idempotent=True, retry=QUICK) as s:
        assert (await s.error()).status == 503
        assert len(s.agent.requests) == 4


@pytest.mark.parametrize("manner", [manners.resets, answers({}, 503), manners.no_json])
async def test_what_the_agent_may_have_seen_is_not_repeated(
    manager: CircuitBreakerManager, manner: Any
) -> None:
    async with scene(manager, manner, retry=QUICK) as s:
        await s.error()
        assert len(s.agent.requests) == 1


async def test_what_was_not_sent_is_repeated(manager: CircuitBreakerManager) -> None:
    async with agent_at(manners.echoes) as gone:
        url = gone.url
    async with scene(manager, manners.echoes, url=url, retry=QUICK) as s:
        error = await s.error()
        assert not error.sent
        assert await s.ends() == [("FAILURE", "connect_refused")] * 4


@pytest.mark.parametrize("status", [400, 404])
async def test_an_answer_is_not_repeated(manager: CircuitBreakerManager, status: int) -> None:
    async with scene(manager, answers({}, status), idempotent=True, retry=QUICK) as s:
        await s.error()
        assert len(s.agent.requests) == 1


async def test_a_payload_that_is_no_json_is_not_repeated(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.echoes, idempotent=True, retry=QUICK) as s:
        error = await s.error({"what": object()})
        assert not error.sent
        assert await s.ends() == [("NOT_SENT", "bad_payload")]
        assert not s.agent.requests


async def test_a_refusal_by_the_breaker_ends_the_attempts(manager: CircuitBreakerManager) -> None:
    config = CircuitBreakerConfig(failure_threshold=2)
    async with scene(manager, answers({}, 500), config=config, idempotent=True, retry=QUICK) as s:
        with pytest.raises(CircuitBreakerOpenError):
            await s.call()
        assert len(s.agent.requests) == 2


async def test_attempts_end_at_the_total_deadline(manager: CircuitBreakerManager) -> None:
    retry = {"max_attempts": 10, "backoff_seconds": 0.1, "backoff_max_seconds": 0.1}
    async with scene(
        manager, answers({}, 500), idempotent=True, retry=retry, timeout_seconds=0.3
    ) as s:
        began = monotonic()
        await s.error()
        assert monotonic() - began < 0.35
        assert 2 <= len(s.agent.requests) <= 6


async def test_a_wait_longer_than_the_time_left_is_not_begun(
    manager: CircuitBreakerManager,
) -> None:
    manner = answers({}, 503, {"Retry-After": "60"})
    async with scene(manager, manner, idempotent=True, retry=QUICK, timeout_seconds=30) as s:
        began = monotonic()
        await s.error()
        assert monotonic() - began < 5
        assert len(s.agent.requests) == 1


async def test_retry_after_is_waited_for(manager: CircuitBreakerManager) -> None:
    turns = in_turn(answers({}, 503, {"Retry-After": "1"}), answers("ok"))
    async with scene(manager, turns, idempotent=True, retry=QUICK) as s:
        began = monotonic()
        assert await s.call() == "ok"
        assert monotonic() - began >= 1


async def test_a_stream_is_repeated_before_its_first_part_only(
    manager: CircuitBreakerManager,
) -> None:
    turns = in_turn(answers({}, 503), streams([b"1\n"], ends=False))
    async with scene(manager, turns, idempotent=True, retry=QUICK) as s:
        error = await s.stream_error()
        assert error.verdict.failure_kind == "malformed"
        assert len(s.agent.requests) == 2


# --- the decisions, pure ---

ONCE = Endpoint(url="http://a")
SAFE = Endpoint(url="http://a", idempotent=True)


def failed(result: Result, *, sent: bool, wait: float = 0.0) -> AgentCallError:
    return AgentCallError("a", "x", Verdict(result, "x", wait), sent=sent)


@pytest.mark.parametrize("result", list(Result))
def test_only_failures_are_repeated_and_only_where_it_is_safe(result: Result) -> None:
    bad = result in (Result.FAILURE, Result.TIMEOUT)
    assert may_repeat(failed(result, sent=True), SAFE) == bad
    assert may_repeat(failed(result, sent=False), ONCE) == bad
    assert not may_repeat(failed(result, sent=True), ONCE)


def test_other_errors_are_not_repeated() -> None:
    assert not may_repeat(ValueError("a bug"), SAFE)


def test_the_agent_may_ask_for_a_longer_wait_and_never_for_a_shorter_one() -> None:
    assert wait_seconds(0.5, failed(Result.FAILURE, sent=True, wait=3)) == 3
    assert wait_seconds(0.5, failed(Result.FAILURE, sent=True, wait=0.1)) == 0.5
    assert wait_seconds(0.5, None) == 0.5


NOW = 1_795_514_400.0  # 2026-11-24 10:00:00 UTC


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣", 0),
        ("9" * 30, 604_800),
        ("Tue, 24 Nov 2026 10:00:30 GMT", 30),
        ("Tuesday, 24-Nov-26 10:00:30 GMT", 30),
        ("Tue Nov 24 10:00:30 2026", 30),
        ("Tue, 24 Nov 2026 09:59:30 GMT", 0),
        ("Tue, 24 Nov 2099 10:00:30 GMT", 604_800),
        ("Tue, 99 Nov 2026 10:00:30 GMT", 0),
        ("Tue, 24 Nov 99999 10:00:30 GMT", 0),
    ],
)
def test_retry_after_in_seconds_and_dates(value: str | None, seconds: float) -> None:
    assert retry_after_seconds(value, NOW) == seconds


def test_the_clock_is_passed_in() -> None:
    assert retry_after_seconds("Tue, 24 Nov 2026 10:00:30 GMT", NOW + 10) == 20
