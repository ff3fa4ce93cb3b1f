"""Redis's clock, as a process sees it: its own monotonic clock plus an offset."""

from __future__ import annotations

from time import monotonic

# A jump this large is the server's clock, not the network; older samples say nothing any more.
_JUMP_MS = 250.0
_KEEP_SECONDS = 60.0


class ServerClock:
    """Estimates Redis's time in ms from replies that carry it; wall clocks are never read."""

    def __init__(self) -> None:
        self.offset_ms = 0.0
        self._round_trip = float("inf")
        self._taken_at = 0.0

    def now_ms(self) -> int:
        """Redis's time now, in ms."""
        return int(monotonic() * 1000 + self.offset_ms)

    def at_ms(self, monotonic_seconds: float) -> int:
        """Redis's time at a moment of this process's monotonic clock, in ms."""
        return int(monotonic_seconds * 1000 + self.offset_ms)

    def monotonic(self, server_ms: float) -> float:
        """The moment of this process's monotonic clock (seconds) at a time of Redis's (ms)."""
        return (server_ms - self.offset_ms) / 1000

    def learn(self, server_ms: float, sent: float, received: float) -> None:
        """Takes a sample: the server said `server_ms` between two moments of `time.monotonic`.

        The sample with the shortest round trip of the last minute counts.
        """
        round_trip = received - sent
        # The reply holds whole ms, so on average it is half a ms behind.
        offset = server_ms + 0.5 - (sent + received) * 500
        jumped = abs(offset - self.offset_ms) > _JUMP_MS + round_trip * 1000
        if jumped or round_trip <= self._round_trip or received - self._taken_at > _KEEP_SECONDS:
            self.offset_ms, self._round_trip, self._taken_at = offset, round_trip, received
