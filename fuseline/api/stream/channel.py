"""A channel: the clients with equal filters; each event is encoded once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from fuseline.api.stream.board import Change
from fuseline.api.stream.filters import Filter
from fuseline.api.stream.frames import Frame
from fuseline.api.stream.snapshot import Snapshot
from fuseline.api.stream.subscriber import Subscriber

_SHARED_SECONDS = 1.0


class Channel:
    """Clients of one filter, from the same place in the feeds on.

    Args:
        wanted: the filter.
        capture: makes a snapshot for it, of now.
    """

    def __init__(self, wanted: Filter, capture: Callable[[Filter], Snapshot]) -> None:
        self.filter = wanted
        self._capture = capture
        self._snapshot: Snapshot | None = None
        self._captured_at = 0.0
        self.subscribers: set[Subscriber] = set()

    def snapshot(self) -> Snapshot:
        """One that is fresh; many who come at once share it."""
        self._expire()
        if self._snapshot is None:
            self._snapshot, self._captured_at = self._capture(self.filter), monotonic()
        return self._snapshot

    def forget(self) -> None:
        """What was captured is void."""
        self._snapshot = None

    def send_changes(self, changes: Sequence[Change], now_ms: int, event_id: str) -> None:
        """Tells the clients of changes, as far as the filter lets them through."""
        sent = self.filter.changes(changes, now_ms, event_id)
        if sent is not None:
            self.send(sent)

    def send(self, sent: Frame) -> None:
        """Sends an event to all clients."""
        self._expire()
        if self._snapshot is not None:
            self._snapshot.since.append(sent)
        for subscriber in self.subscribers:
            subscriber.push(sent)

    def _expire(self) -> None:
        if monotonic() - self._captured_at > _SHARED_SECONDS:
            self._snapshot = None
