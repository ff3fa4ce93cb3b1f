"""Circuits and history entries to bytes and back.

A circuit is an array of positions, version first; fields are only ever added at the end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.core.baseline import Baseline
from fuseline.core.circuit import Change, Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError
from fuseline.core.events import Mode

CIRCUIT_VERSION = 1

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[Any])
_change_decoder: msgspec.msgpack.Decoder[Change] = msgspec.msgpack.Decoder(Change)

_FIELDS = 23
_ABSENT: list[Any] = [False, None]
"""The last fields of a circuit that an older release stored without them."""

encode_change = _encode


def encode_circuit(circuit: Circuit) -> bytes:
    """The circuit as the projection stores it."""
    buckets: list[int] = []
    before = 0
    for index, calls, failures, slow in circuit.buckets:
        buckets += (index - before, calls, failures, slow)
        before = index
    return _encode(
        [
            CIRCUIT_VERSION,
            circuit.config.to_wire(),
            circuit.revision,
            circuit.last_ms,
            circuit.last_seq,
            circuit.state,
            circuit.epoch,
            circuit.since_ms,
            circuit.cause,
            circuit.open_until_ms,
            circuit.opens_in_a_row,
            circuit.consecutive_failures,
            buckets,
            circuit.troubled_workers,
            circuit.retry_until_ms,
            circuit.probes,
            circuit.probe_successes,
            circuit.probes_inconclusive,
            circuit.mode,
            circuit.mode_until_ms,
            circuit.set_aside,
            circuit.removed,
            circuit.baseline,
        ]
    )


def decode_circuit(raw: bytes) -> Circuit:
    """Reads a circuit.

    Raises:
        BackendError: the bytes are no circuit, or one of a version this release cannot read.
    """
    try:
        values = _decoder.decode(raw)
        if values[0] != CIRCUIT_VERSION:
            raise BackendError(
                f"a projection of version {values[0]} was found, this release reads "
                f"{CIRCUIT_VERSION}; upgrade it, or run `fuseline rebuild`"
            )
        return _circuit(values)
    except (msgspec.DecodeError, ValueError, TypeError, LookupError) as error:
        raise BackendError(
            f"a projection cannot be read ({error}); run `fuseline rebuild`"
        ) from error


def _circuit(values: list[Any]) -> Circuit:
    (_, config, revision, last_ms, last_seq, state, epoch, since_ms, cause, open_until_ms,
     opens_in_a_row, consecutive_failures, flat, troubled_workers, retry_until_ms, probes,
     probe_successes, probes_inconclusive, mode, mode_until_ms, set_aside, removed,
     baseline
    ) = [*values, *_ABSENT[len(values) - _FIELDS :]][:_FIELDS]  # fmt: skip
    buckets: list[list[int]] = []
    index = 0
    for at in range(0, len(flat), 4):
        index += flat[at]
        buckets.append([index, *flat[at + 1 : at + 4]])
    return Circuit(
        config=CircuitBreakerConfig.from_wire(config),
        revision=revision,
        last_ms=last_ms,
        last_seq=last_seq,
        state=CircuitState(state),
        epoch=epoch,
        since_ms=since_ms,
        cause=cause,
        open_until_ms=open_until_ms,
        opens_in_a_row=opens_in_a_row,
        consecutive_failures=consecutive_failures,
        calls=sum(bucket[1] for bucket in buckets),
        failures=sum(bucket[2] for bucket in buckets),
        slow=sum(bucket[3] for bucket in buckets),
        buckets=buckets,
        troubled_workers=troubled_workers,
        retry_until_ms=retry_until_ms,
        probes=probes,
        probe_successes=probe_successes,
        probes_inconclusive=probes_inconclusive,
        mode=Mode(mode),
        mode_until_ms=mode_until_ms,
        set_aside=set_aside,
        removed=removed,
        baseline=None if baseline is None else msgspec.convert(baseline, Baseline),
    )


def decode_change(raw: bytes) -> Change | None:
    """Reads a history entry; None for a kind a newer version has written."""
    try:
        return _change_decoder.decode(raw)
    except (msgspec.DecodeError, ValueError):
        return None
