"""Shadows to bytes and back, as they stand beside projections and origins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError, FuselineError
from fuseline.core.events import Entry, ShadowSet
from fuseline.core.what_if.comparing import Candidate
from fuseline.core.what_if.proposed import Proposed
from fuseline.core.what_if.recorded import Recorded
from fuseline.core.what_if.shadow import Shadow, Since, fold_shadow
from fuseline.projections.codec import decode_circuit, encode_circuit

SHADOW_VERSION = 1

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[list[Any]] = msgspec.msgpack.Decoder(list[Any])


def encode_shadow(shadow: Shadow | None) -> bytes:
    """A shadow as it is stored; nothing for none."""
    if shadow is None:
        return b""
    return _encode(
        [
            SHADOW_VERSION,
            *(dict(shadow.patch), shadow.since),
            *(encode_circuit(shadow.recorded.circuit), shadow.recorded.plain()),
            [[encode_circuit(one.circuit), one.plain()] for one in shadow.candidate.all],
        ]
    )


def decode_shadow(raw: bytes | None) -> Shadow | None:
    """Reads a shadow; None where there is none.

    Raises:
        BackendError: the bytes are no shadow, or one that this release cannot read.
    """
    if not raw:
        return None
    try:
        values = _decoder.decode(raw)
        if values[0] != SHADOW_VERSION:
            raise BackendError(
                f"a shadow of version {values[0]} was found, this release reads {SHADOW_VERSION}; "
                "upgrade it, or set the shadow anew"
            )
        _, patch, since, circuit, recorded, candidates = values
        found = [Proposed.of_plain(decode_circuit(one), patch, rest) for one, rest in candidates]
        return Shadow(
            patch,
            msgspec.convert(since, Since),
            Recorded.of_plain(decode_circuit(circuit), recorded),
            Candidate.of(found),
        )
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError, FuselineError) as error:
        raise BackendError(f"a shadow cannot be read ({error}); set it anew") from error


def copied(shadow: Shadow) -> Shadow:
    """An independent copy."""
    twin = decode_shadow(encode_shadow(shadow))
    assert twin is not None
    return twin


def fold_beside(shadow: Shadow | None, circuit: Circuit, entries: Sequence[Entry]) -> Shadow | None:
    """The shadow after some entries that are folded again: nobody is told what it does.

    Args:
        shadow: before them; it is changed.
        circuit: before them; it is not changed.
        entries: of the log.
    """
    if shadow is None and not any(type(event) is ShadowSet for _, _, event in entries):
        return None
    return fold_shadow(shadow, None if shadow else circuit.copy(), entries)[0]
