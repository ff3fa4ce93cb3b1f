"""The schema of the log: bytes written once are readable for ever."""

import msgspec
import pytest

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import (
    AgentRemoved,
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
    ShadowSet,
    Tick,
    UnknownEvent,
    UnreadableEvent,
)
from fuseline.events.codec import before_id, decode_event, encode_event, parse_id
from fuseline.events.log import parse_entries

TRACE = bytes(range(24))

# Never change a line of this: logs with these bytes exist.
GOLDEN: dict[str, tuple[AnyEvent, str]] = {
    "success": (Outcome(0, Result.SUCCESS, 12), "9b0100000c000000a0c000c400"),
    "failure": (
        Outcome(7, Result.FAILURE, 1500, 25, 4000000001, 123456, "http_503", None, 30000, TRACE),
        (
            "9b010701cd05dc19ceee6b2801ce0001e240a8687474705f353033c0cd7530c418"
            "000102030405060708090a0b0c0d0e0f1011121314151617"
        ),
    ),
    "timeout of a probe": (
        Outcome(8, Result.TIMEOUT, 5, permit="1700000000000-3"),
        "9b01080205000000a0af313730303030303030303030302d3300c400",
    ),
    "probe started": (
        ProbeStarted(9, 120000, 77, b"t" * 24),
        "950209ce0001d4c04dc418747474747474747474747474747474747474747474747474",
    ),
    "config changed": (
        ConfigChanged(2, [True, 5, 0.5], "ada", "tuned", {"url": [None, "http://a"]}),
        ("96030293c305cb3fe0000000000000a3616461a574756e656481a375726c92c0a8687474703a2f2f61"),
    ),
    "removed": (AgentRemoved(3, "ada", "moved"), "940603a3616461a56d6f766564"),
    "forced open": (
        OverrideSet(Mode.FORCED_OPEN, "ada", "maintenance", 600000),
        "960401a3616461ab6d61696e74656e616e6365ce000927c0c2",
    ),
    "back to auto": (OverrideSet(Mode.AUTO, reset=True), "960400a0a000c3"),
    "tick": (Tick(), "9105"),
    "shadow": (
        ShadowSet({"failure_threshold": 3, "timeout_seconds": 60.0}, "ada", "tried first"),
        "940782b16661696c7572655f7468726573686f6c6403af74696d656f75745f7365636f6e6473cb404e000000000000a3616461ab7472696564206669727374",
    ),
    "shadow ends": (ShadowSet({}), "940780a0a0"),
}
# As earlier releases wrote them.
EARLIER: dict[str, tuple[AnyEvent, str]] = {
    "config changed": (
        ConfigChanged(2, [True, 5, 0.5], "ada", "tuned"),
        "95030293c305cb3fe0000000000000a3616461a574756e6564",
    ),
}
CONFIG_GOLDEN = (
    "dc0015c305cb3fe00000000000000acb405e000000000000cb404e000000000000cb3ff0000000000000"
    "cb4082c0000000000003cb405e00000000000001c0a56c6f63616cc0cb3ff0000000000000"
    "c0c2cb3fa999999999999acb3fb999999999999acb3fefff2e48e8a71ecb410fa40000000000"
)
# As releases stored it that knew nothing of adaptive thresholds and gradual recovery.
CONFIG_OF_15_FIELDS = (
    "9fc305cb3fe00000000000000acb405e000000000000cb404e000000000000cb3ff0000000000000"
    "cb4082c0000000000003cb405e00000000000001c0a56c6f63616cc0cb3ff0000000000000"
)


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_each_kind_of_event_never_change(name: str) -> None:
    event, golden = GOLDEN[name]
    assert encode_event(event).hex() == golden
    assert decode_event(bytes.fromhex(golden)) == event


@pytest.mark.parametrize("name", EARLIER)
def test_the_bytes_of_earlier_releases_are_read(name: str) -> None:
    event, golden = EARLIER[name]
    assert decode_event(bytes.fromhex(golden)) == event


def test_the_bytes_of_a_config_never_change() -> None:
    config = CircuitBreakerConfig()
    assert msgspec.msgpack.encode(config.to_wire()).hex() == CONFIG_GOLDEN
    for golden in (CONFIG_GOLDEN, CONFIG_OF_15_FIELDS):
        stored = msgspec.msgpack.decode(bytes.fromhex(golden))
        assert CircuitBreakerConfig.from_wire(stored) == config


@pytest.mark.parametrize("result", Result)
def test_every_result_survives_encoding(result: Result) -> None:
    event = Outcome(3, result, 4, failure_kind="é" * 40)
    assert decode_event(encode_event(event)) == event


def test_the_numbers_of_results_and_modes_never_change() -> None:
    assert {result.name: result.value for result in Result} == {
        "SUCCESS": 0,
        "FAILURE": 1,
        "TIMEOUT": 2,
        "ABANDONED": 3,
        "IGNORED": 4,
        "NOT_SENT": 5,
    }
    assert {mode.name: mode.value for mode in Mode} == {
        "AUTO": 0,
        "FORCED_OPEN": 1,
        "FORCED_CLOSED": 2,
    }


@pytest.mark.parametrize("name", GOLDEN)
def test_fields_that_a_newer_version_added_are_skipped(name: str) -> None:
    event, golden = GOLDEN[name]
    newer = [*msgspec.msgpack.decode(bytes.fromhex(golden)), {"added": "later"}, 5]
    assert decode_event(msgspec.msgpack.encode(newer)) == event


def test_fields_that_an_older_version_did_not_have_take_their_defaults() -> None:
    assert decode_event(msgspec.msgpack.encode([1, 4, 1, 30])) == Outcome(4, Result.FAILURE, 30)
    assert decode_event(msgspec.msgpack.encode([4, 2])) == OverrideSet(Mode.FORCED_CLOSED)


def test_an_event_of_a_newer_kind_is_carried_whole() -> None:
    raw = msgspec.msgpack.encode([99, "anything", {"a": [1, 2]}])
    assert decode_event(raw) == UnknownEvent(99, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"plain text",
        b"\x9b\x01\x00",  # cut off
        bytes.fromhex(GOLDEN["failure"][1])[:-1],
        bytes.fromhex(GOLDEN["failure"][1]) + b"\x00",
        msgspec.msgpack.encode([]),
        msgspec.msgpack.encode({"kind": 1}),
        msgspec.msgpack.encode(["1", 0, 0, 0]),
        msgspec.msgpack.encode([True, 0, 0]),
        msgspec.msgpack.encode([1, 0, 0]),  # a field that must be there is not
        msgspec.msgpack.encode([1, 0, 99, 12]),  # a result nobody knows
        msgspec.msgpack.encode([1, "zero", 0, 12]),
        msgspec.msgpack.encode([4, 9]),  # a mode nobody knows
        msgspec.msgpack.encode([1, 2**70 % 2**64, 0, 1.5]),
        b"\xc1",
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
    ],
    ids=lambda raw: raw[:8].hex() or "empty",
)
def test_broken_bytes_are_set_aside_with_the_reason(raw: bytes) -> None:
    event = decode_event(raw)
    assert isinstance(event, UnreadableEvent)
    assert event.raw == raw
    assert event.error


@pytest.mark.parametrize(
    "parts",
    [
        [1, 0, 1, 1, 0, 0, 0, "", None, 2**63],  # Retry-After
        [1, 0, 1, 1, 2**63],
        [2, 0, 2**63],
        [4, 1, "", "", 2**64 - 1],
    ],
    ids=["retry_after", "age", "lease", "expiry"],
)
def test_times_beyond_all_bounds_are_no_events(parts: list[object]) -> None:
    # They would make sums that no projection can store.
    assert isinstance(decode_event(msgspec.msgpack.encode(parts)), UnreadableEvent)


def test_many_entries_are_read_as_each_of_them() -> None:
    good = encode_event(Outcome(0, Result.SUCCESS, 1))
    plain = [[b"%d-%d" % (1700000000000 + n, n), [b"e", good]] for n in range(40)]
    greatest = [b"18446744073709551615-18446744073709551615", [b"e", good]]
    odd = [
        [b"5-0", [b"e", b""]],
        [b"5-0", [b"e", good[:-1]]],
        [b"5-0", [b"e", good + good]],
        [b"5-0", [b"e", b"\x92\x63\x01"]],
        [b"5-0", [b"e", good, b"d", b"40"]],
        [b"5-0", [b"other", good]],
    ]
    for among in ([], *([one] for one in odd), odd):
        raw = [*plain, *among, greatest]
        assert parse_entries(raw) == [parse_entries([one])[0] for one in raw]


def test_entries_of_other_shapes_are_unreadable_not_fatal() -> None:
    good = encode_event(Outcome(0, Result.SUCCESS, 1))
    entries = parse_entries(
        [
            [b"5-0", [b"e", good]],
            [b"5-1", [b"foo", b"bar"]],
            [b"6-0", [b"e", good, b"d", b"40"]],
            [b"6-1", [b"e", good, b"d", b"soon"]],
            [b"7-0", [b"d", b"1", b"x", b"y"]],
        ]
    )
    assert [(ms, seq) for ms, seq, _ in entries] == [(5, 0), (5, 1), (6, 0), (6, 1), (7, 0)]
    kinds = [type(event).__name__ for _, _, event in entries]
    assert kinds == ["Outcome", "UnreadableEvent", "Outcome", "Outcome", "UnreadableEvent"]


def test_the_delay_of_an_entry_is_added_to_the_age() -> None:
    blob = encode_event(Outcome(0, Result.SUCCESS, 1, age_ms=5))
    ((_, _, event),) = parse_entries([[b"9-0", [b"e", blob, b"d", b"40"]]])
    assert isinstance(event, Outcome)
    assert event.age_ms == 45


def test_stream_ids_are_pairs_of_numbers() -> None:
    assert parse_id(b"1700000000000-12") == (1700000000000, 12)
    assert parse_id("5") == (5, 0)
    assert before_id("5-9") == "5-8"
    assert before_id("5-0") == "4-18446744073709551615"
    assert before_id("0-0") == "0-0"
