"""What a notice says: JSON for webhooks, a title and lines for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuseline.alerts.model import Incident, Notice
from fuseline.alerts.planning import OPENED, TEST
from fuseline.schemas.alerts import AlertRule, Severity
from fuseline.schemas.moments import iso

_MOST_LINES = 20


def document(
    notice: Notice, incidents: Sequence[Incident], rule: AlertRule | None, namespace: str
) -> dict[str, Any]:
    """The body of a webhook."""
    return {
        "id": notice.id,
        "type": f"fuseline.alert.{notice.event}",
        "namespace": namespace,
        "rule": None
        if rule is None
        else {
            "name": rule.name,
            "severity": rule.severity.value,
            "description": rule.description,
        },
        "title": title(notice, incidents, rule),
        "incidents": [
            {
                "id": one.id,
                "rule": one.rule,
                "kind": one.kind,
                "severity": one.severity.value,
                "subject": one.subject,
                "summary": one.summary,
                "opened_at": iso(one.opened_ms),
                "resolved_at": iso(one.resolved_ms),
                "resolution": one.resolution,
                "details": one.details,
            }
            for one in incidents
        ],
    }


def title(notice: Notice, incidents: Sequence[Incident], rule: AlertRule | None) -> str:
    """One line."""
    if notice.event == TEST:
        return f"Fuseline: a test, asked for by {notice.actor}"
    word = "" if notice.event == OPENED else "over: "
    severity = rule.severity if rule else Severity.WARNING
    if len(incidents) == 1:
        return f"[{severity.value}] {word}{incidents[0].summary}"
    return f"[{severity.value}] {word}{notice.rule}: {len(incidents)} incidents"


def text(notice: Notice, incidents: Sequence[Incident], rule: AlertRule | None) -> str:
    """Lines for people."""
    if notice.event == TEST:
        return "This channel works."
    lines = [rule.description] if rule and rule.description else []
    for one in incidents[:_MOST_LINES]:
        times = f"since {iso(one.opened_ms)}"
        if one.resolved_ms:
            times += f", over at {iso(one.resolved_ms)}"
        lines.append(f"{one.summary} ({times}; incident {one.id})")
    if len(incidents) > _MOST_LINES:
        lines.append(f"and {len(incidents) - _MOST_LINES} more")
    lines.append(f"rule {notice.rule}")
    return "\n".join(lines)
