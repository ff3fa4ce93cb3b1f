"""A snapshot: all circuits of a filter at one place in the feeds, shared by who asks for it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fuseline.api.stream import frames
from fuseline.api.stream.frames import Frame
from fuseline.projections.overview import AgentStatus


class Snapshot:
    """Circuits captured at once and encoded part by part, by whoever needs a part first.

    Args:
        statuses: the circuits.
        now_ms: when.
        event_id: where in the feeds.
        unprojected: shards that nobody projects.
        size: circuits in a part.
    """

    def __init__(
        self,
        statuses: Sequence[AgentStatus],
        now_ms: int,
        event_id: str,
        unprojected: frozenset[int],
        size: int,
    ) -> None:
        ordered = sorted(statuses, key=lambda status: (status.trouble, status.agent))
        self._pieces = [ordered[n : n + size] for n in range(0, len(ordered), size)] or [[]]
        self._encoded: list[msgspec.Raw | None] = [None] * len(self._pieces)
        self._now_ms = now_ms
        self._id = event_id
        self._unprojected = sorted(unprojected)
        self.since: list[Frame] = []
        """What was sent after it; who joins later gets it behind the parts."""

    @property
    def parts(self) -> int:
        """Number of events it takes."""
        return len(self._pieces)

    def part(self, number: int, reason: str) -> Frame:
        """One of the parts, counted from 1."""
        encoded = self._encoded[number - 1]
        if encoded is None:
            encoded = frames.summaries(self._pieces[number - 1], self._now_ms)
            self._encoded[number - 1] = encoded
        place = (number, self.parts)
        return frames.snapshot_part(
            reason, place, self._now_ms, encoded, self._unprojected, self._id
        )
