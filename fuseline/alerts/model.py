"""What alerts remember: how each agent stands, incidents, notices."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.circuit import Cause, CircuitState, ModeChanged, Transition
from fuseline.core.events import Mode
from fuseline.projections.timeline import Item, Position
from fuseline.schemas.alerts import Severity, StoredRule

MOST_OPENINGS = 100
"""Openings of an agent that are remembered; no rule asks for more."""

Subject = tuple[str, str]
"""A rule's name, and an agent or whatever else it is about."""


class Track(Struct, array_like=True):
    """What alerts remember of one agent's history.

    Attributes:
        history_id: the last entry that was acted on.
        position: where that is in the order of the fold; what comes before is never acted on
            again, even if a rebuild writes it again.
        opened_ms: when it left CLOSED; 0: it is CLOSED.
        cause: of that.
        openings: when it went from CLOSED to OPEN, the last ones.
        mode: the override in force.
        mode_ms: since when.
        actor: who set it.
        epoch: of the last transition.
        looked_ms: up to when time was worked off too; what was decided before stays so.
    """

    history_id: str = "0-0"
    position: Position = (0, 0, 0)
    opened_ms: int = 0
    cause: str = ""
    openings: list[int] = msgspec.field(default_factory=list)
    mode: Mode = Mode.AUTO
    mode_ms: int = 0
    actor: str = ""
    epoch: int = 0
    looked_ms: int = 0

    def take(self, item: Item) -> bool:
        """Takes a history entry; False if it changes nothing, as one that was acted on before."""
        self.history_id = item.id
        content = item.content
        if item.position < self.position or not isinstance(content, Transition | ModeChanged):
            return False
        if isinstance(content, ModeChanged):
            # One event may change mode and state, so the position alone does not tell.
            if content.mode is self.mode:
                return False
            self.mode = content.mode
            self.mode_ms = content.at_ms if content.mode is not Mode.AUTO else 0
            self.actor = content.actor
        else:
            if item.position == self.position and content.epoch <= self.epoch:
                return False
            self._take_transition(content)
        self.position = item.position
        return True

    def _take_transition(self, change: Transition) -> None:
        self.epoch = change.epoch
        if change.to_state is CircuitState.CLOSED:
            self.opened_ms = 0
        elif not self.opened_ms:
            self.opened_ms = change.at_ms
            self.cause = change.cause.value
            self.openings = [*self.openings, change.at_ms][-MOST_OPENINGS:]
        if change.cause is Cause.REMOVED:
            self.mode, self.mode_ms = Mode.AUTO, 0


class Incident(Struct, kw_only=True, omit_defaults=True):
    """One time that a rule's condition held; see `schemas.incidents.IncidentResponse`."""

    id: str
    rule: str
    kind: str
    severity: Severity
    subject: str
    summary: str
    opened_ms: int
    resolved_ms: int = 0
    resolution: str = ""
    silenced: str = ""
    details: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def about(self) -> Subject:
        """What only one incident may stand for at a time."""
        return self.rule, self.subject


class Notice(Struct, kw_only=True, omit_defaults=True):
    """What one channel is told at once.

    Attributes:
        id: the same in each attempt; receivers drop one that they have had.
        rule: whose incidents.
        channel: where to.
        event: opened, resolved or test.
        incidents: ids.
        due_ms: not before.
        attempts: begun so far.
        sending: an attempt began whose end is not known.
        quiet: it waits for the end of quiet hours.
        after: id of a notice that has to be over first; "" if none.
        actor: who asked, for a test.
    """

    id: str
    rule: str
    channel: str
    event: str
    incidents: list[str] = msgspec.field(default_factory=list)
    due_ms: int = 0
    attempts: int = 0
    sending: bool = False
    quiet: bool = False
    after: str = ""
    actor: str = ""


def incident_id(stored: StoredRule, subject: str, key: str) -> str:
    """The id of an incident: whoever works it out gets the same.

    Args:
        stored: the rule; one that is made anew under the same name has other incidents.
        subject: what it is about.
        key: what tells it from others of the same subject.
    """
    return digest(stored.rule.name, str(stored.created_ms), subject, key)


def digest(*parts: str) -> str:
    """24 hex digits of a SHA-256 over parts that are told apart."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
