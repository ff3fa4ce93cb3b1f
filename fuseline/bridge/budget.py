"""The budget: how long a caller waits for the server, at most. Only probes wait at all."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from fuseline.core.errors import ConfigError

BUDGET_VARIABLE = "FUSELINE_BUDGET_SECONDS"
BUDGET_SECONDS = 0.05

_ALLOWED = "a number of seconds above 0"


def budget_seconds(environ: Mapping[str, str], given: float | None) -> float:
    """The argument if it is given, else the variable, else 0.05.

    Raises:
        ConfigError: naming the argument or variable.
    """
    if given is not None:
        if not 0 < given < inf:
            raise ConfigError("budget_seconds", given, _ALLOWED)
        return given
    text = environ.get(BUDGET_VARIABLE, "").strip()
    try:
        value = float(text) if text else BUDGET_SECONDS
    except ValueError:
        raise ConfigError(BUDGET_VARIABLE, text, _ALLOWED) from None
    if not 0 < value < inf:
        raise ConfigError(BUDGET_VARIABLE, text, _ALLOWED)
    return value
