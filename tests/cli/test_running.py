"""Commands that go on: how they start, what they show, and how they end."""

import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.support import ROOT, World, discard, environment, finish, run, start, stop, until


def leases(world: World) -> int:
    """How many shards somebody projects."""
    keys = [f"{{{world.namespace}.{n:02d}}}:lease" for n in range(16)]
    return int(world.redis("EXISTS", *keys))


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_projector_gives_its_leases_back(world: World, sent: signal.Signals) -> None:
    process = world.start("projector")
    until(lambda: leases(world) == 16)
    ended = stop(process, sent)
    assert ended.code == 0, ended.err
    assert leases(world) == 0
    assert "projector_started" in ended.err
    assert "projector_stopped" in ended.err
    assert ended.out == ""


def test_log_lines_are_json_when_asked_for(world: World) -> None:
    process = world.start("projector", FUSELINE_LOG_FORMAT="json")
    until(lambda: leases(world) == 16)
    ended = stop(process, signal.SIGTERM)
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert {"message", "level", "logger", "timestamp"} <= lines[0].keys()
    assert lines[0]["message"] == "projector_started"


def test_two_projectors_share_and_one_takes_over(world: World) -> None:
    world.call("a", True)
    one = world.start("projector")
    until(lambda: leases(world) == 16)
    two = world.start("projector")
    one.kill()
    finish(one)
    assert world.run("force", "open", "a", "--reason", "r").code == 0
    assert stop(two, signal.SIGTERM).code == 0


def lines_of(process: subprocess.Popen[str]) -> list[str]:
    """The lines on stdout so far, at least one."""
    assert process.stdout is not None
    return [process.stdout.readline()]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_watching_ends_well(world: World, sent: signal.Signals) -> None:
    world.call("a", True)
    process = world.start("status", "--watch", "--json")
    (line,) = lines_of(process)
    assert json.loads(line)["agents"][0]["agent"] == "a"
    ended = stop(process, sent)
    assert (ended.code, ended.err) == (0, "")


def test_following_gives_what_comes_in_order(world: World) -> None:
    world.call("a", True)
    process = world.start("timeline", "a", "--follow", "--json")
    first = [json.loads(lines_of(process)[0])["kind"] for _ in range(2)]
    assert first == ["config", "success"]
    world.call("a", True, False, False, False)
    came = [json.loads(lines_of(process)[0])["kind"] for _ in range(5)]
    assert came == ["success", "failure", "failure", "failure", "transition"]
    assert stop(process, signal.SIGINT).code == 0


def test_a_reader_that_leaves_ends_the_command(world: World) -> None:
    world.call("a", True)
    process = world.start("status", "--watch", "--json")
    lines_of(process)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()


def test_up_projects_and_shows_transitions_as_lines(world: World) -> None:
    process = world.start("up")
    until(lambda: leases(world) == 16)
    assert "Ctrl-C stops" in lines_of(process)[0]
    where = lines_of(process)[0]
    built = (ROOT / "fuseline" / "api" / "static" / "index.html").exists()
    pages = r" · web UI \1" if built else ""
    assert re.fullmatch(rf"API (http://127\.0\.0\.1:\d+)/api/v1/docs{pages}", where.strip())
    assert "tokens are needed" in lines_of(process)[0]
    world.call("a", False, False, False)
    registered, opened = lines_of(process)[0], lines_of(process)[0]
    assert "registered by test-a" in registered
    assert "○ OPEN" in opened
    assert "3 failures in a row (threshold 3)" in opened
    ended = stop(process, signal.SIGINT)
    assert ended.code == 0, ended.err
    assert leases(world) == 0


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_command_says_so_by_its_code(
    silent: socket.socket, sent: signal.Signals, code: int
) -> None:
    url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
    process = start(["verify", "--redis-url", url], environment())
    connection, _ = silent.accept()
    with connection:
        ended = stop(process, sent)
    assert (ended.code, ended.out, ended.err) == (code, "", "")


@pytest.fixture
def data_env(tmp_path: Path) -> dict[str, str]:
    """An environment with an embedded server of its own."""
    return environment(FUSELINE_DATA_DIR=str(tmp_path / "data"))


def server_pids(env: dict[str, str]) -> list[int]:
    """Servers that run in the data folder."""
    folder = f"{env['FUSELINE_DATA_DIR']}/server"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()) == folder:
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes in /proc")
def test_without_a_url_commands_start_the_embedded_server_and_stop_it(
    data_env: dict[str, str],
) -> None:
    assert run("status", env=data_env).code == 0
    assert server_pids(data_env) == []
    process = start(["up"], data_env)
    try:
        lines_of(process)
        (server,) = server_pids(data_env)
        until(lambda: run("doctor", env=data_env).code == 0)
        assert server_pids(data_env) == [server]
        assert stop(process, signal.SIGTERM).code == 0
    finally:
        discard(process)
    until(lambda: server_pids(data_env) == [])
