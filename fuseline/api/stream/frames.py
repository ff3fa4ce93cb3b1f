"""Server-sent events as bytes. Circuits are encoded once and reused for every filter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from fuseline.api.summaries import summary_of
from fuseline.projections.overview import AgentStatus
from fuseline.schemas.stream import CircuitFigures, StreamClosing, StreamHealth, StreamOverrun

_encode = msgspec.json.Encoder().encode
_FIGURES = CircuitFigures.__struct_fields__


class Frame(NamedTuple):
    """An event as it is sent.

    Attributes:
        data: the bytes.
        id: from where to resume once it is delivered; "" if that does not change.
    """

    data: bytes
    id: str = ""


RETRY = Frame(b"retry: 1000\n\n")
"""Browsers wait this many ms before they connect again."""


def frame(event: str, document: Any, event_id: str = "") -> Frame:
    """An event; JSON has no line breaks, so one data line holds it."""
    head = f"id: {event_id}\nevent: {event}\ndata: " if event_id else f"event: {event}\ndata: "
    return Frame(b"%b%b\n\n" % (head.encode(), _encode(document)), event_id)


def heartbeat(event_id: str) -> Frame:
    """A comment; the id keeps resuming short where a filter lets nothing else through."""
    return Frame(f": hb\nid: {event_id}\n\n".encode() if event_id else b": hb\n\n", event_id)


def snapshot_part(
    reason: str,
    part: tuple[int, int],
    now_ms: int,
    circuits: msgspec.Raw,
    unprojected: Sequence[int],
    event_id: str,
) -> Frame:
    """A part of a snapshot; only the last one carries the id, or resuming would skip the rest."""
    number, parts = part
    document = {
        "reason": reason,
        "part": number,
        "parts": parts,
        "now_ms": now_ms,
        "circuits": circuits,
        "unprojected_shards": unprojected,
    }
    return frame("snapshot", document, event_id if number == parts else "")


def changes(
    now_ms: int,
    circuits: Sequence[msgspec.Raw],
    removed: Sequence[str],
    left: Sequence[str],
    event_id: str,
) -> Frame:
    """Changes of circuits."""
    document = {"now_ms": now_ms, "circuits": circuits, "removed": removed, "left": left}
    return frame("changes", document, event_id)


def figures(now_ms: int, circuits: Sequence[msgspec.Raw], event_id: str) -> Frame:
    """Figures of circuits."""
    return frame("figures", {"now_ms": now_ms, "circuits": circuits}, event_id)


def health(*, server: bool, unprojected: frozenset[int]) -> Frame:
    """Whether the server answers and who is projected."""
    return frame("health", StreamHealth(server=server, unprojected_shards=sorted(unprojected)))


def overrun(reason: str, resume: str) -> Frame:
    """The client is too slow."""
    return frame("overrun", StreamOverrun(reason=reason, resume=resume or None))


def closing(reason: str) -> Frame:
    """The stream ends."""
    return frame("closing", StreamClosing(reason=reason))


def summary(status: AgentStatus, now_ms: int) -> msgspec.Raw:
    """A circuit with the figures of now."""
    return msgspec.Raw(_encode(summary_of(current(status, now_ms), now_ms)))


def summaries(statuses: Sequence[AgentStatus], now_ms: int) -> msgspec.Raw:
    """A list of circuits with the figures of now."""
    return msgspec.Raw(_encode([summary_of(current(one, now_ms), now_ms) for one in statuses]))


def figures_of(status: AgentStatus, now_ms: int) -> msgspec.Raw:
    """The figures of now alone."""
    whole = summary_of(current(status, now_ms), now_ms)
    values = {name: getattr(whole, name) for name in _FIGURES}
    return msgspec.Raw(_encode(CircuitFigures(**values)))


def current(status: AgentStatus, now_ms: int) -> AgentStatus:
    """With the figures of now; the same object if they still are. Does not change the circuit."""
    circuit = status.circuit
    if circuit is None or not circuit.buckets:
        return status
    if circuit.buckets[0][0] > now_ms // circuit.bucket_ms - circuit.bucket_count:
        return status
    return msgspec.structs.replace(status, circuit=circuit.at(now_ms))
