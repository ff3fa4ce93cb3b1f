"""Counts of a span of time in buckets: what a zoomed-out timeline shows.

Whole units come from rollups, the rest from the log, so the answer equals a recount of the log
however long the span is. What is read entry by entry is bounded; the answer says from when to when
it is complete.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry
from fuseline.projections import buckets as sizes
from fuseline.projections.buckets import FINEST_COUNTED, MAX_BUCKETS
from fuseline.projections.rollups import Unit
from fuseline.projections.spans import IdSpan, read_back, read_spans
from fuseline.projections.tally import HOURS, UNITS, Sum
from fuseline.projections.units import Span, Units, cover, hour_of, joined, span_of

MAX_READ = 20_000
"""Entries read one by one for one answer."""

_HOUR = UNITS[HOURS][1]
_NOTHING = Sum()


class Bucket(Struct, frozen=True):
    """What happened in one bucket, by the time the log has it.

    Attributes:
        from_ms: when it begins; it ends where the next one begins.
        total: its counts; the shared empty one where nothing happened.
    """

    from_ms: int
    total: Sum


class Counts(Struct, frozen=True, kw_only=True):
    """Counts of a span of time.

    Attributes:
        from_ms: when the first bucket begins.
        to_ms: when the last bucket ends.
        bucket_ms: width of a bucket.
        buckets: all of them, empty ones too, in order of time.
        complete_from_ms: entries before it are not in the log any more, or were too many to read.
        complete_to_ms: entries from it on were too many to read: they wait to be folded.
        note: why the buckets are wider than the range would allow; "" if they are not.
    """

    from_ms: int
    to_ms: int
    bucket_ms: int
    buckets: list[Bucket]
    complete_from_ms: int
    complete_to_ms: int
    note: str = ""


async def bucket_counts(
    backend: Backend,
    name: str,
    since_ms: int,
    until_ms: int,
    bucket_ms: int | None = None,
    max_buckets: int = MAX_BUCKETS,
) -> Counts:
    """Counts by bucket; the buckets are whole and aligned, so they may stand out of the range.

    Args:
        backend: the namespace.
        name: of the agent.
        since_ms: the first bucket holds it; 0: the first entry that is known.
        until_ms: where the range ends; the last bucket holds the ms before it.
        bucket_ms: width of a bucket; None chooses one.
        max_buckets: how many there may be.

    Raises:
        ConfigError: a range, size or number that is not allowed.
        WrongKeyTypeError: a key is not what it should be.
        BackendError: the counts cannot be read.
    """
    sizes.check_range(since_ms, until_ms)
    sizes.check_max_buckets(max_buckets)
    agent = backend.keys.agent(name)
    units = await Units.load(backend, agent)
    if since_ms == 0:
        since_ms = min(units.known_ms, until_ms - 1)
    chosen, note = bucket_ms, ""
    if chosen is None:
        chosen = sizes.choose_size(since_ms, until_ms, max_buckets)
    else:
        sizes.check_size(chosen, since_ms, until_ms, max_buckets)
    if (
        chosen < FINEST_COUNTED
        and (entries := await _entries_in(units, since_ms, until_ms)) > MAX_READ
    ):
        note = f"{entries:,} entries; below 10 s they are read one by one, at most {MAX_READ:,}"
        if bucket_ms is not None:
            raise ConfigError("bucket_ms", bucket_ms, f"{FINEST_COUNTED} or more here ({note})")
        chosen = sizes.choose_size(since_ms, until_ms, max_buckets, FINEST_COUNTED)
    from_ms = since_ms - since_ms % chosen
    to_ms = -(-until_ms // chosen) * chosen
    counting = _Counting(backend, agent, units, from_ms, to_ms, chosen)
    await counting.run()
    return Counts(
        from_ms=from_ms,
        to_ms=to_ms,
        bucket_ms=chosen,
        buckets=[
            Bucket(start, counting.total_at(start)) for start in range(from_ms, to_ms, chosen)
        ],
        complete_from_ms=counting.complete_from_ms,
        complete_to_ms=counting.complete_to_ms,
        note=note,
    )


async def _entries_in(units: Units, since_ms: int, until_ms: int) -> int:
    """About how many entries a range has, as far as they are counted."""
    start = since_ms - since_ms % FINEST_COUNTED
    end = -(-until_ms // FINEST_COUNTED) * FINEST_COUNTED
    covering, _ = cover(start, end)
    known = await units.sums(covering)
    return sum(known[unit].entries for unit in covering if unit in known)


class _Counting:
    """One answer in the making."""

    def __init__(
        self,
        backend: Backend,
        agent: AgentKeys,
        units: Units,
        from_ms: int,
        to_ms: int,
        bucket_ms: int,
    ) -> None:
        self._backend = backend
        self._agent = agent
        self._units = units
        self._from_ms = from_ms
        self._to_ms = to_ms
        self._bucket_ms = bucket_ms
        self._totals: dict[int, Sum] = {}
        self._few: list[Span] = []  # to read from the log: spans known to hold little
        self._many: list[Span] = []  # and those that were never counted
        self._left = MAX_READ
        self.complete_from_ms = from_ms
        self.complete_to_ms = to_ms

    async def run(self) -> None:
        if self._from_ms < self._units.cut_ms:
            self._incomplete_before(min(self._to_ms, self._units.cut_ms))
        await self._add_units()
        few, many = joined(self._few), joined(self._many)
        if self._units.trimmed:
            for start, end in few + many:
                if start <= self._units.first_ms:
                    self._incomplete_before(min(end, self._units.first_ms + 1))
        spans: list[IdSpan] = [(str(start), self._units.last_id(end)) for start, end in few]
        found, _ = await read_spans(self._backend, self._agent, spans)
        for entries in found:
            self._add_entries(entries)
        await self._read_unfolded()
        await self._read_uncounted(many)

    def total_at(self, start_ms: int) -> Sum:
        """The counts of the bucket that begins at a time."""
        return self._totals.get(start_ms) or _NOTHING

    async def _add_units(self) -> None:
        """Takes what is counted, and notes what has to be read up to where counting stands."""
        units, width = self._units, self._bucket_ms
        # Nothing is counted out of these hours, however long the buckets are.
        low = units.known_ms - units.known_ms % _HOUR
        high = min(self._to_ms, units.position[0] + 1)
        start = max(self._from_ms, low - low % width)
        if width < FINEST_COUNTED:
            self._split(start, high)
            return
        wanted: list[tuple[int, Unit]] = []
        for bucket in range(start, high, width):
            covering, _ = cover(max(bucket, low), min(bucket + width, high - high % _HOUR + _HOUR))
            wanted += [(bucket, unit) for unit in covering]
        known = await units.sums({unit for _, unit in wanted} | {hour_of(u) for _, u in wanted})
        for bucket, unit in wanted:
            hour = hour_of(unit)
            if (total := known.get(unit)) is not None:
                self._total(bucket).add(total)
            elif units.is_empty(unit) or (hour not in known and units.is_empty(hour)):
                continue
            elif units.is_sparse(unit):
                self._few.append(span_of(unit))
            else:
                self._many.append(span_of(unit))

    def _split(self, start: int, end: int) -> None:
        """All of a short span is read; how much it is, is known from where counting began."""
        counted = self._units.begin_ms + 1
        if start < min(counted, end):
            self._many.append((start, min(counted, end)))
        if max(start, counted) < end:
            self._few.append((max(start, counted), end))

    async def _read_unfolded(self) -> None:
        """What is in the log beyond the counts, the oldest first."""
        ms, seq = self._units.position
        if self._to_ms <= ms:
            return
        start = f"({ms}-{seq}" if self._from_ms <= ms else str(self._from_ms)
        span = (start, str(self._to_ms - 1))
        (entries,), is_all = await read_spans(self._backend, self._agent, [span], self._left)
        self._add_entries(entries)
        self._left -= len(entries)
        if not is_all:
            self.complete_to_ms = entries[-1][0] if entries else max(self._from_ms, ms)

    async def _read_uncounted(self, spans: Sequence[Span]) -> None:
        """What was folded before anything was counted, the newest first."""
        for start, end in reversed(spans):
            if self._left <= 0:
                self._incomplete_before(end)
                return
            span = (str(start), self._units.last_id(end))
            entries, is_all = await read_back(self._backend, self._agent, span, self._left)
            self._add_entries(entries)
            self._left -= len(entries)
            if not is_all:
                self._incomplete_before(entries[0][0] + 1)
                return

    def _incomplete_before(self, ms: int) -> None:
        self.complete_from_ms = max(self.complete_from_ms, ms)

    def _add_entries(self, entries: Sequence[Entry]) -> None:
        at = 0
        while at < len(entries):
            ms = entries[at][0]
            bucket = ms - (ms - self._from_ms) % self._bucket_ms
            end = bisect_left(entries, bucket + self._bucket_ms, at, key=_ms_of)
            self._total(bucket).take(entries[at:end])
            at = end

    def _total(self, bucket: int) -> Sum:
        total = self._totals.get(bucket)
        if total is None:
            total = self._totals[bucket] = Sum()
        return total


def _ms_of(entry: Entry) -> int:
    return entry[0]
