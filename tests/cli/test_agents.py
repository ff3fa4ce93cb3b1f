"""`agents`: the registry from the command line."""

import getpass
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fuseline.events.agents import AgentRecord, read_agent
from tests.cli.support import ROOT, World

AGENTS = """
agents:
- name: ann
  url: https://ann.example/ask?key=hunter2
  tags: [eu, pay]
  headers: {X-Key: hunter2, Authorization: "Bearer ${env:TOKEN}"}
  circuit_breaker_config: {failure_threshold: 3}
- name: bob
  protocol: a2a
  url: https://bob.example/
  tags: [eu]
- name: cid
  description: called by code
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agents.yaml"
    path.write_text(AGENTS)
    return path


@pytest.fixture
def filled(world: World, file: Path) -> World:
    """A namespace with the agents of the file."""
    applied = world.run("agents", "apply", "-f", str(file), "--reason", "first", "--actor", "ada")
    assert applied.code == 0, applied.err
    return world


def record_of(world: World, name: str) -> AgentRecord | None:
    return world.with_backend(lambda backend: read_agent(backend, name))


def names(ended: Any) -> list[str]:
    assert ended.code == 0, ended.err
    return [agent["name"] for agent in ended.document["agents"]]


def test_a_dry_run_shows_what_would_change_and_changes_nothing(world: World, file: Path) -> None:
    shown = world.run("agents", "apply", "-f", str(file), "--dry-run")
    assert shown.code == 0, shown.err
    assert "+ create ann" in shown.out
    assert "    circuit_breaker_config.failure_threshold: 3" in shown.out
    assert "3 create, 0 unchanged; nothing was changed (--dry-run)" in shown.out
    assert "hunter2" not in shown.out + shown.err
    document = world.run("agents", "apply", "-f", str(file), "--dry-run", "--json").document
    assert (document["dry_run"], document["changed"], document["create"]) == (True, 3, 3)
    assert [step["name"] for step in document["steps"]] == ["ann", "bob", "cid"]
    assert world.run("agents", "list").out == "no agents\n"


def test_a_file_is_in_force_when_apply_returns_and_changes_nothing_again(
    world: World, file: Path
) -> None:
    applied = world.run("agents", "apply", "-f", str(file), "--json")
    assert applied.code == 0, applied.err
    assert (applied.document["dry_run"], applied.document["create"]) == (False, 3)
    status = world.run("status", "ann", "--json").document
    assert status["config"]["failure_threshold"] == 3
    again = world.run("agents", "apply", "-f", str(file))
    assert (again.code, again.out) == (0, "3 unchanged\n")
    assert world.run("agents", "apply", "-f", str(file), "--dry-run").out == "3 unchanged\n"
    made = record_of(world, "ann")
    assert made is not None
    assert made.revision == 1
    assert made.updated_by == f"{getpass.getuser()}@{socket.gethostname()}"


def test_an_update_shows_before_and_after(filled: World, file: Path) -> None:
    file.write_text(
        AGENTS.replace("failure_threshold: 3", "minimum_calls: 4").replace(
            "X-Key: hunter2", "X-Key: hunter3"
        )
    )
    shown = filled.run("agents", "apply", "-f", str(file), "--prune")
    assert shown.code == 0, shown.err
    assert "~ updated ann" in shown.out
    assert "circuit_breaker_config.failure_threshold: 3 → 5" in shown.out
    assert "circuit_breaker_config.minimum_calls: 10 → 4" in shown.out
    assert "(another secret)" in shown.out
    assert "1 updated, 2 unchanged" in shown.out
    assert "hunter" not in shown.out
    made = record_of(filled, "ann")
    assert made is not None
    assert made.endpoint is not None
    assert made.endpoint.headers["X-Key"] == "hunter3"


def test_prune_deletes_what_the_file_does_not_name(filled: World, file: Path) -> None:
    file.write_text("name: cid\ndescription: called by code\n")
    kept = filled.run("agents", "apply", "-f", str(file))
    assert kept.out == "1 unchanged\n"
    pruned = filled.run("agents", "apply", "-f", str(file), "--prune", "-r", "moved")
    assert pruned.code == 0, pruned.err
    assert "- deleted ann\n- deleted bob\n2 deleted, 1 unchanged\n" in pruned.out
    assert names(filled.run("agents", "list", "--json")) == ["cid"]
    items = filled.run("timeline", "ann", "--kinds", "changes", "--json").document["items"]
    assert (items[-1]["cause"], items[-1]["reason"]) == ("removed", "moved")
    file.write_text("")
    refused = filled.run("agents", "apply", "-f", str(file), "--prune")
    assert (refused.code, names(filled.run("agents", "list", "--json"))) == (2, ["cid"])


def test_apply_reads_stdin(world: World) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fuseline", "agents", "apply", "-f", "-", "--json"],
        input='{"name": "a"}', capture_output=True, text=True, env=world.env, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["create"] == 1


def test_the_examples_are_applied_as_they_stand(world: World) -> None:
    for name in ("agents.yaml", "circuit_breaker_example.json"):
        ended = world.run("agents", "apply", "-f", str(ROOT / "examples" / name))
        assert ended.code == 0, ended.err
    assert names(world.run("agents", "list", "--json")) == [
        "billing", "billing-agent", "embeddings", "research",
    ]  # fmt: skip


def test_list_filters_and_sorts(filled: World) -> None:
    def listed(*arguments: str) -> list[str]:
        return names(filled.run("agents", "list", "--json", *arguments))

    assert listed() == ["ann", "bob", "cid"]
    assert listed("--sort", "-name") == ["cid", "bob", "ann"]
    assert listed("--tag", "eu") == ["ann", "bob"]
    assert listed("--tag", "eu", "--tag", "pay") == ["ann"]
    assert listed("--protocol", "a2a") == ["bob"]
    assert listed("--search", "CODE") == ["cid"]
    assert listed("--search", "hunter2") == []
    shown = filled.run("agents", "list")
    assert "https://ann.example/ask?***" in shown.out
    assert "hunter2" not in shown.out


def test_show_tells_choices_from_defaults_and_no_secret(filled: World) -> None:
    shown = filled.run("agents", "show", "ann")
    assert shown.code == 0, shown.err
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[0].startswith("ann revision 1")
    assert "by ada" in lines[0]
    assert "circuit_breaker_config.failure_threshold 3" in lines
    assert "circuit_breaker_config.minimum_calls 10 default" in lines
    assert "headers.Authorization Bearer ${env:TOKEN}" in lines
    document = filled.run("agents", "show", "ann", "--json")
    assert document.document["circuit_breaker_config"] == {"failure_threshold": 3}
    assert "hunter2" not in shown.out + document.out


@pytest.mark.parametrize("options", [[], ["--format", "json"], ["--json"]])
def test_what_is_exported_applies_as_unchanged(
    filled: World, tmp_path: Path, options: list[str]
) -> None:
    path = tmp_path / "out"
    assert filled.run("agents", "export", "-o", str(path), *options).code == 0
    assert "hunter2" not in path.read_text()
    if options:
        assert len(json.loads(path.read_text())["agents"]) == 3
    applied = filled.run("agents", "apply", "-f", str(path), "--prune")
    assert (applied.code, applied.out) == (0, "3 unchanged\n")
    one = filled.run("agents", "export", "bob", "--json").document
    assert [agent["name"] for agent in one["agents"]] == ["bob"]


def test_delete_takes_an_agent_away_and_leaves_its_history(filled: World) -> None:
    stale = filled.run("agents", "delete", "ann", "--reason", "r", "--revision", "2")
    assert stale.code == 1
    assert "revision 1, the change was made for 2" in stale.err
    gone = filled.run("agents", "delete", "ann", "--reason", "old", "--revision", "1", "--json")
    assert gone.code == 0, gone.err
    assert gone.document == {"deleted": "ann", "revision": 1}
    assert record_of(filled, "ann") is None
    assert "the agent was removed by" in filled.run("timeline", "ann").out
    assert filled.run("verify").code == 0
    assert filled.run("agents", "show", "ann").code == 4


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "nobody"], 4, "'nobody' is not registered"),
        (["delete", "nobody", "--reason", "r"], 4, "'nobody' is not registered"),
        (["export", "nobody"], 4, "'nobody' is not registered"),
        (["delete", "nobody"], 2, "--reason"),
        (["delete", "nobody", "--reason", " "], 2, "reason: ' ' is not allowed"),
        (["delete", "x", "--reason", "r", "--revision", "0"], 2, "revision: 0 is not allowed"),
        (["apply"], 2, "--file"),
        (["apply", "-f", "/nowhere"], 2, "file: '/nowhere' is not allowed"),
        (["apply", "-f", "/"], 2, "file: '/' is not allowed"),
        (["export", "-o", "/nowhere/x"], 2, "output: '/nowhere/x' is not allowed"),
        (["list", "--sort", "size"], 2, "size"),
        (["list", "--search", "x" * 201], 2, "search: "),
        (["show", "a:b"], 2, "agent: 'a:b' is not allowed"),
    ],
)
def test_wrong_input_is_refused(world: World, arguments: list[str], code: int, said: str) -> None:
    ended = world.run("agents", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_file_with_mistakes_changes_nothing_and_names_them_all(world: World, file: Path) -> None:
    file.write_text("- name: good\n- name: Bad\n  tags: ['']\n- name: c\n  colour: hunter2\n")
    for options in ([], ["--json"]):
        ended = world.run("agents", "apply", "-f", str(file), *options)
        assert ended.code == 2
        for place in ("[1].name", "[1].tags[0]", "[2].colour"):
            assert place in ended.err
        assert "hunter2" not in ended.err
    assert names(world.run("agents", "list", "--json")) == []
