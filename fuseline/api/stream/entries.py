"""Entries of the feeds as the stream handles them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.events.codec import parse_id
from fuseline.projections.codec import decode_circuit
from fuseline.telemetry.logs import get_logger

_log = get_logger("stream")


class Entry(NamedTuple):
    """One entry of a shard's feed.

    Attributes:
        shard: whose feed.
        number: counts the entries of that feed, without gaps.
        mark: a checksum of the content.
        agent: name of the agent; "" if the entry cannot be read.
        circuit: as it is from here on; None if the entry cannot be read.
        anew: whether it was folded anew, so that it may stand before what was known.
    """

    shard: int
    number: int
    mark: int
    agent: str
    circuit: Circuit | None
    anew: bool


def read_entry(shard: int, raw: Any) -> Entry:
    """Reads an entry as XREAD and XRANGE return it."""
    number, mark = number_and_mark(raw)
    fields = raw[1]
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    try:
        agent, circuit = values[b"a"].decode(), decode_circuit(values[b"b"])
    except (BackendError, LookupError, UnicodeDecodeError) as error:
        _log.error("feed_entry_unreadable", shard=shard, error=str(error))
        return Entry(shard, number, mark, "", None, anew=False)
    return Entry(shard, number, mark, agent, circuit, values.get(b"r") == b"1")


def number_and_mark(raw: Any) -> tuple[int, int]:
    """Number and checksum of an entry."""
    return parse_id(raw[0])[0], zlib.crc32(b"\0".join(raw[1]))


def split(entries: Iterable[Entry], most: int) -> Iterator[list[Entry]]:
    """Cuts entries into runs in which no agent stands twice, of at most `most`.

    So each event of the stream holds one word on an agent, and the order within it does not matter.
    """
    run: list[Entry] = []
    agents: set[str] = set()
    for entry in entries:
        if entry.agent in agents or len(run) == most:
            yield run
            run, agents = [], set()
        run.append(entry)
        agents.add(entry.agent)
    if run:
        yield run
