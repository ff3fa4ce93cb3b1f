"""Ids of stream entries as numbers that compare."""

from __future__ import annotations


def parse_id(text: bytes | str) -> tuple[int, int]:
    """A stream id as (ms, seq)."""
    ms, _, seq = (text.decode() if isinstance(text, bytes) else text).partition("-")
    return int(ms), int(seq or 0)
