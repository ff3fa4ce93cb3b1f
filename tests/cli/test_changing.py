"""`force` and `configure`: an operator's word, in force when the command returns."""

import getpass
import socket

import pytest

from tests.cli.support import World


@pytest.fixture
def agent(world: World) -> World:
    """A namespace with the agent `a`, closed."""
    world.call("a", True)
    return world


def test_force_is_in_force_when_it_returns(agent: World) -> None:
    forced = agent.run("force", "open", "a", "--reason", "maintenance", "--for", "10m")
    assert forced.code == 0, forced.err
    assert "a is forced open: all calls are refused for 10 min." in forced.out
    document = agent.run("status", "a", "--json").document
    assert document["mode"] == "forced_open"
    assert document["mode_until"] is not None
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    assert document["why"].startswith(f"Forced open for 10 min by {who}: maintenance")
    shown = agent.run("status").out
    assert "⚑ forced open" in shown


def test_force_auto_hands_back_and_reset_closes(agent: World) -> None:
    agent.call("a", False, False, False)
    assert agent.run("status", "a", "--json").document["state"] == "open"
    closed = agent.run(
        "force", "auto", "a", "--reason", "fixed", "--reset", "--actor", "ann", "--json"
    )
    assert closed.code == 0, closed.err
    assert closed.document["in_force"] is True
    assert (closed.document["state"], closed.document["mode"]) == ("closed", "auto")
    items = agent.run("timeline", "a", "--kinds", "changes", "--json").document["items"]
    assert items[-1]["cause"] == "reset"
    assert (items[-1]["actor"], items[-1]["reason"]) == ("ann", "fixed")
    assert items[-2]["kind"] == "override"


def test_configure_changes_what_it_names(agent: World) -> None:
    changed = agent.run("configure", "a", "minimum_calls=2", "failure_threshold=off", "-r", "try")
    assert changed.code == 0, changed.err
    document = agent.run("configure", "a", "--json").document
    assert document["revision"] == 2
    assert document["config"]["minimum_calls"] == 2
    assert document["config"]["failure_threshold"] is None
    assert document["config"]["timeout_seconds"] == 3600.0
    assert agent.run("status", "a", "--json").document["revision"] == 2
    shown = agent.run("timeline", "a", "--kinds", "config").out
    assert "settings changed to revision 2 by" in shown
    assert ": try" in shown


def test_configure_says_how_long_calls_of_an_agent_are_kept(agent: World) -> None:
    changed = agent.run("configure", "a", "retention.outcomes=1000000", "retention.days=0.5")
    assert changed.code == 0, changed.err
    assert "retention.outcomes" in changed.out
    kept = agent.run("configure", "a", "--json").document["retention"]
    assert kept == {"outcomes": 1_000_000, "days": 0.5}
    agent.run("configure", "a", "retention.days=default")
    kept = agent.run("configure", "a", "--json").document["retention"]
    assert kept == {"outcomes": 1_000_000, "days": None}
    refused = agent.run("configure", "a", "retention.days=-1")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "retention.days: -1" in refused.err


def test_configure_with_the_values_in_force_changes_nothing(agent: World) -> None:
    assert agent.run("configure", "a", "failure_threshold=3").code == 0
    assert agent.run("configure", "a", "--json").document["revision"] == 1
