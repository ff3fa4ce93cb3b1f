"""Entries of logs and histories as tables: columns for people who ask, and the bytes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fuseline.core.circuit import (
    ConfigApplied,
    EventSetAside,
    ModeChanged,
    Rebuilt,
    ShadowChanged,
    ShadowTransition,
    Transition,
)
from fuseline.core.events import Outcome, ProbeStarted, UnknownEvent, UnreadableEvent
from fuseline.events.codec import parse_id
from fuseline.events.log import parse_entries
from fuseline.events.older import RawEntry
from fuseline.projections.codec import decode_change

if TYPE_CHECKING:
    import pyarrow as pa

_INTS = ("ms", "seq", "epoch", "duration_ms", "age_ms", "worker", "number", "retry_after_ms",
         "revision", "calls", "failures", "slow", "delay_ms")  # fmt: skip
_COLUMNS = {
    "events": (
        *("id", "ms", "seq", "at", "kind", "result", "epoch", "duration_ms", "age_ms", "worker"),
        *("number", "failure_kind", "permit", "retry_after_ms", "trace", "raw", "delay_ms"),
    ),
    "history": (
        *("id", "ms", "seq", "at", "effective_at", "kind", "from_state", "to_state", "cause"),
        *("epoch", "revision", "event_id", "failure_kind", "worker", "trace", "calls"),
        *("failures", "slow", "mode", "actor", "reason", "raw"),
    ),
}


def schema(kind: str) -> pa.Schema:
    """The columns of a kind of entries."""
    import pyarrow as pa

    def typed(name: str) -> pa.DataType:
        if name in _INTS:
            return pa.int64()
        if name in ("at", "effective_at"):
            return pa.timestamp("ms", tz="UTC")
        if name == "raw":
            return pa.binary()
        dictionary = name in ("kind", "result", "failure_kind", "from_state", "to_state", "cause")
        return pa.dictionary(pa.int32(), pa.string()) if dictionary else pa.string()

    return pa.schema([(name, typed(name)) for name in _COLUMNS[kind]])


def to_parquet(kind: str, entries: Sequence[RawEntry]) -> bytes:
    """Entries as a Parquet file; the same entries give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = (_events if kind == "events" else _changes)(entries)
    wanted = schema(kind)
    table = pa.Table.from_pylist(rows, schema=wanted)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def from_parquet(data: bytes) -> list[RawEntry]:
    """The entries of a file, as the server gave them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["id", "raw", "delay_ms"]
    file = pq.ParquetFile(pa.BufferReader(data))
    is_log = "delay_ms" in file.schema_arrow.names
    table = file.read(columns=columns if is_log else columns[:2])
    found: list[RawEntry] = []
    for row in table.to_pylist():
        fields = [b"e" if is_log else b"h", row["raw"]]
        if row.get("delay_ms") is not None:
            fields += [b"d", str(row["delay_ms"]).encode()]
        found.append((row["id"].encode(), fields))
    return found


def _events(entries: Sequence[RawEntry]) -> list[dict[str, Any]]:
    rows = []
    for (raw_id, fields), (ms, seq, event) in zip(
        entries, parse_entries(list(entries)), strict=True
    ):
        named = dict(zip(fields[::2], fields[1::2], strict=True))
        delay = named.get(b"d")
        row: dict[str, Any] = {
            "id": raw_id.decode(),
            "ms": ms,
            "seq": seq,
            "at": ms,
            "kind": _snake(type(event).__name__),
            "raw": named.get(b"e"),
            "delay_ms": int(delay) if delay is not None and delay.isdigit() else None,
        }
        if isinstance(event, Outcome):
            row |= {
                "kind": "outcome",
                "result": event.result.name.lower(),
                "epoch": event.epoch,
                "duration_ms": event.duration_ms,
                "age_ms": event.age_ms,
                "worker": event.worker,
                "number": event.seq,
                "failure_kind": event.failure_kind or None,
                "permit": event.permit,
                "retry_after_ms": event.retry_after_ms,
                "trace": event.trace.hex() or None,
            }
        elif isinstance(event, ProbeStarted):
            row |= {"epoch": event.epoch, "worker": event.worker, "trace": event.trace.hex()}
        elif isinstance(event, UnknownEvent | UnreadableEvent):
            row["kind"] = "unreadable"
        rows.append(row)
    return rows


def _changes(entries: Sequence[RawEntry]) -> list[dict[str, Any]]:
    rows = []
    for raw_id, fields in entries:
        raw = dict(zip(fields[::2], fields[1::2], strict=True)).get(b"h", b"")
        change = decode_change(raw)
        ms, seq = parse_id(raw_id)
        row: dict[str, Any] = {
            "id": raw_id.decode(), "ms": ms, "seq": seq, "at": ms, "kind": "unknown", "raw": raw
        }  # fmt: skip
        if change is not None:
            row |= {"effective_at": change.at_ms, "event_id": change.event_id}
        if isinstance(change, Transition):
            row |= {
                "kind": "transition",
                "from_state": change.from_state.value,
                "to_state": change.to_state.value,
                "cause": change.cause.value,
                "epoch": change.epoch,
                "revision": change.revision,
                "failure_kind": change.failure_kind or None,
                "worker": change.worker,
                "trace": change.trace.hex() or None,
                "calls": change.figures.calls,
                "failures": change.figures.failures,
                "slow": change.figures.slow,
                "actor": change.actor,
                "reason": change.reason,
            }
        elif isinstance(change, ModeChanged):
            row |= {"kind": "override", "mode": change.mode.name.lower(), "actor": change.actor,
                    "reason": change.reason}  # fmt: skip
        elif isinstance(change, ConfigApplied):
            row |= {"kind": "config", "revision": change.revision, "actor": change.actor,
                    "reason": change.reason}  # fmt: skip
        elif isinstance(change, EventSetAside):
            row |= {"kind": "set_aside", "reason": change.error}
        elif isinstance(change, ShadowTransition):
            row |= {
                "kind": "shadow",
                "from_state": change.from_state.value,
                "to_state": change.to_state.value,
                "cause": change.cause.value,
                "calls": change.figures.calls,
                "failures": change.figures.failures,
                "slow": change.figures.slow,
            }
        elif isinstance(change, ShadowChanged):
            row |= {"kind": "shadow_set", "actor": change.actor, "reason": change.reason}
        elif isinstance(change, Rebuilt):
            row |= {"kind": "rebuilt", "reason": change.reason}
        rows.append(row)
    return rows


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
