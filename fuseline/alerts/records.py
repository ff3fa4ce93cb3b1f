"""Rules and channels as Redis holds them, behind their revisions."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from fuseline.events.backend import Backend
from fuseline.events.wire import Wire
from fuseline.schemas.alerts import AlertChannel, AlertRule, StoredChannel, StoredRule

T = TypeVar("T", AlertRule, AlertChannel)


class Record(Struct, Generic[T], array_like=True, frozen=True):
    """What a hash holds behind the revision."""

    document: T
    created_ms: int
    updated_ms: int
    updated_by: str


_rules = msgspec.json.Decoder(Record[AlertRule])
_channels = msgspec.json.Decoder(Record[AlertChannel])


async def load_rules(backend: Backend, wire: Wire | None = None) -> dict[str, StoredRule]:
    """All rules, by name; one of a newer release that cannot be read is left out."""
    found = {}
    for name, raw in await _pairs(backend, backend.keys.alerts.rules, wire):
        if (rule := stored_rule(raw)) is not None:
            found[name] = rule
    return dict(sorted(found.items()))


async def load_channels(backend: Backend, wire: Wire | None = None) -> dict[str, StoredChannel]:
    """All channels, by name."""
    found = {}
    for name, raw in await _pairs(backend, backend.keys.alerts.channels, wire):
        if (channel := stored_channel(raw)) is not None:
            found[name] = channel
    return dict(sorted(found.items()))


def stored_rule(raw: bytes) -> StoredRule | None:
    """A rule from its hash; None if a newer release has written it."""
    revision, _, rest = raw.partition(b" ")
    try:
        return as_rule(int(revision), _rules.decode(rest))
    except (msgspec.MsgspecError, ValueError):
        return None


def as_rule(revision: int, record: Record[AlertRule]) -> StoredRule:
    """A rule as it is shown."""
    return StoredRule(
        rule=record.document,
        revision=revision,
        created_ms=record.created_ms,
        updated_ms=record.updated_ms,
        updated_by=record.updated_by,
    )


def stored_channel(raw: bytes) -> StoredChannel | None:
    """A channel from its hash; None if a newer release has written it."""
    revision, _, rest = raw.partition(b" ")
    try:
        return as_channel(int(revision), _channels.decode(rest))
    except (msgspec.MsgspecError, ValueError):
        return None


def as_channel(revision: int, record: Record[AlertChannel]) -> StoredChannel:
    """A channel as it is shown."""
    return StoredChannel(
        channel=record.document,
        revision=revision,
        created_ms=record.created_ms,
        updated_ms=record.updated_ms,
        updated_by=record.updated_by,
    )


async def _pairs(backend: Backend, key: str, wire: Wire | None) -> list[tuple[str, bytes]]:
    flat = await (wire or backend.wire).call("HGETALL", key)
    found = zip(flat[::2], flat[1::2], strict=True)
    return [(name.decode(), raw) for name, raw in found if name]
