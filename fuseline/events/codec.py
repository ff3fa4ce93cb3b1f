"""Events to bytes and back; and stream ids to numbers and back."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fuseline.core.events import AnyEvent, Event, UnknownEvent, UnreadableEvent
from fuseline.core.ids import parse_id as parse_id

EVENT_FIELD = b"e"
"""The one field of a log entry."""

DELAY_FIELD = b"d"
"""Second field of entries sent again: ms between encoding and sending, added to the age."""

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_numbers_decoder = msgspec.json.Decoder(list[int])
_KNOWN_TAGS = {kind.__struct_config__.tag for kind in Event.__args__}

_MAX_SEQ = (1 << 64) - 1

encode_event = _encoder.encode


def decode_event(raw: bytes) -> AnyEvent:
    """Reads one event; never raises: what cannot be read says so."""
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError as error:
        return _unknown(raw) or UnreadableEvent(raw, str(error))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        return UnreadableEvent(raw, str(error))


def decode_events(raw: Sequence[bytes]) -> list[AnyEvent]:
    """Reads many events; as `decode_event` reads each."""
    decode = _decoder.decode
    try:
        return [decode(one) for one in raw]
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [decode_event(one) for one in raw]


def decode_ids(raw: Sequence[bytes]) -> list[int]:
    """The ms and seq of many stream ids, one after the other."""
    return _numbers_decoder.decode(b"[" + b",".join(raw).replace(b"-", b",") + b"]")


def _unknown(raw: bytes) -> UnknownEvent | None:
    try:
        parts = msgspec.msgpack.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if isinstance(parts, list) and parts and type(parts[0]) is int and parts[0] not in _KNOWN_TAGS:
        return UnknownEvent(parts[0], raw)
    return None


def before_id(text: str) -> str:
    """The greatest id before the given one; "0-0" stays what it is."""
    ms, seq = parse_id(text)
    if seq:
        return f"{ms}-{seq - 1}"
    return f"{ms - 1}-{_MAX_SEQ}" if ms else text
