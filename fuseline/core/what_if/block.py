"""A page of the record in columns, so that many settings can be tried on it.

Calls that succeed in time cannot open a circuit, and only those matter that are still in the window
when another one might: so they are counted then, and those that have left it by then never are.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from msgspec import Struct, field

from fuseline.core.circuit import Change, Circuit
from fuseline.core.counting import count_success
from fuseline.core.events import Entry

DAY_MS = 86_400_000


class Note(Struct):
    """What the recorded circuit did at an entry.

    Attributes:
        by_time: changes that time alone made since the entry before.
        by_event: changes that the entry made.
        fresh: whether an outcome is of the epoch the circuit was in, and a probe took a place;
            None: an outcome of an epoch to come.
    """

    by_time: list[Change]
    by_event: list[Change]
    fresh: bool | None = None


class Block(Struct):
    """Entries in columns.

    All but those in `notes` are plain: calls that succeeded or failed while the recorded circuit
    was CLOSED and nobody had forced it, and that it counted in its epoch.

    Attributes:
        entries: the entries.
        ms: when an entry was logged.
        ended: when a call ended.
        began: when a call began, as far as the epochs of the record agree.
        took: its length in ms if it succeeded; beyond any limit for slow calls if it failed.
        notes: by place, for entries that are not plain.
        end_ms: up to where time has come.
        at_end: changes that time alone made between the last entry and `end_ms`.
    """

    entries: list[Entry] = field(default_factory=list)
    ms: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    took: list[int] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    end_ms: int = 0
    at_end: list[Change] = field(default_factory=list)
    _marks: dict[float, list[int]] = field(default_factory=dict)
    _earliest: list[int] = field(default_factory=list)

    def marks(self, slow_ms: float) -> list[int]:
        """Places of calls that failed or took as long as this."""
        found = self._marks.get(slow_ms)
        if found is None:
            found = [place for place, took in enumerate(self.took) if took >= slow_ms]
            self._marks[slow_ms] = found
        return found

    def earliest(self, place: int) -> int:
        """When the first to begin of the calls from a place on began."""
        if not self._earliest:
            self._earliest = list(accumulate(reversed(self.began), min))[::-1]
        return self._earliest[place]

    def count(self, circuit: Circuit, start: int, stop: int) -> None:
        """Counts the quick successes between two places in a CLOSED circuit.

        It then stands as if each had been folded, but for buckets that have left the window.
        """
        if start >= stop:
            return
        if circuit.config.adaptive:
            self._count_all(circuit, start, stop)
            return
        width, count = circuit.bucket_ms, circuit.bucket_count
        now_index = self.ms[stop - 1] // width
        oldest = now_index - count
        since, ended = circuit.since_ms, self.ended
        if circuit.consecutive_failures:
            for place in range(stop - 1, start - 1, -1):
                index = max(ended[place], since) // width
                if index > self.ms[place] // width - count:
                    circuit.consecutive_failures = 0
                    break
        circuit.expire_buckets(now_index)
        buckets = circuit.buckets
        first = bisect_left(self.ms, (oldest + 1) * width, start, stop)
        last = buckets[-1][0] if buckets else -1
        for end_ms in ended[first:stop]:
            index = (end_ms if end_ms > since else since) // width  # noqa: FURB136
            if index == last:
                buckets[-1][1] += 1
            elif index > last:
                buckets.append([index, 1, 0, 0])
                last = index
            elif index > oldest:
                at = bisect_left(buckets, [index])
                if buckets[at][0] == index:
                    buckets[at][1] += 1
                else:
                    buckets.insert(at, [index, 1, 0, 0])
            else:
                continue
            circuit.calls += 1

    def _count_all(self, circuit: Circuit, start: int, stop: int) -> None:
        """The same for a circuit that learns from what leaves its window: it must see all."""
        width, count, since = circuit.bucket_ms, circuit.bucket_count, circuit.since_ms
        for place in range(start, stop):
            now_index = self.ms[place] // width
            index = max(self.ended[place], since) // width
            if index <= now_index - count:
                continue
            circuit.expire_buckets(now_index)
            count_success(circuit, index)
