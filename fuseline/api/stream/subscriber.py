"""One client's queue: bounded, and emptied for a last word when the client is too slow."""

from __future__ import annotations

from collections import deque

import anyio

from fuseline.api.stream import frames
from fuseline.api.stream.frames import Frame
from fuseline.api.stream.settings import StreamSettings
from fuseline.api.stream.snapshot import Snapshot

_TOGETHER = 64 << 10


class Subscriber:
    """What waits for one client.

    Attributes:
        delivered: the last id that was sent; from there the client can resume.
    """

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings
        self._queue: deque[Frame] = deque()
        self._bytes = 0
        self._restart: tuple[Snapshot, int, str] | None = None
        self._news = anyio.Event()
        self._last: Frame | None = None
        self._too_slow = ""
        self.delivered = ""

    @property
    def interrupted(self) -> bool:
        """Whether something comes before what is being sent: an end, or a fresh snapshot."""
        return self._ended or self._restart is not None

    @property
    def _ended(self) -> bool:
        return self._last is not None or self._too_slow != ""

    @property
    def waiting(self) -> int:
        """Number of events in the queue."""
        return len(self._queue)

    def push(self, sent: Frame) -> None:
        """Queues an event, or ends the stream if the client is too far behind."""
        if self._ended:
            return
        limits = self._settings
        if len(self._queue) >= limits.queue_events:
            self._overrun(f"{limits.queue_events} events wait (queue_events)")
        elif self._queue and self._bytes + len(sent.data) > limits.queue_bytes:
            self._overrun(f"{self._bytes} bytes wait (queue_bytes is {limits.queue_bytes})")
        else:
            self._queue.append(sent)
            self._bytes += len(sent.data)
            self._news.set()

    def _overrun(self, reason: str) -> None:
        # What is being sent now may still arrive, so the id to resume from is not known yet.
        self._too_slow = f"the client reads too slowly: {reason}"
        self._clear()
        self._news.set()

    def end(self, last: Frame) -> None:
        """Lets the stream end with an event, before anything that waits."""
        if not self._ended:
            self._last = last
            self._clear()
            self._news.set()

    def begin(self, snapshot: Snapshot, reason: str) -> None:
        """Sends a snapshot before what waits."""
        self._restart = (snapshot, len(snapshot.since), reason)
        self._news.set()

    def restart(self, snapshot: Snapshot, reason: str) -> None:
        """Sends a snapshot instead of what waits."""
        self._clear()
        self.begin(snapshot, reason)

    def nudge(self) -> None:
        """Lets `wait` return."""
        self._news.set()

    def take_last(self) -> Frame | None:
        """The event that ends the stream, if it has to end; nothing is being sent now."""
        if self._too_slow:
            return frames.overrun(self._too_slow, self.delivered)
        return self._last

    def take_restart(self) -> tuple[Snapshot, int, str] | None:
        """The snapshot to send, what has been sent since it, and the reason."""
        restart, self._restart = self._restart, None
        return restart

    def take(self) -> Frame | None:
        """Some of what waits, together."""
        if not self._queue:
            return None
        parts, size, event_id = [], 0, ""
        while self._queue and size < _TOGETHER:
            one = self._queue.popleft()
            parts.append(one.data)
            size += len(one.data)
            event_id = one.id or event_id
        self._bytes -= size
        return Frame(b"".join(parts), event_id)

    async def wait(self, seconds: float) -> bool:
        """Until there is news; False if there was none in time."""
        with anyio.move_on_after(max(0.0, seconds)):
            await self._news.wait()
        news = self._news.is_set()
        if news:
            self._news = anyio.Event()
        return news

    def _clear(self) -> None:
        self._queue.clear()
        self._bytes = 0
