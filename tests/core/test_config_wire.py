"""The wire form of a configuration, and the open times it gives."""

import msgspec
import pytest

from fuseline.core.config import RULES, CircuitBreakerConfig, WhenUnavailable
from fuseline.core.errors import ConfigError

UNUSUAL = CircuitBreakerConfig(
    enabled=False,
    failure_threshold=None,
    failure_rate_threshold=0.25,
    minimum_calls=3,
    window_size_seconds=30,
    timeout_seconds=2,
    timeout_multiplier=1.5,
    timeout_max_seconds=100,
    half_open_max_calls=7,
    probe_lease_seconds=4,
    minimum_workers=2,
    max_concurrent_calls=50,
    when_unavailable=WhenUnavailable.REJECT,
    slow_call_seconds=1.25,
    slow_call_rate_threshold=0.75,
    recovery_seconds=8,
    adaptive=True,
    adaptive_margin=0.125,
    adaptive_floor=0.5,
    adaptive_confidence=0.95,
    adaptive_half_life_seconds=700,
)


def test_wire_form_is_the_values_by_position() -> None:
    expected = [False, None, 0.25, 3, 30, 2, 1.5, 100, 7, 4, 2, 50, "reject", 1.25, 0.75]
    expected += [8, True, 0.125, 0.5, 0.95, 700]
    assert UNUSUAL.to_wire() == expected


@pytest.mark.parametrize("config", [CircuitBreakerConfig(), UNUSUAL])
def test_wire_form_survives_msgpack(config: CircuitBreakerConfig) -> None:
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(config.to_wire()))
    assert CircuitBreakerConfig.from_wire(wire) == config


def test_fields_of_a_newer_version_are_left_out() -> None:
    assert CircuitBreakerConfig.from_wire([*UNUSUAL.to_wire(), "new", {"a": 1}]) == UNUSUAL


@pytest.mark.parametrize("length", range(len(RULES)))
def test_fields_an_older_version_did_not_write_take_their_defaults(length: int) -> None:
    made = CircuitBreakerConfig.from_wire(UNUSUAL.to_wire()[:length])
    assert made.to_wire() == UNUSUAL.to_wire()[:length] + CircuitBreakerConfig().to_wire()[length:]


def test_what_was_read_before_does_not_decide_what_is_allowed() -> None:
    """1 == True, but only one of them is a bool; a cache must not mix them up."""
    wire = CircuitBreakerConfig().to_wire()
    assert CircuitBreakerConfig.from_wire(wire) == CircuitBreakerConfig()
    with pytest.raises(ConfigError, match="enabled"):
        CircuitBreakerConfig.from_wire([1, *wire[1:]])
    wire[1] = 1
    assert CircuitBreakerConfig.from_wire(wire).failure_threshold == 1
    with pytest.raises(ConfigError, match="failure_threshold"):
        CircuitBreakerConfig.from_wire([True, True, *wire[2:]])


def test_bad_values_on_the_wire_are_refused_by_name() -> None:
    wire = UNUSUAL.to_wire()
    wire[3] = "three"
    with pytest.raises(ConfigError, match="minimum_calls"):
        CircuitBreakerConfig.from_wire(wire)


# Open times


def test_open_time_is_the_timeout_by_default_however_often_it_opens() -> None:
    config = CircuitBreakerConfig()
    assert [config.open_ms(n) for n in (1, 2, 100)] == [60_000] * 3


def test_open_time_grows_by_the_multiplier_up_to_the_cap() -> None:
    config = CircuitBreakerConfig(
        timeout_seconds=1, timeout_multiplier=2.0, timeout_max_seconds=6.5
    )
    assert [config.open_ms(n) for n in range(1, 6)] == [1000, 2000, 4000, 6500, 6500]


def test_a_small_multiplier_reaches_the_cap_too() -> None:
    config = CircuitBreakerConfig(timeout_multiplier=1.01)
    assert config.open_ms(2) == 60_600
    assert config.open_ms(100) == round(60_000 * 1.01**99)
    assert config.open_ms(1000) == 600_000


@pytest.mark.parametrize("multiplier", [1.0, 1.01, 2.0, 100.0])
def test_a_huge_streak_of_openings_cannot_overflow(multiplier: float) -> None:
    config = CircuitBreakerConfig(timeout_multiplier=multiplier)
    assert config.open_ms(10**9) == (60_000 if multiplier == 1.0 else 600_000)


def test_a_cap_below_the_timeout_does_not_shorten_it() -> None:
    config = CircuitBreakerConfig(timeout_seconds=60, timeout_max_seconds=1, timeout_multiplier=2)
    assert [config.open_ms(n) for n in (1, 2, 3)] == [60_000] * 3


def test_retry_after_lengthens_up_to_the_cap_and_never_shortens() -> None:
    config = CircuitBreakerConfig(timeout_seconds=10, timeout_max_seconds=60)
    asked = [0, 9_999, 10_001, 60_000, 60_001, 10**12]
    expected = [10_000, 10_000, 10_001, 60_000, 60_000, 60_000]
    assert [config.open_ms(1, ms) for ms in asked] == expected
