"""Circuits and timelines as JSON documents, the same from the command line and over HTTP.

Times are ISO 8601 in UTC beside their ms, lengths of time are in the unit their name ends with.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.core.circuit import (
    Circuit,
    CircuitState,
    ConfigApplied,
    Figures,
    ModeChanged,
    ShadowTransition,
    Transition,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, Outcome, ProbeStarted
from fuseline.projections.explain import config_of, explain
from fuseline.projections.overview import AgentStatus
from fuseline.projections.timeline import Item
from fuseline.schemas.moments import iso as iso

Document = dict[str, Any]


def mode_name(mode: Mode) -> str:
    """A mode as documents spell it."""
    return mode.name.lower()


def config_document(config: CircuitBreakerConfig) -> Document:
    """The settings by name."""
    return {name: getattr(config, name) for name in config.__struct_fields__}


def circuit_document(name: str, circuit: Circuit, now_ms: int) -> Document:
    """A circuit with its figures; `circuit` shows those of `now_ms` (see `Circuit.at`)."""
    is_open = circuit.state is CircuitState.OPEN
    return {
        "agent": name,
        "state": circuit.state.value,
        "mode": mode_name(circuit.mode),
        "mode_until": iso(circuit.mode_until_ms),
        "cause": circuit.cause or None,
        "epoch": circuit.epoch,
        "since": iso(circuit.since_ms),
        "since_ms": circuit.since_ms,
        "open_until": iso(circuit.open_until_ms) if is_open else None,
        "open_left_seconds": max(0, circuit.open_until_ms - now_ms) / 1000 if is_open else None,
        "opens_in_a_row": circuit.opens_in_a_row,
        "consecutive_failures": circuit.consecutive_failures,
        "calls": circuit.calls,
        "failures": circuit.failures,
        "failure_rate": round(circuit.failure_rate, 6),
        "slow_calls": circuit.slow,
        "slow_call_rate": round(circuit.slow_call_rate, 6),
        "probes_out": len(circuit.probes),
        "probe_successes": circuit.probe_successes,
        "set_aside": circuit.set_aside,
        "revision": circuit.revision,
        "checkpoint": circuit.checkpoint,
        "bucket_ms": circuit.bucket_ms,
        "buckets": [
            {"at_ms": index * circuit.bucket_ms, "calls": calls, "failures": failures, "slow": slow}
            for index, calls, failures, slow in circuit.buckets
        ],
        "config": config_document(circuit.config),
    }


def status_document(status: AgentStatus, now_ms: int) -> Document:
    """One agent of an overview."""
    if status.circuit is None:
        return {"agent": status.agent, "problem": status.problem}
    document = circuit_document(status.agent, status.circuit, now_ms)
    return document | {"projected": status.projected}


def item_document(
    item: Item, config: CircuitBreakerConfig | None = None, worker: str | None = None
) -> Document:
    """One item of a timeline.

    Args:
        item: the item.
        config: the settings in force then, for the thresholds.
        worker: name of the worker it came from, if that is known.
    """
    content = item.content
    document: Document = {
        "at": iso(item.at_ms),
        "at_ms": item.at_ms,
        "kind": item.kind.value,
        "id": item.id,
    }
    if isinstance(content, Outcome):
        return document | _outcome(content, item.at_ms, worker)
    if isinstance(content, ProbeStarted):
        return document | {
            "epoch": content.epoch,
            "lease_seconds": content.lease_ms / 1000,
            **_origin(content.worker, content.trace, worker),
        }
    document["why"] = explain(content, config)
    if isinstance(content, Transition):
        return document | _transition(content, config, worker)
    if isinstance(content, ShadowTransition):
        return document | _would_be(content)
    fields: Document = msgspec.to_builtins(msgspec.structs.asdict(content))
    fields.pop("at_ms")
    if isinstance(content, ModeChanged):
        fields |= {"mode": mode_name(content.mode), "until": iso(content.until_ms)}
        del fields["until_ms"]
    elif isinstance(content, ConfigApplied):
        applied = config_of(content)
        fields["config"] = config_document(applied) if applied else None
    return document | fields


def _transition(
    change: Transition, config: CircuitBreakerConfig | None, worker: str | None
) -> Document:
    return {
        "from": change.from_state.value,
        "to": change.to_state.value,
        "cause": change.cause.value,
        "epoch": change.epoch,
        "revision": change.revision,
        "event_id": change.event_id or None,
        "figures": _figures(change.figures),
        "thresholds": None
        if config is None
        else {
            "failure_threshold": _in_force(
                change.figures.failure_threshold, config.failure_threshold
            ),
            "failure_rate_threshold": _in_force(
                change.figures.rate_threshold, config.failure_rate_threshold
            ),
            "minimum_calls": config.minimum_calls,
            "slow_call_rate_threshold": config.slow_call_rate_threshold,
            "half_open_max_calls": config.half_open_max_calls,
            "minimum_workers": config.minimum_workers,
        },
        "failure_kind": change.failure_kind or None,
        "open_until": iso(change.open_until_ms),
        "actor": change.actor or None,
        "reason": change.reason or None,
        **_origin(change.worker, change.trace, worker),
    }


def _would_be(change: ShadowTransition) -> Document:
    return {
        "from": change.from_state.value,
        "to": change.to_state.value,
        "cause": change.cause.value,
        "event_id": change.event_id or None,
        "figures": _figures(change.figures),
        "open_until": iso(change.open_until_ms),
        "known": change.known,
    }


def _figures(figures: Figures) -> Document:
    return {
        name: round(value, 6)
        for name, value in msgspec.structs.asdict(figures).items()
        if value is not None
    }


def _in_force(adaptive: float | None, fixed: float | None) -> float | None:
    """A threshold that was in force: what was usual made one, or the settings did."""
    return fixed if adaptive is None else round(adaptive, 6)


def _outcome(outcome: Outcome, at_ms: int, worker: str | None) -> Document:
    return {
        "ended_at": iso(at_ms - outcome.age_ms),
        "duration_ms": outcome.duration_ms,
        "epoch": outcome.epoch,
        "failure_kind": outcome.failure_kind or None,
        "permit": outcome.permit,
        "retry_after_seconds": outcome.retry_after_ms / 1000 or None,
        "sequence": outcome.seq,
        **_origin(outcome.worker, outcome.trace, worker),
    }


def _origin(worker: int, trace: bytes, name: str | None) -> Document:
    return {
        "worker": name or (str(worker) if worker else None),
        "trace_id": trace[:16].hex() or None,
        "span_id": trace[16:24].hex() or None,
    }
