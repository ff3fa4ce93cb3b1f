"""How long things are kept: the one type of these settings, and its environment variables."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from fuseline.core.errors import ConfigError

FOREVER = 0
"""Value of a setting under which nothing goes."""

_MOST = {"outcomes": 1_000_000_000}
_MOST_DAYS = 36_500
_PREFIX = "FUSELINE_RETENTION_"


class Retention(Struct, frozen=True, kw_only=True):
    """What is kept of each agent; 0: for ever.

    Attributes:
        outcome_days: age at which outcomes leave the log.
        outcomes: entries of the log that are kept at most; about, and within a minute.
        history_days: age at which transitions, overrides and changes of settings go.
        counts_days: age at which counts by minute and longer go; those of 10 s go with the log.
        producer_days: silence after which a producer's number is forgotten. Outcomes that still
            wait in its spool then may come twice.

    Raises:
        ConfigError: naming the setting.
    """

    outcome_days: float = 7
    outcomes: int = 100_000
    history_days: float = 400
    counts_days: float = 90
    producer_days: float = 30

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


def _check(said: str, name: str, value: object) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _MOST.get(name, _MOST_DAYS):  # type: ignore[operator]
        raise ConfigError(said, value, _allowed(name))


def _allowed(name: str) -> str:
    if name in _MOST:
        return f"a whole number from 0 (for ever) to {_MOST[name]}"
    return f"a number of days from 0 (for ever) to {_MOST_DAYS}"
