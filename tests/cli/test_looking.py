"""`status`, `timeline`, `state`, `doctor`: what they show, as text and as JSON."""

import re

import pytest

from tests.cli.support import World, environment, run, until


def test_status_shows_the_circuit_in_trouble_first(busy: World) -> None:
    shown = busy.run("status")
    assert shown.code == 0, shown.err
    assert shown.err == ""
    lines = shown.out.splitlines()
    broken = next(n for n, line in enumerate(lines) if line.strip().startswith("broken"))
    good = next(n for n, line in enumerate(lines) if line.strip().startswith("good"))
    assert broken < good
    assert "○ OPEN" in lines[broken]
    assert "3 of 3" in lines[broken]
    assert "● CLOSED" in lines[good]
    assert "0 % (0 of 4)" in lines[good]
    assert all(line == line.rstrip() for line in lines)


def test_status_as_json_holds_the_figures(busy: World) -> None:
    document = busy.run("status", "--json").document
    assert document["namespace"] == busy.namespace
    broken, good = document["agents"]
    assert (broken["agent"], broken["state"], broken["mode"]) == ("broken", "open", "auto")
    assert broken["consecutive_failures"] == 3
    assert (broken["calls"], broken["failures"], broken["failure_rate"]) == (5, 3, 0.6)
    assert 0 < broken["open_left_seconds"] <= 3600
    assert (good["agent"], good["state"], good["failures"]) == ("good", "closed", 0)
    assert good["config"]["failure_threshold"] == 3


def test_status_of_an_agent_says_why(busy: World) -> None:
    shown = busy.run("status", "broken").out
    assert "Open, because 3 failures in a row (threshold 3); last failure ValueError" in shown
    assert "settings            revision 1" in shown
    document = busy.run("--json", "status", "broken").document
    assert document["why"].startswith("Open, because 3 failures in a row")


def test_status_says_that_nobody_projects(busy: World) -> None:
    shown = busy.run("status")
    assert "No projector runs" in shown.out
    assert busy.run("status", "--json").document["unprojected_shards"] == list(range(16))


def test_status_of_an_empty_namespace_says_what_to_do(world: World) -> None:
    shown = world.run("status")
    assert shown.code == 0
    assert f"No agents yet in namespace '{world.namespace}'." in shown.out
    assert "fuseline up --demo" in shown.out
    assert world.run("status", "--json").document["agents"] == []


def test_timeline_shows_a_transition_behind_its_cause(busy: World) -> None:
    shown = busy.run("timeline", "broken")
    assert shown.code == 0, shown.err
    kinds = [line.split()[3] for line in shown.out.splitlines() if re.match(r"\d{4}-", line)]
    assert kinds == ["settings", "success", "failure", "failure", "failure", "OPEN"]
    assert "2 calls" in shown.out
    assert "worker test-broken" in shown.out
    assert "settings revision 1" in shown.out


def test_timeline_as_json_gives_each_outcome_and_the_thresholds(busy: World) -> None:
    items = busy.run("timeline", "broken", "--json").document["items"]
    assert [item["kind"] for item in items] == [
        "config", "success", "success", "failure", "failure", "failure", "transition",
    ]  # fmt: skip
    opened = items[-1]
    assert (opened["from"], opened["to"]) == ("closed", "open")
    assert opened["cause"] == "consecutive_failures"
    assert opened["event_id"] == items[-2]["id"]
    assert opened["figures"]["consecutive_failures"] == 3
    assert opened["thresholds"]["failure_threshold"] == 3
    assert opened["worker"] == "test-broken"
    assert opened["revision"] == 1
    assert [item["sequence"] for item in items[1:-1]] == [1, 2, 3, 4, 5]


def test_timeline_can_be_narrowed(busy: World) -> None:
    def kinds(*arguments: str) -> list[str]:
        document = busy.run("timeline", "broken", "--json", *arguments).document
        return [item["kind"] for item in document["items"]]

    assert kinds("--limit", "2") == ["failure", "transition"]
    assert kinds("--kinds", "changes") == ["config", "transition"]
    assert kinds("--kinds", "failures,config") == ["config", "failure", "failure", "failure"]
    assert kinds("--until", "1h ago") == []
    assert len(kinds("--since", "1h ago")) == 7


def test_timeline_counts_lines_not_successes(busy: World) -> None:
    shown = busy.run("timeline", "broken", "--limit", "5").out
    assert "2 calls" in shown
    assert "settings changed" not in shown
    assert "registered" not in shown


def test_timeline_says_when_there_is_nothing(busy: World) -> None:
    shown = busy.run("timeline", "good", "--kinds", "failures")
    assert shown.code == 0
    assert "Nothing of 'good' there" in shown.out


def test_state_shows_the_circuit_as_it_was(busy: World) -> None:
    items = busy.run("timeline", "broken", "--json").document["items"]
    before = busy.run("state", "broken", "--at", str(items[-1]["at_ms"] - 1), "--json").document
    assert before["state"] == "closed"
    after = busy.run("state", "broken", "--at", str(items[-1]["at_ms"]), "--json").document
    assert (after["state"], after["events"], after["missing"]) == ("open", 6, 0)
    shown = busy.run("state", "broken", "--at", "now").out
    assert "○ OPEN" in shown
    long_ago = busy.run("state", "broken", "--at", "2020-01-01")
    assert (long_ago.code, "nothing had happened yet" in long_ago.out) == (0, True)


def test_doctor_finds_that_nobody_projects(busy: World) -> None:
    shown = busy.run("doctor")
    assert shown.code == 1
    assert "✗  projector" in shown.out
    assert "→ start `fuseline projector`" in shown.out
    document = busy.run("doctor", "--json").document
    assert document["ok"] is False
    levels = {finding["check"]: finding["level"] for finding in document["findings"]}
    assert levels["projector"] == "problem"
    assert levels["lag"] == levels["keys"] == levels["server"] == "ok"
    assert all(f["fix"] for f in document["findings"] if f["level"] != "ok")


def test_doctor_is_content_while_a_projector_runs(world: World) -> None:
    world.call("a", True)
    projector = world.start("projector")
    try:
        until(lambda: world.run("doctor").code == 0)
        assert "holds shards 0-15" in world.run("doctor").out
    finally:
        projector.terminate()
        assert projector.wait(20) == 0
        projector.communicate()


@pytest.mark.parametrize("place", ["before", "after"])
def test_options_stand_before_or_after_the_command(busy: World, place: str) -> None:
    options = ["--redis-url", busy.url, "--namespace", busy.namespace, "--json"]
    line = [*options, "status"] if place == "before" else ["status", *options]
    assert len(run(*line, env=environment()).document["agents"]) == 2


def test_help_and_version() -> None:
    helped = run("--help", env=environment())
    assert helped.code == 0
    for command in ("up", "projector", "status", "timeline", "force", "verify", "doctor"):
        assert command in helped.out
    assert "Exit codes" in helped.out
    version = run("--version", env=environment())
    assert (version.code, version.out.split()[0]) == (0, "fuseline")
