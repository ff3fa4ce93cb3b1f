"""`fuseline up --demo`: everything at once, and nothing left behind however it ends."""

import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.support import Ended, discard, environment, finish, run, start, stop, until

PROCESSES = 8  # launcher of the server or the server, projector, 3 agents, 2 workers, this one
TRANSITION_SECONDS = 30


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with an embedded server of its own."""
    return environment(FUSELINE_DATA_DIR=str(tmp_path / "data"))


@pytest.fixture
def demo(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The demonstration, running; its children are `children(demo)`."""
    process = start(["up", "--demo"], env)
    try:
        yield process
    finally:
        discard(process)


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All processes the demonstration has started, once they are there."""
    parent = psutil.Process(process.pid)
    return until(
        lambda: found if len(found := parent.children(recursive=True)) == PROCESSES - 1 else []
    )


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def wait_for_line(process: subprocess.Popen[str], word: str) -> str:
    """Reads the output up to a line that holds a word."""
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return line
    raise AssertionError(f"the demonstration ended without {word!r}")


def test_the_demonstration_ends_by_itself_and_leaves_its_timeline(env: dict[str, str]) -> None:
    process = start(["up", "--demo", "--for", "12"], env)
    try:
        started = children(process)
        ended = finish(process)
    finally:
        discard(process)
    assert ended.code == 0, ended.err
    assert "○ OPEN" in ended.out
    assert "3 agents: " in ended.out
    assert all_gone(started)

    document = run("timeline", "outage", "--json", "--kinds", "transition", env=env).document
    opened = document["items"][0]
    assert (opened["to"], opened["cause"]) == ("open", "consecutive_failures")
    assert opened["failure_kind"] in ("http_503", "TimeoutError")
    assert opened["worker"].startswith("worker-")
    assert len(opened["trace_id"]) == 32
    steady = run("timeline", "steady", "--json", "--kinds", "failures", env=env).document
    # But for a call that a stalled machine has cut off.
    assert [item for item in steady["items"] if item["kind"] != "timeout"] == []
    assert run("verify", env=env).code == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_every_process_within_3_seconds(
    demo: subprocess.Popen[str], sent: signal.Signals
) -> None:
    started = children(demo)
    wait_for_line(demo, "OPEN")
    ended = stop(demo, sent)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    assert ended.seconds < 3
    assert all_gone(started)


@pytest.fixture
def silent_collector() -> Iterator[str]:
    """The address of a collector that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_who_still_hands_over_telemetry_is_not_killed(
    env: dict[str, str], silent_collector: str
) -> None:
    exported = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": silent_collector,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    demo = start(["up", "--demo"], env | exported)
    try:
        started = children(demo)
        wait_for_line(demo, "OPEN")
        ended = stop(demo, signal.SIGINT)
    finally:
        discard(demo)
    assert ended.code == 0, ended.err
    assert "demo_process_killed" not in ended.err
    assert all_gone(started)


def test_nothing_outlives_a_killed_parent(demo: subprocess.Popen[str]) -> None:
    started = children(demo)
    wait_for_line(demo, "OPEN")
    demo.kill()
    until(lambda: all_gone(started), within_seconds=10)


def test_a_worker_that_dies_ends_the_demonstration(demo: subprocess.Popen[str]) -> None:
    started = children(demo)
    worker = next(p for p in started if "fuseline.demo.caller" in p.cmdline())
    worker.kill()
    ended = finish(demo)
    assert ended.code == 1
    assert "of the demonstration ended by itself" in ended.err
    assert all_gone(started)


def test_in_a_terminal_the_view_is_live(env: dict[str, str]) -> None:
    ended = in_terminal(["up", "--demo", "--for", "7"], env | {"COLUMNS": "100", "LINES": "30"})
    assert ended.code == 0
    assert "Latest changes" in ended.out
    assert "Ctrl-C stops" in ended.out
    assert "steady" in ended.out
    assert "Traceback" not in ended.out


def in_terminal(arguments: list[str], env: dict[str, str]) -> Ended:
    """Runs a command in a pseudo-terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "fuseline", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    output = b""
    try:
        while chunk := os.read(ours, 65536):
            output += chunk
    except OSError:
        pass  # the other end is closed: the process has ended
    finally:
        os.close(ours)
    return Ended(process.wait(20), output.decode(errors="replace"), "", 0.0)
