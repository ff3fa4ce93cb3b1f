"""Decides when incidents begin and end. Pure: the book changes, the incidents are returned.

An agent's history is worked off entry by entry, and deadlines between two entries at their own
time; so it does not matter in which portions the history comes, or how late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fuseline.alerts.book import Book, Told, covers
from fuseline.alerts.conditions import HISTORY_KINDS, Standing, standing
from fuseline.alerts.documents import kind_of
from fuseline.alerts.model import Incident, Track, incident_id
from fuseline.alerts.samples import CIRCUIT_KINDS, SYSTEM_KINDS, Reading
from fuseline.core.circuit import NEVER_MS
from fuseline.projections.timeline import Item
from fuseline.schemas.alerts import StoredRule


def follow(book: Book, agent: str, items: Iterable[Item], until_ms: int) -> list[Incident]:
    """Works off new entries of an agent's history and the time up to `until_ms`.

    Args:
        book: what is known.
        agent: whose history.
        items: new entries, in order.
        until_ms: now.

    Returns:
        Incidents that began or ended, in order.
    """
    track = book.tracks.setdefault(agent, Track())
    rules = book.rules_of(agent)
    changed: list[Incident] = []
    at_ms = track.looked_ms
    for item in items:
        if item.position >= track.position and item.at_ms > at_ms:
            changed += _advance(book, rules, agent, track, at_ms, item.at_ms)
            at_ms = item.at_ms
        if track.take(item):
            # What was written late counts from now: the time in between has been looked at.
            changed += _look(book, rules, agent, track, at_ms)
    changed += _advance(book, rules, agent, track, at_ms, until_ms)
    track.looked_ms = max(at_ms, until_ms)
    return changed


def next_deadline(book: Book, agent: str, at_ms: int) -> int:
    """When time alone next changes something for an agent, after `at_ms`."""
    track = book.tracks.get(agent)
    if track is None:
        return NEVER_MS
    return min(
        (standing(stored, agent, track, at_ms).next_ms for stored in book.rules_of(agent)),
        default=NEVER_MS,
    )


def observe(
    book: Book, stored: StoredRule, subject: str, reading: Reading, now_ms: int
) -> list[Incident]:
    """Takes what a looked-at condition sees of one subject now."""
    about = (stored.rule.name, subject)
    if not reading.holds:
        book.pending.pop(about, None)
        return _settle(book, stored, subject, Standing(), now_ms)
    since_ms = reading.since_ms or book.pending.setdefault(about, now_ms)
    if about not in book.standing and now_ms - since_ms < reading.for_ms:
        return []
    found = Standing(
        holds=True,
        begins=True,
        since_ms=since_ms + reading.for_ms if reading.for_ms else now_ms,
        key=str(since_ms),
        summary=reading.summary,
        details=reading.details,
    )
    return _settle(book, stored, subject, found, now_ms)


def retire(book: Book, now_ms: int, subjects: Collection[str] | None = None) -> list[Incident]:
    """Ends incidents whose rule is gone, or is not about their subject any more.

    Args:
        book: what is known.
        now_ms: now.
        subjects: only incidents about these; None: all, and what rules that are gone leave behind.
    """
    ended = []
    for (name, subject), incident in list(book.standing.items()):
        if subjects is not None and subject not in subjects:
            continue
        stored = book.rules.get(name)
        if stored is None or not stored.rule.enabled:
            reason = "rule_removed" if stored is None else "rule_disabled"
        elif isinstance(stored.rule.when, HISTORY_KINDS | CIRCUIT_KINDS):
            if covers(stored, subject, book.tags.get(subject, ())):
                continue
            reason = "out_of_scope"
        elif kind_of(stored.rule) == incident.kind:
            continue
        else:
            reason = "rule_changed"
        ended.append(_end(book, incident, now_ms, reason))
    if subjects is None:
        for about in [about for about in book.told if about[0] not in book.rules]:
            del book.told[about]
    return ended


def sampled_rules(book: Book) -> tuple[list[StoredRule], list[StoredRule]]:
    """The rules that look at circuits, and those that look at Fuseline itself."""
    on = [stored for stored in book.rules.values() if stored.rule.enabled]
    return (
        [stored for stored in on if isinstance(stored.rule.when, CIRCUIT_KINDS)],
        [stored for stored in on if isinstance(stored.rule.when, SYSTEM_KINDS)],
    )


def _advance(
    book: Book, rules: list[StoredRule], agent: str, track: Track, from_ms: int, until_ms: int
) -> list[Incident]:
    """The deadlines after `from_ms` up to `until_ms`, each at its own time."""
    changed = _look(book, rules, agent, track, from_ms)
    at_ms = from_ms
    while True:
        nexts = [standing(stored, agent, track, at_ms).next_ms for stored in rules]
        due_ms = min((ms for ms in nexts if ms > at_ms), default=NEVER_MS)
        if due_ms > until_ms:
            return changed
        at_ms = due_ms
        changed += _look(book, rules, agent, track, at_ms)


def _look(
    book: Book, rules: list[StoredRule], agent: str, track: Track, at_ms: int
) -> list[Incident]:
    changed = []
    for stored in rules:
        changed += _settle(book, stored, agent, standing(stored, agent, track, at_ms), at_ms)
    return changed


def _settle(
    book: Book, stored: StoredRule, subject: str, found: Standing, at_ms: int
) -> list[Incident]:
    """Begins or ends the incident of a rule and subject, as its condition stands."""
    about = (stored.rule.name, subject)
    current = book.standing.get(about)
    if current is not None:
        return [] if found.holds else [_end(book, current, at_ms, "over")]
    if not (found.holds and found.begins):
        return []
    name = incident_id(stored, subject, found.key)
    told = book.told.get(about)
    if told is not None and told.incident == name:
        return []  # it has been, whatever made this look at it again
    incident = Incident(
        id=name,
        rule=stored.rule.name,
        kind=kind_of(stored.rule),
        severity=stored.rule.severity,
        subject=subject,
        summary=found.summary,
        opened_ms=found.since_ms,
        details=found.details,
    )
    book.standing[about] = incident
    book.told[about] = Told(name, told.at_ms if told else 0)
    return [incident]


def _end(book: Book, incident: Incident, at_ms: int, resolution: str) -> Incident:
    del book.standing[incident.about]
    incident.resolved_ms = max(at_ms, incident.opened_ms)
    incident.resolution = resolution
    return incident
