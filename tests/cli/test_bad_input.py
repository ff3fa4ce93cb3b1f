"""Bad input: one clear error, its exit code, and nothing half done."""

import socket

import pytest

from tests.cli.support import Ended, World, environment, finish, run, start
from tests.servers import RealServer

REASON = ("--reason", "r")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "--namespace", "a:b"], "namespace: 'a:b' is not allowed"),
        (["status", "--namespace", "{a}"], "namespace: '{a}' is not allowed"),
        (["status", "--shards", "0"], "shards: 0 is not allowed; expected a whole number from 1"),
        (["status", "--redis-url", "http://x"], "REDIS_URL: 'http://x' is not allowed"),
        (["status", "a:b"], "agent: 'a:b' is not allowed"),
        (["status", "--log-level", "loud"], "loud"),
        (["timeline", "good", "--since", "soon"], "since: 'soon' is not allowed"),
        (["timeline", "good", "--since", "1h", "--until", "2h"], "not before --since 1h"),
        (["timeline", "good", "--limit", "0"], "limit: 0 is not allowed"),
        (["timeline", "good", "--kinds", "nonsense"], "kinds: 'nonsense' is not allowed"),
        (["timeline", "good", "--follow", "--until", "now"], "nothing together with --follow"),
        (["state", "good", "--at", "2999-01-01"], "at: '2999-01-01' is not allowed"),
        (["state", "good", "--at", "10 parsecs"], "at: '10 parsecs' is not allowed"),
        (["force", "open", "good", *REASON, "--for", "ten"], "for: 'ten' is not allowed"),
        (["force", "open", "good", *REASON, "--for", "0s"], "for: '0s' is not allowed"),
        (["force", "open", "good", *REASON, "--for", "-5m"], "for: '-5m' is not allowed"),
        (["force", "auto", "good", *REASON, "--for", "5m"], "nothing together with auto"),
        (["force", "open", "good", *REASON, "--reset"], "used together with auto only"),
        (["force", "open", "good", "--reason", " "], "reason: ' ' is not allowed"),
        (["force", "open", "good", "--reason", "a\nb"], "reason: 'a\\nb' is not allowed"),
        (["force", "open", "good"], "--reason"),
        (["force", "ajar", "good", *REASON], "ajar"),
        (["configure", "good", "failure_threshold=0"], "failure_threshold: 0 is not allowed"),
        (["configure", "good", "timeout_seconds=nan"], "timeout_seconds: nan is not allowed"),
        (["configure", "good", "colour=red"], "FIELD=VALUE with a field of enabled"),
        (["up", "--for", "never"], "for: 'never' is not allowed"),
        (["nonsense"], "nonsense"),
        (["stat"], "No such command 'stat'. Did you mean 'state'"),
        (["status", "--bogus"], "fuseline: No such option: --bogus; see 'fuseline status --help'"),
        (["status", "a", "b"], "unexpected extra argument(s) (b); see 'fuseline status --help'"),
        (["timeline"], "fuseline: Missing argument 'agent'; see 'fuseline timeline --help'"),
        (["timeline", "good", "--limit", "several"], "several"),
        (["agents", "nonsense"], "'nonsense'; see 'fuseline agents --help'"),
        (["force", "open", "good", "--reason"], "'--reason' requires an argument"),
    ],
)
def test_wrong_input_is_refused_with_2(busy: World, arguments: list[str], said: str) -> None:
    ended = busy.run(*arguments)
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.startswith("fuseline: ")
    assert ended.err.count("\n") == 1
    assert ended.out == ""
    told = busy.run("--json", *arguments)
    error = told.error
    assert said.removeprefix("fuseline: ") in error["message"]
    assert (told.code, told.out, error["exit_code"]) == (2, "", 2)


def test_wrong_variables_are_refused_with_2(busy: World) -> None:
    for name, value in (
        ("FUSELINE_SHARDS", "many"),
        ("FUSELINE_LOG_LEVEL", "loud"),
        ("FUSELINE_LOG_FORMAT", "xml"),
        ("REDIS_URL", "redis://:port"),
    ):
        ended = run("status", env=busy.env | {name: value})
        assert (ended.code, name in ended.err) == (2, True), ended.err


def test_nothing_was_done_by_all_that(busy: World) -> None:
    items = busy.run("timeline", "good", "--kinds", "changes", "--json").document["items"]
    assert [item["kind"] for item in items] == ["config"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "nobody"],
        ["timeline", "nobody"],
        ["state", "nobody"],
        ["force", "open", "nobody", "--reason", "r"],
        ["configure", "nobody", "failure_threshold=3"],
        ["verify", "nobody"],
        ["rebuild", "nobody"],
    ],
)
def test_an_unknown_agent_ends_with_4(busy: World, arguments: list[str]) -> None:
    ended = busy.run(*arguments)
    assert ended.code == 4
    assert ended.err.splitlines() == [
        "fuseline: agent 'nobody' is not registered; `fuseline status` lists those that are"
    ]


def test_errors_are_json_with_json(busy: World) -> None:
    ended = busy.run("status", "nobody", "--json")
    assert ended.error == {
        "type": "AgentNotFoundError",
        "message": "agent 'nobody' is not registered; `fuseline status` lists those that are",
        "exit_code": 4,
    }


def test_another_number_of_shards_ends_with_3(busy: World) -> None:
    ended = busy.run("status", "--shards", "4")
    assert ended.code == 3
    assert "was made with 16 shards, this process is set to 4" in ended.err


def test_a_key_of_another_program_ends_with_3_and_spares_the_others(world: World) -> None:
    world.call("a", True)
    world.call("b", True)
    for kind in ("circuit", "history", "events"):
        world.redis("DEL", world.key(kind, "a"))
        world.redis("SET", world.key(kind, "a"), "foreign")
    shown = world.run("status")
    assert (shown.code, "? unreadable" in shown.out, "● CLOSED" in shown.out) == (0, True, True)
    for arguments in (["timeline", "a"], ["state", "a"]):
        ended = world.run(*arguments)
        assert (ended.code, "another type" in ended.err) == (3, True), ended
    verified = world.run("verify")
    assert (verified.code, "1 of 2 agents" in verified.out) == (1, True)
    assert world.run("rebuild").code == 1
    doctor = world.run("doctor")
    assert (doctor.code, "is a string, not a" in doctor.out) == (1, True)


def quickest(*arguments: str) -> Ended:
    """The quicker of two runs: another process may have had the machine during one."""
    return min((run(*arguments, env=environment()) for _ in range(2)), key=lambda e: e.seconds)


@pytest.fixture(scope="module")
def startup_seconds() -> float:
    """How long a command takes that asks no server."""
    return quickest("--version").seconds


def test_a_closed_port_is_told_within_2_seconds(startup_seconds: float) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:secret@127.0.0.1:{probe.getsockname()[1]}/0"
    ended = quickest("status", "--redis-url", url)
    assert ended.code == 3
    assert "cannot be reached" in ended.err
    assert "secret" not in ended.err
    assert ended.seconds < 2 + startup_seconds


@pytest.mark.parametrize("command", ["status", "projector", "up"])
def test_a_silent_server_is_told_within_2_seconds(
    silent: socket.socket, startup_seconds: float, command: str
) -> None:
    url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
    took = []
    for _ in range(2):
        process = start([command, "--redis-url", url], environment())
        connection, _ = silent.accept()
        with connection:
            ended = finish(process)
        assert ended.code == 3
        assert "does not answer in time" in ended.err
        took.append(ended.seconds)
    assert min(took) < 2 + startup_seconds  # a slow machine takes long to exit, too


def test_a_wrong_password_is_told_within_2_seconds(startup_seconds: float) -> None:
    with RealServer(config={"requirepass": "right"}) as server:
        for url in (server.url, server.url.replace("unix://", "unix://:wrong@")):
            ended = quickest("status", "--redis-url", url)
            assert ended.code == 3
            assert "refuses this user" in ended.err
            assert "wrong@" not in ended.err
            assert len(ended.err.splitlines()) == 1
            assert ended.seconds < 2 + startup_seconds


def test_what_answers_is_no_redis(silent: socket.socket) -> None:
    process = start(
        ["status", "--redis-url", f"redis://127.0.0.1:{silent.getsockname()[1]}/0"], environment()
    )
    connection, _ = silent.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        ended = finish(process)
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 1
