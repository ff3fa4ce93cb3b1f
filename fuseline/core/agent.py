"""What the registry holds of an agent, and what of it differs between two records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError
from fuseline.core.retention import AgentRetention

MAX_DESCRIPTION = 1000
MAX_TAGS = 32
_MAX_TAG = 64
_TAG_ALLOWED = f"1 to {_MAX_TAG} letters, digits and . _ - / = @ +"
_TAG_MARKS = frozenset("._-/=@+")


class AgentRecord(Struct, frozen=True, kw_only=True):
    """One registered agent; immutable, validated when made.

    Attributes:
        name: of the agent.
        config: settings of its breaker, complete.
        revision: counts changes, also over a removal; 0: not stored yet.
        endpoint: where it is; None: it is called by code of the worker's own.
        description: for people.
        tags: for grouping and filters, without repetition.
        given: names of the breaker's settings that somebody chose; the others stand at what the
            defaults were then. None: nobody said, as of agents that code has registered.
        retention: how long its outcomes are kept.
        created_ms: of Redis's clock; 0: not known.
        updated_ms: of Redis's clock; 0: not known.
        updated_by: actor of the last change.

    Raises:
        ConfigError: a description or tag is not allowed.
    """

    name: str
    config: CircuitBreakerConfig
    revision: int
    endpoint: Endpoint | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    given: tuple[str, ...] | None = None
    retention: AgentRetention = AgentRetention()
    created_ms: int = 0
    updated_ms: int = 0
    updated_by: str = ""

    def __post_init__(self) -> None:
        force = msgspec.structs.force_setattr
        force(self, "description", check_description(self.description))
        force(self, "tags", check_tags(self.tags))
        if self.given is not None:
            force(self, "given", tuple(self.given))

    @property
    def chosen(self) -> tuple[str, ...]:
        """The breaker's settings that are not just the default, in the order of the type."""
        if self.given is None:
            return tuple(n for n, rule in RULES.items() if getattr(self.config, n) != rule.default)
        return tuple(name for name in RULES if name in self.given)

    def same_settings(self, other: AgentRecord) -> bool:
        """Whether two records say the same of the agent, whoever wrote them when."""
        return (
            self.config == other.config
            and self.endpoint == other.endpoint
            and self.description == other.description
            and self.tags == other.tags
            and self.retention == other.retention
            and self.chosen == other.chosen
        )


def check_description(text: Any) -> str:
    """A text for people, over any number of lines.

    Raises:
        ConfigError: under the name description.
    """
    if (
        not isinstance(text, str)
        or len(text) > MAX_DESCRIPTION
        or not all(char.isprintable() or char in "\n\t" for char in text)
    ):
        raise ConfigError(
            "description", text, f"text of at most {MAX_DESCRIPTION} printable characters"
        )
    return text.strip()


def check_tags(tags: Any) -> tuple[str, ...]:
    """Tags, each once.

    Raises:
        ConfigError: under the name tags or tags[n].
    """
    allowed = f"a list of at most {MAX_TAGS} different tags"
    if isinstance(tags, str) or not isinstance(tags, Sequence) or len(tags) > MAX_TAGS:
        raise ConfigError("tags", tags, allowed)
    for place, tag in enumerate(tags):
        if (
            not isinstance(tag, str)
            or not 1 <= len(tag) <= _MAX_TAG
            or not all(char.isalnum() or char in _TAG_MARKS for char in tag)
        ):
            raise ConfigError(f"tags[{place}]", tag, _TAG_ALLOWED)
    if len(set(tags)) != len(tags):
        raise ConfigError("tags", list(tags), allowed)
    return tuple(tags)


def details(record: AgentRecord | None) -> dict[str, Any]:
    """What a record holds beside the breaker's settings, as it may be shown: no secret."""
    if record is None:
        return {}
    shown: dict[str, Any] = {"description": record.description, "tags": list(record.tags)}
    shown |= {f"retention.{name}": value for name, value in record.retention.given.items()}
    if record.endpoint is not None:
        shown |= record.endpoint.shown()
    return shown


def differences(before: AgentRecord | None, after: AgentRecord) -> dict[str, list[Any]]:
    """What beside the breaker's settings a change changes: [value before, value after] by name.

    Secrets are masked, so a header whose secret alone changes stands as [masked, masked].
    """
    old, new = details(before), details(after)
    changed = {
        name: [old.get(name), new.get(name)]
        for name in {**old, **new}
        if old.get(name) != new.get(name)
        and (old.get(name) or new.get(name) or name.startswith("retention."))
    }
    if before is not None and before.endpoint is not None and after.endpoint is not None:
        for name in ("url", "headers", "options"):
            masked_same = name not in changed
            if masked_same and getattr(before.endpoint, name) != getattr(after.endpoint, name):
                changed[name] = [old[name], new[name]]
    return changed
