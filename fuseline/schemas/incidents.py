"""What comes of alert rules as the API shows it: incidents, deliveries, and who makes them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fuseline.schemas.alerts import Severity
from fuseline.schemas.circuits import Millis


class IncidentResponse(Struct, frozen=True, kw_only=True):
    """One time that a rule's condition held.

    Attributes:
        id: the same however often it is worked out; in every notice.
        rule: name of the rule.
        kind: what the rule waits for.
        severity: of the rule then.
        subject: an agent, or what else it is about.
        summary: in words.
        opened_ms: since when it holds.
        resolved_ms: when it was over; 0: it is not.
        resolution: why it was over.
        silenced: why nobody was told; "" if somebody was, or will be.
        details: figures at the time.
    """

    id: str
    rule: str
    kind: str
    severity: Severity
    subject: str
    summary: str
    opened_ms: Millis
    resolved_ms: Millis
    resolution: str
    silenced: str
    details: dict[str, Any]


class IncidentList(Struct, frozen=True, kw_only=True):
    """Incidents, the newest first."""

    items: list[IncidentResponse]


class DeliveryResponse(Struct, frozen=True, kw_only=True):
    """One attempt to deliver a notice.

    Attributes:
        id: of the attempt; in order of time.
        notice: id of the notice, the same in each attempt.
        channel: where to.
        event: opened, resolved or test.
        incidents: what it tells of.
        attempt: from 1.
        at_ms: when it ended.
        took_ms: how long it took.
        result: delivered; retrying: it failed and is tried again; failed: it is given up; waiting:
            of a test, it is not sent yet.
        error: what went wrong; "" if nothing.
    """

    id: str
    notice: str
    channel: str
    event: str
    incidents: list[str]
    attempt: int
    at_ms: Millis
    took_ms: Millis
    result: str
    error: str


class DeliveryList(Struct, frozen=True, kw_only=True):
    """Attempts, the newest first."""

    items: list[DeliveryResponse]


class NotifierState(Struct, frozen=True, kw_only=True):
    """Whether somebody watches.

    Attributes:
        owner: the process that does now; "" if none.
    """

    owner: str
