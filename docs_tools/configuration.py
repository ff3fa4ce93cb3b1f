"""docs/reference/configuration.md: the settings of a breaker, from the type that holds them."""

from __future__ import annotations

from enum import Enum
from typing import Any

from docs_tools.markdown import code, notice, table
from fuseline.core.config import ENV_PREFIX, RULES
from fuseline.core.rules import Rule

_UNITS = {"_seconds": "seconds", "_rate_threshold": "share, 0 to 1", "_calls": "calls"}
_OTHER_UNITS = {
    "failure_threshold": "calls",
    "timeout_multiplier": "factor",
    "minimum_workers": "processes",
    "adaptive_margin": "share, 0 to 1",
    "adaptive_floor": "share, 0 to 1",
    "adaptive_confidence": "probability",
}

_HEAD = """# Settings of a breaker

Every field of `fuseline.CircuitBreakerConfig`. What each does to a circuit is told in
[concepts](../concepts.md).

**Where they come from.** For each agent: what somebody chose for it (`fuseline configure`, a file,
the HTTP API, the UI, or `config=` of the process that registered it); else the variable
`CIRCUIT_BREAKER_*` of the process that registered it; else the default. A change reaches running
workers at once, and stands in the agent's history with its author.

**A value that is not allowed** is refused where it is given, with a `ConfigError` that names the
field, the value and what is allowed. Times are in seconds, as whole numbers or with a fraction. In
variables and on the command line `null`, `none` and `off` turn off what may be off. A variable is
the default of its field for agents that the process registers.

"""


def page() -> str:
    """The page."""
    rows = [
        (f"[{code(rule.name)}](#{rule.name})", shown(rule.default), rule.description)
        for rule in RULES.values()
    ]
    parts = [
        notice("fuseline/core/config.py"),
        _HEAD + table(("field", "default", "meaning"), rows),
        "## Each field\n",
        *(_field(rule) for rule in RULES.values()),
    ]
    return "\n".join(parts)


def _field(rule: Rule) -> str:
    meaning = rule.description
    if not meaning.startswith(("true:", "false:")):  # these are values
        meaning = meaning[0].upper() + meaning[1:]
    facts = [
        ("default", shown(rule.default)),
        ("allowed", rule.allowed),
        ("unit", unit(rule.name)),
        ("variable", code(ENV_PREFIX + rule.name.upper())),
    ]
    return f"### {rule.name}\n\n{meaning}.\n\n" + table(("", ""), [f for f in facts if f[1]])


def unit(name: str) -> str:
    """The unit of a field; empty if it has none."""
    if name in _OTHER_UNITS:
        return _OTHER_UNITS[name]
    return next((word for end, word in _UNITS.items() if name.endswith(end)), "")


def shown(value: Any) -> str:
    """A default as it is written in JSON."""
    if isinstance(value, Enum):
        return code(str(value.value))
    if value is None:
        return code("null")
    if isinstance(value, bool):
        return code(str(value).lower())
    return code(f"{value:.10g}" if isinstance(value, float) else str(value))
