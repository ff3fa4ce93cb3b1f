"""The slot of each command that Fuseline sends."""

import pytest

from fuseline.events.keys import Keys
from fuseline.events.routing import slot_of, slot_of_key, slots_of, split_read
from fuseline.events.wire import Command

KEY = "{ns.03}:events:a"
SLOT = slot_of_key(KEY)


def test_a_slot_is_what_the_specification_says() -> None:
    assert slot_of_key("123456789") == 12739
    assert slot_of_key("{user1000}.following") == slot_of_key(b"user1000")
    assert slot_of_key("{}x") == slot_of_key(b"{}x") != slot_of_key("x")


@pytest.mark.parametrize(
    "command",
    [
        ("HGET", KEY, "field"),
        ("XRANGE", KEY, "-", "+", "COUNT", 1),
        ("XADD", KEY, "MAXLEN", "~", 100, "*", "w", "1"),
        ("XINFO", "STREAM", KEY),
        ("MEMORY", "USAGE", KEY),
        ("FCALL", "fuseline_x_1", 2, KEY, "{ns.03}:dirty", 7),
        ("XREAD", "COUNT", 1, "BLOCK", 5, "STREAMS", KEY, "0-0"),
        ("DEL", KEY),
    ],
)
def test_a_command_goes_to_its_key(command: Command) -> None:
    assert slot_of(command) == SLOT


@pytest.mark.parametrize(
    "command",
    [("TIME",), ("INFO", "server"), ("FCALL", "fuseline_build_1", 0), ("CONFIG", "GET", "x")],
)
def test_a_command_without_a_key_goes_anywhere(command: Command) -> None:
    assert slot_of(command) is None


def test_a_transaction_goes_where_its_keys_are() -> None:
    assert slots_of([("MULTI",), ("HGETALL", KEY), ("EXEC",)]) == [SLOT] * 3
    assert slots_of([("TIME",), ("HGETALL", KEY)]) == [None, SLOT]


def test_a_read_of_many_streams_is_one_of_each_slot() -> None:
    shards = Keys("ns", 3).shards
    streams = [shards[0].feed, shards[1].feed, shards[0].wake, shards[2].feed]
    command: Command = ("XREAD", "BLOCK", 5, "STREAMS", *streams, "1", "2", "3", "4")
    assert sorted(split_read(command).values()) == [
        ("XREAD", "BLOCK", 5, "STREAMS", shards[0].feed, shards[0].wake, "1", "3"),
        ("XREAD", "BLOCK", 5, "STREAMS", shards[1].feed, "2"),
        ("XREAD", "BLOCK", 5, "STREAMS", shards[2].feed, "4"),
    ]


def test_all_keys_of_one_step_have_one_slot() -> None:
    keys = Keys("name space", 7, cluster=True)
    agent = keys.agent("some agent")
    for group in (
        [key for key in keys.shards[agent.shard] if isinstance(key, str)]
        + [key for key in agent[2:] if isinstance(key, str)],
        list(keys.tasks),
        list(keys.access),
        list(keys.alerts),
    ):
        assert len({slot_of_key(key) for key in group}) == 1
