"""What goes along with a call: idempotency key, trace context, and secrets by reference."""

import logging
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider

from fuseline import CircuitBreakerManager
from fuseline.bridge.secrets import SecretSource
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError
from tests.bridge.agents import manners
from tests.bridge.agents.manners import answers, in_turn
from tests.bridge.executor_support import scene

QUICK = {"max_attempts": 3, "backoff_seconds": 0.01}
SECRET = "s3cr3t-value"


async def test_attempts_of_a_call_share_a_key_and_calls_do_not(
    manager: CircuitBreakerManager,
) -> None:
    turns = in_turn(answers({}, 500), answers({}, 500), answers(1))
    async with scene(manager, turns, idempotent=True, retry=QUICK) as s:
        await s.call()
        await s.call()
        keys = [request.headers["idempotency-key"] for request in s.agent.requests]
        assert len(keys) == 4
        assert len(set(keys[:3])) == 1
        assert keys[3] != keys[0]


async def test_a_caller_may_bring_the_key(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers(1)) as s:
        await s.call(idempotency_key="order-17")
        assert s.agent.requests[0].headers["idempotency-key"] == "order-17"


async def test_the_trace_goes_along_and_stands_in_the_event(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, manners.no_json) as s:
        await s.error()
        with TracerProvider().get_tracer("test").start_as_current_span("call") as span:
            await s.error()
        context = span.get_span_context()
        ids = f"{context.trace_id:032x}-{context.span_id:016x}"
        assert s.agent.requests[1].headers["traceparent"].startswith(f"00-{ids}-")
        assert "traceparent" not in s.agent.requests[0].headers
        traces = [outcome.trace.hex() for outcome in await s.outcomes()]
        assert traces == ["", ids.replace("-", "")]


def source(tmp_path: Path, **environ: str) -> SecretSource:
    return SecretSource(environ, [tmp_path])


async def test_references_are_resolved_when_the_call_is_made(
    manager: CircuitBreakerManager, tmp_path: Path
) -> None:
    (tmp_path / "key").write_text("first\n")
    headers = {
        "Authorization": "Bearer ${env:TOKEN}",
        "X-Api-Key": f"${{file:{tmp_path}/key}}",
        "X-Team": "billing",
    }
    options = {"secrets": source(tmp_path, TOKEN=SECRET)}
    async with scene(manager, answers(1), headers=headers, options=options) as s:
        await s.call()
        (tmp_path / "key").write_text("second")
        await s.call()
        sent = [request.headers for request in s.agent.requests]
        assert sent[0]["authorization"] == f"Bearer {SECRET}"
        assert sent[0]["x-team"] == "billing"
        assert [fields["x-api-key"] for fields in sent] == ["first", "second"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${env:MISSING}", "there is no such variable"),
        ("${env:EMPTY}", "there is no such variable"),
        ("${env:TWO_LINES}", "no printable ASCII"),
        ("${env:REDIS_URL}", "not given away"),
        ("${env:FUSELINE_SECRET_DIRS}", "not given away"),
        ("${file:/etc/passwd}", "a file outside of"),
        ("${file:DIR/../outside}", "a file outside of"),
        ("${file:DIR/link}", "a file outside of"),
        ("${file:DIR/missing}", "cannot be read"),
        ("${file:DIR}", "cannot be read"),
    ],
)
async def test_a_secret_that_is_not_to_be_had_stops_the_call_before_it_is_sent(
    manager: CircuitBreakerManager, tmp_path: Path, value: str, words: str
) -> None:
    directory = tmp_path / "secrets"
    directory.mkdir()
    (tmp_path / "outside").write_text(SECRET)
    (directory / "link").symlink_to(tmp_path / "outside")
    environ = {
        "EMPTY": "",
        "TWO_LINES": f"{SECRET}\r\nX: y",
        "REDIS_URL": SECRET,
        "FUSELINE_SECRET_DIRS": SECRET,
    }
    value = value.replace("DIR", str(directory)) if "file" in value else value
    options = {"secrets": SecretSource(environ, [directory])}
    async with scene(manager, answers(1), headers={"X-Key": value}, options=options) as s:
        error = await s.error()
        assert words in str(error)
        assert SECRET not in str(error)
        assert not error.sent
        assert await s.ends() == [("NOT_SENT", "secret_missing")]
        assert not s.agent.requests


async def test_secrets_are_in_no_log_line(
    manager: CircuitBreakerManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {"Authorization": "Bearer ${env:TOKEN}"}
    options = {"secrets": source(tmp_path, TOKEN=SECRET)}
    async with scene(manager, manners.no_json, headers=headers, options=options) as s:
        error = await s.error()
        assert s.agent.requests[0].headers["authorization"] == f"Bearer {SECRET}"
    assert caplog.records
    assert SECRET not in caplog.text
    assert SECRET not in repr(error)


def test_directories_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    endpoint = Endpoint(url="http://a", headers={"X": f"${{file:{tmp_path}/key}}"})
    secrets = SecretSource.from_env({"FUSELINE_SECRET_DIRS": f"/nowhere:{tmp_path}"})
    assert secrets.headers("a", endpoint) == {"X": "k"}
    with pytest.raises(ConfigError, match="FUSELINE_SECRET_DIRS"):
        SecretSource.from_env({"FUSELINE_SECRET_DIRS": "relative"})


async def test_headers_of_the_endpoint_win_over_those_of_the_protocol(
    manager: CircuitBreakerManager,
) -> None:
    headers: dict[str, Any] = {"Accept": "application/vnd.agent+json"}
    async with scene(manager, answers(1), headers=headers) as s:
        await s.call()
        assert s.agent.requests[0].headers["accept"] == "application/vnd.agent+json"
