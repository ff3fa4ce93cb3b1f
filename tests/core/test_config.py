"""The one configuration type: bounds, types, environment, wire form, open times."""

import math
import pickle
from typing import Any

import msgspec
import pytest

from fuseline.core.config import ENV_PREFIX, RULES, CircuitBreakerConfig, WhenUnavailable
from fuseline.core.errors import ConfigError

DAYS_7 = 604_800.0


def config_with(field: str, value: Any) -> CircuitBreakerConfig:
    return CircuitBreakerConfig(**{field: value})


DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "failure_threshold": 5,
    "failure_rate_threshold": 0.5,
    "minimum_calls": 10,
    "window_size_seconds": 120.0,
    "timeout_seconds": 60.0,
    "timeout_multiplier": 1.0,
    "timeout_max_seconds": 600.0,
    "half_open_max_calls": 3,
    "probe_lease_seconds": 120.0,
    "minimum_workers": 1,
    "max_concurrent_calls": None,
    "when_unavailable": WhenUnavailable.LOCAL,
    "slow_call_seconds": None,
    "slow_call_rate_threshold": 1.0,
    "recovery_seconds": None,
    "adaptive": False,
    "adaptive_margin": 0.05,
    "adaptive_floor": 0.1,
    "adaptive_confidence": 0.9999,
    "adaptive_half_life_seconds": 259_200.0,
}

# field, allowed values at the edges, refused values just beyond them
BOUNDS: list[tuple[str, list[Any], list[Any]]] = [
    ("failure_threshold", [1, 1_000_000], [0, -1, 1_000_001]),
    ("failure_rate_threshold", [5e-324, 0.01, 1.0], [0.0, -0.1, 1.0000001]),
    ("minimum_calls", [1, 1_000_000], [0, 1_000_001]),
    ("window_size_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("timeout_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("timeout_multiplier", [1.0, 100.0], [0.99, 100.1]),
    ("timeout_max_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("half_open_max_calls", [1, 1000], [0, 1001]),
    ("probe_lease_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("minimum_workers", [1, 16], [0, 17]),
    ("max_concurrent_calls", [1, 1_000_000], [0, 1_000_001]),
    ("slow_call_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("slow_call_rate_threshold", [5e-324, 1.0], [0.0, 1.0000001]),
    ("recovery_seconds", [0.001, DAYS_7], [0.0009, 0, DAYS_7 + 0.1]),
    ("adaptive_margin", [0.0, 1.0], [-0.01, 1.01]),
    ("adaptive_floor", [5e-324, 1.0], [0.0, 1.0000001]),
    ("adaptive_confidence", [0.9, 0.999999], [0.89, 1.0]),
    ("adaptive_half_life_seconds", [600, 90 * 86_400], [599.9, 90 * 86_400 + 1]),
]
NULLABLE = {
    "failure_threshold",
    "failure_rate_threshold",
    "max_concurrent_calls",
    "slow_call_seconds",
    "recovery_seconds",
}
WHOLE = {
    "failure_threshold",
    "minimum_calls",
    "half_open_max_calls",
    "minimum_workers",
    "max_concurrent_calls",
}
NUMBERS = [field for field, _, _ in BOUNDS]


def test_defaults_are_those_of_the_design() -> None:
    assert msgspec.structs.asdict(CircuitBreakerConfig()) == DEFAULTS
    assert {name: rule.default for name, rule in RULES.items()} == DEFAULTS


def test_the_order_of_fields_is_the_wire_order_and_never_changes() -> None:
    assert list(RULES) == list(DEFAULTS)


def test_bounds_cover_every_number() -> None:
    assert set(NUMBERS) == set(RULES) - {"enabled", "when_unavailable", "adaptive"}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, allowed, _ in BOUNDS for value in allowed]
)
def test_values_at_the_bounds_are_allowed(field: str, value: Any) -> None:
    assert getattr(config_with(field, value), field) == value


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, _, refused in BOUNDS for value in refused]
)
def test_values_beyond_the_bounds_are_refused_with_name_value_and_range(
    field: str, value: Any
) -> None:
    with pytest.raises(ConfigError) as caught:
        config_with(field, value)
    error = caught.value
    assert (error.field, error.value, error.allowed) == (field, value, RULES[field].allowed)
    assert str(error) == f"{field}: {value!r} is not allowed; expected {error.allowed}"
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize(
    "value", [True, False, "5", "", b"5", [5], {}, object(), math.nan, math.inf, -math.inf]
)
def test_a_number_is_a_finite_number_and_nothing_else(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        config_with(field, value)


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [10**400, -(10**400)])
def test_a_number_too_large_for_a_float_is_refused_like_any_other(field: str, value: int) -> None:
    with pytest.raises(ConfigError, match=field):
        config_with(field, value)


@pytest.mark.parametrize("field", sorted(WHOLE))
def test_whole_numbers_take_no_fractions(field: str) -> None:
    with pytest.raises(ConfigError, match="a whole number"):
        config_with(field, 2.5)
    value = getattr(config_with(field, 2.0), field)
    assert value == 2
    assert type(value) is int


# No whole number is a confidence.
@pytest.mark.parametrize("field", sorted(set(NUMBERS) - WHOLE - {"adaptive_confidence"}))
def test_whole_values_of_other_numbers_become_floats(field: str) -> None:
    whole = max(1, int(RULES[field].minimum or 0))
    assert type(getattr(config_with(field, whole), field)) is float


@pytest.mark.parametrize("field", list(RULES))
def test_null_turns_off_what_may_be_off_and_nothing_else(field: str) -> None:
    if field in NULLABLE:
        assert getattr(config_with(field, None), field) is None
        assert RULES[field].allowed.endswith(", or null to turn it off")
    else:
        with pytest.raises(ConfigError) as caught:
            config_with(field, None)
        assert "null" not in caught.value.allowed


@pytest.mark.parametrize("value", [0, 1, "true", None, []])
def test_enabled_is_a_bool(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"enabled: .* expected true or false"):
        CircuitBreakerConfig(enabled=value)


def test_when_unavailable_is_one_of_three_words() -> None:
    given: Any = "last_known"
    made = CircuitBreakerConfig(when_unavailable=given).when_unavailable
    assert made is WhenUnavailable.LAST_KNOWN
    refused: list[Any] = ["LOCAL", "", "never", 1, None, []]
    for value in refused:
        with pytest.raises(ConfigError, match="one of local, reject, last_known"):
            CircuitBreakerConfig(when_unavailable=value)


def test_ranges_in_words() -> None:
    assert RULES["failure_threshold"].allowed == (
        "a whole number from 1 to 1000000, or null to turn it off"
    )
    assert RULES["slow_call_rate_threshold"].allowed == "a number above 0 to 1"
    assert RULES["timeout_seconds"].allowed == "a number from 0.001 to 604800"


def test_every_field_describes_itself() -> None:
    assert all(rule.description for rule in RULES.values())


def test_a_config_is_immutable_and_a_value() -> None:
    config = CircuitBreakerConfig()
    with pytest.raises(AttributeError):
        config.failure_threshold = 9  # type: ignore[misc]
    assert hash(config) == hash(CircuitBreakerConfig())
    assert config == CircuitBreakerConfig()
    assert config != CircuitBreakerConfig(failure_threshold=9)
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_changed_copy_is_validated_too() -> None:
    with pytest.raises(ConfigError, match="timeout_seconds"):
        msgspec.structs.replace(CircuitBreakerConfig(), timeout_seconds=0)


def test_json_is_validated_too() -> None:
    assert msgspec.json.decode(b'{"minimum_calls": 7}', type=CircuitBreakerConfig) == (
        CircuitBreakerConfig(minimum_calls=7)
    )
    for text in (b'{"minimum_calls": 0}', b'{"minimum_cals": 7}', b'{"minimum_calls": null}'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(text, type=CircuitBreakerConfig)


# Mappings


def test_a_mapping_sets_what_it_names_and_defaults_the_rest() -> None:
    made = CircuitBreakerConfig.from_mapping({"failure_threshold": None, "timeout_seconds": 3})
    assert made == CircuitBreakerConfig(failure_threshold=None, timeout_seconds=3)
    assert CircuitBreakerConfig.from_mapping({}) == CircuitBreakerConfig()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        CircuitBreakerConfig.from_mapping({"failure_treshold": 3})
    assert caught.value.field == "failure_treshold"
    assert caught.value.value == 3
    assert all(name in str(caught.value) for name in RULES)


# Environment


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("ENABLED", "false", "enabled", False),
        ("ENABLED", " NO ", "enabled", False),
        ("ENABLED", "off", "enabled", False),
        ("ENABLED", "0", "enabled", False),
        ("ENABLED", "True", "enabled", True),
        ("ENABLED", "1", "enabled", True),
        ("ENABLED", "yes", "enabled", True),
        ("ENABLED", "on", "enabled", True),
        ("FAILURE_THRESHOLD", "7", "failure_threshold", 7),
        ("FAILURE_THRESHOLD", "null", "failure_threshold", None),
        ("FAILURE_RATE_THRESHOLD", "None", "failure_rate_threshold", None),
        ("FAILURE_RATE_THRESHOLD", "0.25", "failure_rate_threshold", 0.25),
        ("MINIMUM_CALLS", " 20 ", "minimum_calls", 20),
        ("WINDOW_SIZE_SECONDS", "30", "window_size_seconds", 30.0),
        ("TIMEOUT_SECONDS", "1.5", "timeout_seconds", 1.5),
        ("TIMEOUT_MULTIPLIER", "2", "timeout_multiplier", 2.0),
        ("TIMEOUT_MAX_SECONDS", "1e3", "timeout_max_seconds", 1000.0),
        ("HALF_OPEN_MAX_CALLS", "1", "half_open_max_calls", 1),
        ("PROBE_LEASE_SECONDS", "9", "probe_lease_seconds", 9.0),
        ("MINIMUM_WORKERS", "2", "minimum_workers", 2),
        ("MAX_CONCURRENT_CALLS", "100", "max_concurrent_calls", 100),
        ("WHEN_UNAVAILABLE", "Reject", "when_unavailable", WhenUnavailable.REJECT),
        ("SLOW_CALL_SECONDS", "2.5", "slow_call_seconds", 2.5),
        ("SLOW_CALL_SECONDS", "off", "slow_call_seconds", None),
        ("SLOW_CALL_RATE_THRESHOLD", "0.3", "slow_call_rate_threshold", 0.3),
    ],
)
def test_a_variable_sets_its_field(variable: str, text: str, field: str, value: Any) -> None:
    made = CircuitBreakerConfig.from_env({ENV_PREFIX + variable: text, "PATH": "/bin"})
    assert made == config_with(field, value)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_an_absent_one(text: str) -> None:
    for name in RULES:
        made = CircuitBreakerConfig.from_env({f"{ENV_PREFIX}{name.upper()}": text})
        assert made == CircuitBreakerConfig()


def test_every_field_has_its_variable() -> None:
    for name, rule in RULES.items():
        text = "null" if rule.default is None else str(rule.default)
        made = CircuitBreakerConfig.from_env({f"{ENV_PREFIX}{name.upper()}": text})
        assert made == CircuitBreakerConfig()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("ENABLED", "maybe"),
        ("FAILURE_THRESHOLD", "many"),
        ("FAILURE_THRESHOLD", "0"),
        ("FAILURE_THRESHOLD", "5.5"),
        ("FAILURE_THRESHOLD", "9" * 400),
        ("FAILURE_THRESHOLD", "9" * 5000),
        ("MINIMUM_CALLS", "null"),
        ("TIMEOUT_SECONDS", "nan"),
        ("TIMEOUT_SECONDS", "inf"),
        ("TIMEOUT_SECONDS", "1 minute"),
        ("TIMEOUT_SECONDS", "-1"),
        ("WHEN_UNAVAILABLE", "retry"),
    ],
)
def test_a_bad_variable_is_named_with_its_value_and_what_is_allowed(
    variable: str, text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        CircuitBreakerConfig.from_env({ENV_PREFIX + variable: text})
    assert caught.value.field == ENV_PREFIX + variable
    assert str(caught.value.value) in {text, str(float(text)) if text == "-1" else text}
    assert caught.value.allowed == RULES[variable.lower()].allowed


def test_an_unknown_variable_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        CircuitBreakerConfig.from_env({"CIRCUIT_BREAKER_TIMEOUT": "60"})
    assert caught.value.field == "CIRCUIT_BREAKER_TIMEOUT"
    assert "CIRCUIT_BREAKER_TIMEOUT_SECONDS" in caught.value.allowed


def test_other_variables_are_none_of_its_business() -> None:
    environ = {"circuit_breaker_timeout": "x", "MY_CIRCUIT_BREAKER_X": "y", "REDIS_URL": "z"}
    assert CircuitBreakerConfig.from_env(environ) == CircuitBreakerConfig()
