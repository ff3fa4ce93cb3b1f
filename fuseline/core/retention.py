"""How long things are kept: the one type of these settings, and its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fuseline.core.errors import ConfigError
from fuseline.core.rules import Rule, rules_of

FOREVER = 0
"""Value of a setting under which nothing goes."""

_MOST = {"outcomes": 1_000_000_000}
_MOST_DAYS = 36_500
_PREFIX = "FUSELINE_RETENTION_"


DAY_MS = 86_400_000


class Retention(Struct, frozen=True, kw_only=True):
    """What is kept: of each agent, and what ends by itself; 0: for ever.

    Attributes:
        outcome_days: age at which outcomes leave the log.
        outcomes: entries of the log that are kept at most; about, and within a minute.
        history_days: age at which transitions, overrides and changes of settings go.
        counts_days: age at which counts by minute and longer go; those of 10 s go with the log.
        producer_days: silence after which a producer's number is forgotten. Outcomes that still
            wait in its spool then may come twice.
        dead_letter_days: age at which tasks that were given up go, when another one is.
        token_days: time after its end at which an API token goes, when another one is made.

    Raises:
        ConfigError: naming the setting.
    """

    outcome_days: float = 7
    outcomes: int = 100_000
    history_days: float = 400
    counts_days: float = 90
    producer_days: float = 30
    dead_letter_days: float = 90
    token_days: float = 30

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            _check(name, name, getattr(self, name))

    @classmethod
    def forever(cls) -> Retention:
        """Nothing ever goes."""
        return cls(**dict.fromkeys(cls.__struct_fields__, FOREVER))

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Retention:
        """What FUSELINE_RETENTION_OUTCOME_DAYS and so on say, the defaults for the rest.

        Raises:
            ConfigError: naming the variable.
        """
        values: dict[str, float] = {}
        for field in msgspec.structs.fields(cls):
            variable = _PREFIX + field.name.upper()
            if not (text := environ.get(variable)):
                continue
            try:
                value = int(text) if field.type is int else float(text)
            except ValueError:
                raise ConfigError(variable, text, _allowed(field.name)) from None
            _check(variable, field.name, value)
            values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]


class AgentRetention(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long outcomes of one agent are kept; null: as the processes that project are set.

    Raises:
        ConfigError: a value is not allowed.
    """

    outcomes: Annotated[
        Annotated[int, Meta(ge=0, le=1_000_000_000)] | None,
        Meta(description="entries of the log that are kept at most; 0: all of them"),
    ] = None
    days: Annotated[
        Annotated[float, Meta(ge=0.0, le=36_500.0)] | None,
        Meta(description="age in days at which outcomes go; 0: never"),
    ] = None

    def __post_init__(self) -> None:
        for name, rule in AGENT_RULES.items():
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, rule.check(value, f"retention.{name}"))

    @property
    def given(self) -> dict[str, float]:
        """What is not left to the processes that project, by name."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not None}

    def over(self, usual: Retention) -> Retention:
        """What is kept of the agent."""
        return msgspec.structs.replace(
            usual,
            outcomes=usual.outcomes if self.outcomes is None else self.outcomes,
            outcome_days=usual.outcome_days if self.days is None else self.days,
        )


# Null is no value of its own here, but no word at all.
AGENT_RULES: dict[str, Rule] = {
    name: msgspec.structs.replace(rule, nullable=False)
    for name, rule in rules_of(AgentRetention).items()
}
"""Every field of `AgentRetention` with what it accepts."""


def _check(said: str, name: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _MOST.get(name, _MOST_DAYS):  # type: ignore[operator]
        raise ConfigError(said, value, _allowed(name))


def _allowed(name: str) -> str:
    if name in _MOST:
        return f"a whole number from 0 (for ever) to {_MOST[name]}"
    return f"a number of days from 0 (for ever) to {_MOST_DAYS}"
