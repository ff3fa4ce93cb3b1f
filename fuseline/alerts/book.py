"""Everything a notifier knows, and which of its rules an agent is under."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec
from msgspec import Struct

from fuseline.alerts.conditions import HISTORY_KINDS
from fuseline.alerts.model import Incident, Notice, Subject, Track
from fuseline.schemas.alerts import AlertChannel, StoredRule


class Told(Struct, frozen=True, array_like=True):
    """The last incident of a rule and subject, and when somebody was told of one; 0: never."""

    incident: str
    at_ms: int = 0


class Book(Struct):
    """What is known; the pure functions change it, and what they return is what to write.

    Attributes:
        rules: by name.
        channels: by name.
        tags: of the registered agents, by name.
        tracks: how far each agent's history is worked off.
        standing: incidents that are not over.
        told: the last incident by rule and subject.
        outbox: notices that are to be delivered.
        pending: since when a looked-at condition holds whose time is not up; in memory only, so
            a takeover begins to count again.
    """

    rules: dict[str, StoredRule] = msgspec.field(default_factory=dict)
    channels: dict[str, AlertChannel] = msgspec.field(default_factory=dict)
    tags: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    tracks: dict[str, Track] = msgspec.field(default_factory=dict)
    standing: dict[Subject, Incident] = msgspec.field(default_factory=dict)
    told: dict[Subject, Told] = msgspec.field(default_factory=dict)
    outbox: dict[str, Notice] = msgspec.field(default_factory=dict)
    pending: dict[Subject, int] = msgspec.field(default_factory=dict)

    def rules_of(self, agent: str) -> list[StoredRule]:
        """The rules over an agent's history."""
        tags = self.tags.get(agent, ())
        return [
            stored
            for stored in self.rules.values()
            if isinstance(stored.rule.when, HISTORY_KINDS) and covers(stored, agent, tags)
        ]


def covers(stored: StoredRule, agent: str, tags: tuple[str, ...]) -> bool:
    """Whether a rule is on, and an agent is in its scope."""
    rule = stored.rule
    return (
        rule.enabled
        and (not rule.agents or any(fnmatchcase(agent, pattern) for pattern in rule.agents))
        and (not rule.tags or not set(rule.tags).isdisjoint(tags))
    )
