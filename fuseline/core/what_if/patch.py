"""Which settings are tried: names and values, checked as those in force are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import ConfigChanged

Patch = Mapping[str, Any]
"""Settings by name that differ from those on record."""

NOT_FOLDED = frozenset({"max_concurrent_calls", "when_unavailable", "recovery_seconds"})
"""Settings that decide in a worker alone: no record tells what they would have changed."""

DEFAULT = "default"


def checked_patch(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings to try, each in its own type.

    Args:
        values: by name; "default" takes the setting's default.
        prefix: comes before a field's name in an error.

    Raises:
        ConfigError: no such setting, one that the fold does not use, or a value out of its range.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        rule = RULES.get(name)
        if rule is None or name in NOT_FOLDED:
            known = ", ".join(name for name in RULES if name not in NOT_FOLDED)
            raise ConfigError(f"{prefix}{name[:100]}", value, f"one of the settings {known}")
        is_default = value == DEFAULT
        found[name] = rule.default if is_default else rule.check(value, f"{prefix}{name}")
    return found


def patched(config: CircuitBreakerConfig, patch: Patch) -> CircuitBreakerConfig:
    """The settings with others in the place of some.

    Raises:
        ConfigError: a value is not allowed.
    """
    return msgspec.structs.replace(config, **patch)


def patched_event(event: ConfigChanged, patch: Patch) -> ConfigChanged:
    """A change of settings with others in the place of some."""
    try:
        config = patched(CircuitBreakerConfig.from_wire(event.config), patch)
    except (ConfigError, TypeError):
        return event  # set aside, as on record
    return ConfigChanged(event.revision, config.to_wire(), event.actor, event.reason)
