"""From incidents to notices: quiet hours, grouping, cooldown. Pure, but for the book it changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from fuseline.alerts.book import Book, Told
from fuseline.alerts.model import Incident, Notice, digest
from fuseline.alerts.quiet import quiet_until
from fuseline.schemas.alerts import AlertRule

OPENED, RESOLVED, TEST = "opened", "resolved", "test"

NO_CHANNELS = "no_channels"
COOLDOWN = "cooldown"
QUIET_HOURS = "quiet_hours"


def plan(book: Book, changed: Sequence[Incident], now_ms: int) -> set[str]:
    """Makes the notices that tell of incidents which began or ended; marks those nobody is told of.

    An incident that is twice in `changed` began and ended since the last time: both are told.

    Returns:
        Ids of the notices that were made, changed or dropped; what the outbox lacks was dropped.
    """
    touched: set[str] = set()
    left = Counter(incident.id for incident in changed)
    for incident in changed:
        stored = book.rules.get(incident.rule)
        left[incident.id] -= 1
        if stored is None:
            continue
        # One object stands for both, so the last mention of an incident that is over is its end.
        if incident.resolved_ms and not left[incident.id]:
            touched |= _tell_of_end(book, stored.rule, incident, now_ms)
        else:
            touched |= _tell_of_begin(book, stored.rule, incident, now_ms)
    return touched


def drop_orphans(book: Book) -> set[str]:
    """Drops what waits for a channel that is gone."""
    gone = {
        notice.id
        for notice in book.outbox.values()
        if notice.channel not in book.channels and not notice.sending
    }
    for notice in gone:
        del book.outbox[notice]
    return gone


def _tell_of_begin(book: Book, rule: AlertRule, incident: Incident, now_ms: int) -> set[str]:
    channels = [name for name in rule.channels if name in book.channels]
    told = book.told.get(incident.about, Told(incident.id))
    if not channels:
        incident.silenced = NO_CHANNELS
    elif told.at_ms and now_ms - told.at_ms < rule.cooldown_seconds * 1000:
        incident.silenced = COOLDOWN
    if incident.silenced:
        return set()
    book.told[incident.about] = Told(incident.id, now_ms)
    return {_put(book, rule, channel, OPENED, incident, now_ms) for channel in channels}


def _tell_of_end(book: Book, rule: AlertRule, incident: Incident, now_ms: int) -> set[str]:
    if incident.silenced:
        return set()
    touched: set[str] = set()
    waiting = [
        notice
        for notice in book.outbox.values()
        if notice.event == OPENED
        and incident.id in notice.incidents
        and notice.quiet
        and not notice.attempts
        and notice.due_ms > now_ms
    ]
    if waiting:
        incident.silenced = QUIET_HOURS
        for notice in waiting:
            rest = [name for name in notice.incidents if name != incident.id]
            del book.outbox[notice.id]
            if rest:
                book.outbox[notice.id] = msgspec.structs.replace(notice, incidents=rest)
            touched.add(notice.id)
        return touched
    if rule.notify_resolved:
        channels = [name for name in rule.channels if name in book.channels]
        touched |= {_put(book, rule, channel, RESOLVED, incident, now_ms) for channel in channels}
    return touched


def _put(
    book: Book, rule: AlertRule, channel: str, event: str, incident: Incident, now_ms: int
) -> str:
    """Puts an incident into a notice that waits for more of them, or into one of its own."""
    quiet_ms = quiet_until(rule.quiet_hours, now_ms)
    due_ms = quiet_ms or now_ms + round(rule.group_seconds * 1000)
    if rule.group_seconds or quiet_ms:
        for notice in book.outbox.values():
            if (
                (notice.rule, notice.channel, notice.event) == (rule.name, channel, event)
                and not notice.attempts
                and notice.due_ms > now_ms
            ):
                book.outbox[notice.id] = msgspec.structs.replace(
                    notice, incidents=[*dict.fromkeys([*notice.incidents, incident.id])]
                )
                return notice.id
    after = ""
    if event == RESOLVED:
        after = next(
            (
                notice.id
                for notice in book.outbox.values()
                if notice.channel == channel
                and notice.event == OPENED
                and incident.id in notice.incidents
            ),
            "",
        )
    notice = Notice(
        id=digest(event, rule.name, channel, incident.id),
        rule=rule.name,
        channel=channel,
        event=event,
        incidents=[incident.id],
        due_ms=due_ms,
        quiet=bool(quiet_ms),
        after=after,
    )
    book.outbox[notice.id] = notice
    return notice.id
