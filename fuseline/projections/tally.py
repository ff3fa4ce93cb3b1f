"""Running counts of an agent's log, kept beside its circuit; they make zoomed-out timelines cheap.

Entries are counted by the time of their id in units of 10 s, 1 min, 10 min and 1 h. A unit is
closed by the first entry of a later one, and what it held is then a rollup: of an hour always, of
shorter units only from `LEAST` entries on. So where little happens the log itself is read, and
where much happens it need not be. All of it is a pure function of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from fuseline.core.errors import BackendError
from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.events.log import Entry

TALLY_VERSION = 1

UNITS: tuple[tuple[str, int], ...] = (
    ("s", 10_000),
    ("m", 60_000),
    ("t", 600_000),
    ("h", 3_600_000),
)
"""Letter and width in ms of each unit, shortest first; each holds the one before it."""

HOURS = len(UNITS) - 1
LEAST = 8
"""Entries below which a unit shorter than an hour gets no rollup."""

PROBES, OTHERS = len(Result), len(Result) + 1
"""Places in `Sum.counts` behind the results: probes started, and whatever else was logged."""

_KINDS = len(Result) + 2
_FINISHED = Result.TIMEOUT
_SHORTEST = UNITS[0][1]
_TABLED = 4096


def bin_of(duration_ms: int) -> int:
    """The bin of the latency histogram a duration falls into: eight to the octave."""
    shift = max(0, duration_ms.bit_length() - 4)
    return (shift << 3) + (duration_ms >> shift)


def bin_bounds(number: int) -> tuple[int, int]:
    """The shortest duration of a bin in ms, and the first one beyond it."""
    if number < 16:
        return number, number + 1
    shift = (number >> 3) - 1
    low = (number & 7) + 8
    return low << shift, (low + 1) << shift


_BINS = [bin_of(duration) for duration in range(_TABLED)]


class Sum(Struct, array_like=True, gc=False):
    """What some entries come to.

    Attributes:
        counts: entries by `Result`, then probes, then others.
        longest_ms: the longest call among those that finished (success, failure, timeout).
        bins: finished calls by bin of their duration.
    """

    counts: list[int] = field(default_factory=lambda: [0] * _KINDS)
    longest_ms: int = 0
    bins: dict[int, int] = field(default_factory=dict)

    @property
    def entries(self) -> int:
        """How many entries it counts."""
        return sum(self.counts)

    def add(self, other: Sum) -> None:
        """Adds another sum to this one."""
        counts, bins = self.counts, self.bins
        for place, count in enumerate(other.counts):
            counts[place] += count
        if other.longest_ms > self.longest_ms:
            self.longest_ms = other.longest_ms
        for number, count in other.bins.items():
            bins[number] = bins.get(number, 0) + count

    def take(self, entries: Sequence[Entry]) -> None:
        """Counts entries."""
        # Every event passes here, so: no call for a common one, and identity before comparison.
        counts, bins, longest, successes = self.counts, self.bins, self.longest_ms, 0
        table, tabled, outcome, success = _BINS, _TABLED, Outcome, Result.SUCCESS
        for _, _, event in entries:
            if type(event) is outcome:
                result = event.result
                if result is success:
                    successes += 1
                else:
                    counts[result] += 1
                    if result > _FINISHED:
                        continue
                duration = event.duration_ms
                number = table[duration] if duration < tabled else bin_of(duration)
                try:
                    bins[number] += 1
                except KeyError:
                    bins[number] = 1
                if duration > longest:
                    longest = duration
            else:
                counts[PROBES if type(event) is ProbeStarted else OTHERS] += 1
        counts[success] += successes
        self.longest_ms = longest


_encode = msgspec.msgpack.Encoder().encode
_sum_decoder: msgspec.msgpack.Decoder[Sum] = msgspec.msgpack.Decoder(Sum)
_tally_decoder: msgspec.msgpack.Decoder[tuple[int, int, int, int, list[Sum]]] = (
    msgspec.msgpack.Decoder(tuple[int, int, int, int, list[Sum]])
)


class Reach(NamedTuple):
    """Which units counting on from a tally counts whole.

    Attributes:
        begin_ms: units that begin by then lack entries that were never counted.
        from_ms: units that end by then are closed, and not counted again.
    """

    begin_ms: int
    from_ms: int

    def holds(self, unit: tuple[int, int]) -> bool:
        """Whether a unit, given by level and index, is among them."""
        level, index = unit
        width = UNITS[level][1]
        return index * width > self.begin_ms and index >= self.from_ms // width


Rollups = dict[str, bytes]
"""Closed units by their field in the hash of counts, e.g. ``h:485000``, as it stores them."""


class Tally(Struct):
    """The counts of the units that are open at `last_ms`-`last_seq`.

    Attributes:
        begin_ms: only units that begin after it are whole; -1: the log was counted from its start.
        last_ms: with `last_seq` the id of the last entry counted.
        sums: one for each of `UNITS`; what its shorter units count is not in it yet.
    """

    begin_ms: int = -1
    last_ms: int = 0
    last_seq: int = 0
    sums: list[Sum] = field(default_factory=lambda: [Sum() for _ in UNITS])

    @classmethod
    def beginning_at(cls, position: tuple[int, int]) -> Tally:
        """For a projection that was not counted so far: everything before is read from the log."""
        return cls(position[0], *position)

    @property
    def position(self) -> tuple[int, int]:
        """The last entry counted, as numbers that compare."""
        return self.last_ms, self.last_seq

    @property
    def reach(self) -> Reach:
        """Which units are counted whole if counting goes on from here."""
        return Reach(self.begin_ms, self.last_ms)

    def copy(self) -> Tally:
        """An independent copy."""
        sums = [Sum() for _ in self.sums]
        for twin, own in zip(sums, self.sums, strict=True):
            twin.add(own)
        return Tally(self.begin_ms, self.last_ms, self.last_seq, sums)

    def take(self, entries: Sequence[Entry]) -> list[tuple[str, bytes]]:
        """Counts the next entries and returns the rollups of the units that they close.

        Entries counted before are passed over.
        """
        if entries and entries[0][:2] <= self.position:
            entries = [entry for entry in entries if entry[:2] > self.position]
        if not entries:
            return []
        rollups: list[tuple[str, bytes]] = []
        start, end_ms = 0, self._end_ms()
        if entries[-1][0] >= end_ms:
            for at, (ms, _, _) in enumerate(entries):
                if ms >= end_ms:
                    self.sums[0].take(entries[start:at])
                    if end_ms:
                        self._close(end_ms - _SHORTEST, ms, rollups)
                    start, end_ms = at, ms - ms % _SHORTEST + _SHORTEST
        self.sums[0].take(entries[start:] if start else entries)
        self.last_ms, self.last_seq = entries[-1][:2]
        return rollups

    def open_units(self) -> list[tuple[int, Sum]]:
        """Index and sum so far of the open unit of each length; complete in themselves."""
        units: list[tuple[int, Sum]] = []
        total = Sum()
        for (_, width), own in zip(UNITS, self.sums, strict=True):
            total.add(own)
            twin = Sum()
            twin.add(total)
            units.append((self.last_ms // width, twin))
        return units

    def _end_ms(self) -> int:
        """When the open unit of 10 s ends; 0 before the first entry."""
        return self.last_ms - self.last_ms % _SHORTEST + _SHORTEST if self.last_ms else 0

    def _close(self, was_ms: int, now_ms: int, rollups: list[tuple[str, bytes]]) -> None:
        sums = self.sums
        for level, (letter, width) in enumerate(UNITS):
            index = was_ms // width
            if now_ms // width == index:
                return
            closed = sums[level]
            if any(closed.counts):
                if index * width > self.begin_ms and (level == HOURS or closed.entries >= LEAST):
                    rollups.append((f"{letter}:{index}", _encode(closed)))
                if level < HOURS:
                    above = sums[level + 1]
                    if any(above.counts):
                        above.add(closed)
                    else:
                        sums[level + 1] = closed
                sums[level] = Sum()


def encode_tally(tally: Tally) -> bytes:
    """The tally as the projection stores it."""
    return _encode((TALLY_VERSION, tally.begin_ms, tally.last_ms, tally.last_seq, tally.sums))


def decode_tally(raw: bytes | None) -> Tally | None:
    """Reads a tally; None for one this release cannot read, so that counting begins anew."""
    if raw is None:
        return None
    try:
        version, begin_ms, last_ms, last_seq, sums = _tally_decoder.decode(raw)
    except (msgspec.DecodeError, ValueError):
        return None
    if version != TALLY_VERSION or len(sums) != len(UNITS):
        return None
    return Tally(begin_ms, last_ms, last_seq, sums)


def decode_sum(unit: str, raw: bytes) -> Sum:
    """Reads a rollup.

    Raises:
        BackendError: the bytes are none; `unit` names it.
    """
    try:
        found = _sum_decoder.decode(raw)
        if len(found.counts) != _KINDS:
            raise ValueError(f"{len(found.counts)} counts")
    except (msgspec.DecodeError, ValueError) as error:
        raise BackendError(
            f"the counts of unit {unit} cannot be read ({error}); run `fuseline rebuild`"
        ) from error
    return found


def parse_unit(raw: bytes) -> tuple[int, int] | None:
    """Level and index of a field of the hash of counts; None for what is none."""
    letter, _, index = raw.decode(errors="replace").partition(":")
    for level, (known, _) in enumerate(UNITS):
        if letter == known and index.isdigit():
            return level, int(index)
    return None
