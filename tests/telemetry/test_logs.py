"""Log lines: levels, formats, what is bound to them, and what never stands in them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fuseline import CircuitBreakerManager
from fuseline.core.errors import ConfigError
from fuseline.telemetry.logs import LogLevel, configure_logging, get_logger
from fuseline.telemetry.redaction import HIDDEN, redact_text

SECRET = "s3cr3t-Value"


class Lines:
    """What goes to stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    @property
    def text(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text

    @property
    def parsed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """The loggers are set back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("fuseline")
    before = root.handlers[:], root.level, ours.level
    monkeypatch.setenv("FUSELINE_LOG_FORMAT", "json")
    yield Lines(capsys)
    root.handlers[:], root.level = before[:2]
    ours.setLevel(before[2])


def test_levels_come_from_the_environment(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    log = get_logger("test")
    monkeypatch.setenv("FUSELINE_LOG_LEVEL", "info")
    configure_logging(None, LogLevel.ERROR)
    log.debug("too_quiet")
    log.info("heard", number=1)
    (line,) = lines.parsed
    assert (line["message"], line["level"], line["logger"], line["number"]) == (
        "heard", "info", "fuseline.test", 1,
    )  # fmt: skip
    for variable, value in (("FUSELINE_LOG_LEVEL", "loud"), ("FUSELINE_LOG_FORMAT", "xml")):
        monkeypatch.setenv(variable, value)
        with pytest.raises(ConfigError, match=f"{variable}: '{value}' is not allowed"):
            configure_logging(None, LogLevel.INFO)
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_holds_a_secret(lines: Lines, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("FUSELINE_LOG_FORMAT", form)
    configure_logging(LogLevel.INFO, LogLevel.INFO)
    log = get_logger("test")
    log.info("connecting", url=f"redis://user:{SECRET}@host:6379/0", password=SECRET)
    log.info(f"header Authorization: Bearer {SECRET}", headers={"Authorization": SECRET})
    log.info("deep", list=[{"api_key": SECRET}, f"token={SECRET}"])
    logging.getLogger("other").warning("asked redis://:%s@host for x", SECRET)
    try:
        local = SECRET
        raise ValueError(f"cannot reach https://user:{local}@host")
    except ValueError:
        log.exception("failed")
    text = lines.text
    assert SECRET not in text
    assert text.count(HIDDEN) >= 8
    assert "redis://user:" in text
    assert "ValueError" in text


@pytest.mark.parametrize(
    "text",
    [
        "12 tokens used", "https://host:8080/path?token_count=3", "redis://host:6379/0",
        "author=me", "basic facts are known", "mail a@b.example: hello",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


async def test_a_line_in_a_guarded_call_has_agent_and_trace(
    lines: Lines, spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    configure_logging(LogLevel.INFO, LogLevel.INFO)

    async def callee() -> None:
        logging.getLogger("fuseline.of_the_callee").info("asking")

    breaker = manager.get("billing")
    await breaker.call(callee)
    await breaker.call(callee)
    get_logger("test").info("outside")
    asked = [line for line in lines.parsed if line["message"] == "asking"]
    made = [s.context for s in spans.get_finished_spans() if s.name == "fuseline.call"]
    assert [line["agent"] for line in asked] == ["billing"] * 2
    assert [line["trace_id"] for line in asked] == [f"{c.trace_id:032x}" for c in made if c]
    assert [line["span_id"] for line in asked] == [f"{c.span_id:016x}" for c in made if c]
    assert "trace_id" not in lines.parsed[-1]
