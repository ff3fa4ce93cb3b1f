"""The one configuration type: fields, defaults, bounds, and what the environment sets.

The bounds stand in the annotations alone; validation, the environment, CLI help and API schema
are made from them (`rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from fuseline.core.errors import ConfigError
from fuseline.core.rules import Rule, apply_rules, rules_of

ENV_PREFIX = "CIRCUIT_BREAKER_"

_DAY_SECONDS = 86_400
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Rate = Annotated[float, Meta(gt=0.0, le=1.0)]
_Duration = Annotated[float, Meta(ge=0.001, le=7 * _DAY_SECONDS)]


class WhenUnavailable(StrEnum):
    """What decides admission while Redis or every projector is away."""

    LOCAL = "local"
    REJECT = "reject"
    LAST_KNOWN = "last_known"


class CircuitBreakerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one circuit breaker; immutable, validated when made.

    Fields are only ever added at the end: the log stores them by position.

    Raises:
        ConfigError: a value has the wrong type or is out of its range.
    """

    enabled: Annotated[
        bool, Meta(description="false: every call is admitted; outcomes are still recorded")
    ] = True
    failure_threshold: Annotated[
        _Count | None, Meta(description="consecutive failures that open; null: test off")
    ] = 5
    failure_rate_threshold: Annotated[
        _Rate | None, Meta(description="failures/calls in the window that open; null: test off")
    ] = 0.5
    minimum_calls: Annotated[
        _Count, Meta(description="calls the window needs before a rate counts")
    ] = 10
    window_size_seconds: Annotated[_Duration, Meta(description="length of the sliding window")] = (
        120.0
    )
    timeout_seconds: Annotated[_Duration, Meta(description="how long OPEN lasts before probes")] = (
        60.0
    )
    timeout_multiplier: Annotated[
        Annotated[float, Meta(ge=1.0, le=100.0)],
        Meta(description="each reopening in a row lasts longer by this factor"),
    ] = 1.0
    timeout_max_seconds: Annotated[
        _Duration,
        Meta(description="cap of a grown or asked-for (Retry-After) open time"),
    ] = 600.0
    half_open_max_calls: Annotated[
        Annotated[int, Meta(ge=1, le=1000)],
        Meta(description="probes of one HALF_OPEN round; all succeed: CLOSED, one fails: OPEN"),
    ] = 3
    probe_lease_seconds: Annotated[
        _Duration, Meta(description="a probe is cut off, or given up, after this long")
    ] = 120.0
    minimum_workers: Annotated[
        Annotated[int, Meta(ge=1, le=16)],
        Meta(description="distinct workers that must have seen trouble before it opens"),
    ] = 1
    max_concurrent_calls: Annotated[
        _Count | None, Meta(description="calls in flight per process; null: no cap")
    ] = None
    when_unavailable: Annotated[
        WhenUnavailable, Meta(description="who decides while Redis or the projector is away")
    ] = WhenUnavailable.LOCAL
    slow_call_seconds: Annotated[
        _Duration | None, Meta(description="calls this long are slow; null: test off")
    ] = None
    slow_call_rate_threshold: Annotated[
        _Rate, Meta(description="slow calls/calls in the window that open")
    ] = 1.0
    recovery_seconds: Annotated[
        _Duration | None,
        Meta(description="after HALF_OPEN, how long the share let through grows; null: not at all"),
    ] = None
    adaptive: Annotated[
        bool, Meta(description="true: failures are held against what is usual for this agent")
    ] = False
    adaptive_margin: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)],
        Meta(description="how far above its usual failure rate an agent may go"),
    ] = 0.05
    adaptive_floor: Annotated[
        _Rate, Meta(description="a failure rate below this never opens while adaptive")
    ] = 0.1
    adaptive_confidence: Annotated[
        Annotated[float, Meta(ge=0.9, le=0.999999)],
        Meta(description="how sure the window must be that the rate is above the threshold"),
    ] = 0.9999
    adaptive_half_life_seconds: Annotated[
        Annotated[float, Meta(ge=600.0, le=90 * _DAY_SECONDS)],
        Meta(description="after this long a call weighs half in what is usual"),
    ] = 3.0 * _DAY_SECONDS

    def __post_init__(self) -> None:
        apply_rules(self, RULES)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> CircuitBreakerConfig:
        """Makes a config from names and values (JSON, YAML, CLI); absent names take defaults.

        Raises:
            ConfigError: an unknown name, or a value that is not allowed.
        """
        for name in values:
            if name not in RULES:
                raise ConfigError(name, values[name], f"one of the fields {', '.join(RULES)}")
        return cls(**values)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> CircuitBreakerConfig:
        """Makes the default config of a process from ``CIRCUIT_BREAKER_*`` variables.

        Raises:
            ConfigError: naming the variable, for an unknown one as well as for a bad value.
        """
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if not variable.startswith(ENV_PREFIX) or not text.strip():
                continue  # an empty variable, as compose files make them, is an absent one
            rule = RULES.get(variable.removeprefix(ENV_PREFIX).lower())
            if rule is None:
                known = ", ".join(f"{ENV_PREFIX}{name.upper()}" for name in RULES)
                raise ConfigError(variable, text, f"one of the variables {known}")
            values[rule.name] = rule.check(rule.parse(text, variable), variable)
        return cls(**values)

    def to_wire(self) -> list[Any]:
        """The values by position, as the log and the projection store them."""
        return list(msgspec.structs.astuple(self))

    @classmethod
    def from_wire(cls, values: list[Any]) -> CircuitBreakerConfig:
        """Reads ``to_wire``; fields a newer version added are left out, missing ones default.

        Raises:
            ConfigError: a value is not allowed.
            TypeError: a value is not even a scalar.
        """
        return _from_wire(*values[: len(RULES)])

    def open_ms(self, opens_in_a_row: int, asked_ms: int = 0) -> int:
        """How long OPEN lasts, in ms, for the nth opening in a row.

        Args:
            opens_in_a_row: 1 for the first opening after CLOSED.
            asked_ms: what the agent asked for by ``Retry-After``; it lengthens, never shortens.
        """
        base = self.timeout_seconds
        cap = max(self.timeout_max_seconds, base)
        try:
            grown = base * self.timeout_multiplier ** (opens_in_a_row - 1)
        except OverflowError:  # hundreds of openings in a row: the cap is long reached
            grown = cap
        return round(min(cap, max(grown, asked_ms / 1000)) * 1000)


@lru_cache(maxsize=1024, typed=True)  # typed, or True and 1 would pass for each other
def _from_wire(*values: Any) -> CircuitBreakerConfig:
    # Thousands of agents share a few configurations, and validation is slow next to a fold.
    return CircuitBreakerConfig(**dict(zip(RULES, values, strict=False)))


RULES: dict[str, Rule] = rules_of(CircuitBreakerConfig)
"""Every field of `CircuitBreakerConfig` with what it accepts, in wire order."""
