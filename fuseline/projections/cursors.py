"""Places in a timeline, as callers carry them from one page to the next."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

from fuseline.core.errors import ConfigError

_VERSION = "1"
_MAX = (1 << 64) - 1


class Place(NamedTuple):
    """A cut through a timeline: ids up to these are older, all others newer.

    One id for each of the two streams, so that nothing is shown twice or left out when several
    changes share one moment, or when some are written late.
    """

    change: tuple[int, int]
    event: tuple[int, int]


def encode_place(place: Place) -> str:
    """The place as a cursor; safe in a URL."""
    numbers = (*place.change, *place.event)
    text = "-".join([_VERSION, *(f"{number:x}" for number in numbers)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_place(cursor: str) -> Place:
    """Reads a cursor.

    Raises:
        ConfigError: under the name cursor.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        version, *parts = (
            base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("-")
        )
        numbers = [int(part, 16) for part in parts]
        place = Place((numbers[0], numbers[1]), (numbers[2], numbers[3]))
        if encode_place(place) != cursor or version != _VERSION or max(numbers) > _MAX:
            raise ValueError(cursor)
    except (ValueError, LookupError, AttributeError, binascii.Error):
        raise ConfigError("cursor", cursor, "a cursor that a page of this timeline gave") from None
    return place


OLDEST = encode_place(Place((0, 0), (0, 0)))
"""As `after`: the first page of all."""
