"""Protocols by name: those that come along, plug-ins, and what clashes."""

import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fuseline import CircuitBreakerManager, ConfigError, Result, Verdict
from fuseline.bridge.protocols.base import AgentCallError, AgentReply, AgentRequest
from fuseline.bridge.protocols.http import HttpProtocol
from fuseline.bridge.protocols.registry import load_protocol, protocol_names
from tests.bridge.agents.manners import answers
from tests.bridge.executor_support import scene

PLUGIN = """
class Upper:
    name = "upper"

    async def send(self, client, request):
        from fuseline.bridge.protocols.base import AgentReply

        return AgentReply(result=request.payload.upper())
"""


def distribution(directory: Path, name: str, entries: str) -> None:
    """Puts an installed distribution into a directory: metadata as installers write it."""
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fuseline.protocols]\n{entries}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that distributions can be put into."""
    (tmp_path / "fuseline_test_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("fuseline_test_plugin", None)


def test_http_comes_along() -> None:
    assert isinstance(load_protocol("http"), HttpProtocol)
    assert {"http", "a2a"} <= set(protocol_names())


def test_a_protocol_that_is_not_there_says_which_are() -> None:
    with pytest.raises(ConfigError, match=r"^protocol: 'soap' .*a2a, http"):
        load_protocol("soap")


async def test_a_plugin_is_found_by_its_entry_point(
    manager: CircuitBreakerManager, site: Path
) -> None:
    distribution(site, "upper-agents", "upper = fuseline_test_plugin:Upper")
    async with scene(manager, answers(1), protocol="upper") as s:
        assert await s.call("loud") == "LOUD"
        assert await s.ends() == [("SUCCESS", "")]


def test_two_distributions_with_one_name_are_a_clash(site: Path) -> None:
    distribution(site, "one", "upper = fuseline_test_plugin:Upper")
    distribution(site, "two", "upper = fuseline_test_plugin:Upper")
    with pytest.raises(ConfigError, match=r"^protocol: 'upper' .*one, two bring it"):
        load_protocol("upper")


def test_a_plugin_does_not_take_the_place_of_a_protocol_of_ours(site: Path) -> None:
    distribution(site, "evil", "http = fuseline_test_plugin:Upper")
    with pytest.raises(ConfigError, match=r"^protocol: 'http' .*fuseline, evil bring it"):
        load_protocol("http")


def test_a_plugin_that_cannot_be_imported_says_why(site: Path) -> None:
    distribution(site, "broken", "broken = no_such_module:X")
    with pytest.raises(ConfigError, match=r"^protocol: 'broken' .*no_such_module"):
        load_protocol("broken")


async def test_a_missing_protocol_is_one_clear_error_of_the_call(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, answers(1), protocol="soap") as s:
        with pytest.raises(ConfigError, match=r"^protocol: 'soap'"):
            await s.call()
        assert await s.ends() == []


class Custom:
    """A protocol of a test's own."""

    name = "custom"

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        if self._error is not None:
            raise self._error
        return AgentReply(result="custom")

    async def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[Any, None]:
        yield 1
        if self._error is not None:
            raise self._error


async def test_a_verdict_of_a_plugin_that_makes_no_sense_still_leads_to_an_outcome(
    manager: CircuitBreakerManager,
) -> None:
    verdict = Verdict(Result.FAILURE, "x" * 500, float("inf"))
    options = {"protocols": {"custom": Custom(AgentCallError("a", "x", verdict))}}
    async with scene(manager, answers(1), protocol="custom", options=options) as s:
        await s.error()
        (outcome,) = await s.outcomes()
        assert (outcome.result, len(outcome.failure_kind)) == (Result.FAILURE, 40)


async def test_a_bug_of_a_plugin_is_a_failure_and_reaches_the_caller(
    manager: CircuitBreakerManager,
) -> None:
    options = {"protocols": {"custom": Custom(KeyError("bug"))}}
    async with scene(manager, answers(1), protocol="custom", options=options) as s:
        with pytest.raises(KeyError):
            await s.call()
        with pytest.raises(KeyError):
            await s.parts()
        assert await s.ends() == [("FAILURE", "KeyError")] * 2
