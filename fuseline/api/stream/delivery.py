"""Delivering: what one client gets, from its first byte to its last."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from time import monotonic
from typing import Protocol

import anyio

from fuseline.api.stream import frames
from fuseline.api.stream.board import Change
from fuseline.api.stream.channel import Channel
from fuseline.api.stream.errors import FeedBrokenError
from fuseline.api.stream.frames import Frame
from fuseline.api.stream.place import Place, Position, read_place
from fuseline.api.stream.replay import Replay
from fuseline.api.stream.settings import StreamSettings
from fuseline.api.stream.snapshot import Snapshot
from fuseline.api.stream.subscriber import Subscriber
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire

_AHEAD_SECONDS = 2.0
_AHEAD_LOOK_SECONDS = 0.02
_RETRY_SECONDS = 0.2

Send = Callable[[bytes], Awaitable[None]]


class Host(Protocol):
    """What a delivery needs of the hub."""

    backend: Backend
    settings: StreamSettings
    wire: Wire

    @property
    def position(self) -> Position | None:
        """Up to where everything has been sent; None before the circuits are loaded."""

    def health(self) -> Frame:
        """How the server is."""


class Delivery:
    """Sends one client what it missed or a snapshot, then what happens, until an end.

    Args:
        host: the hub.
        channel: of the client's filter.
        last_id: of the last event the client has seen; None: it is new.
    """

    def __init__(self, host: Host, channel: Channel, last_id: str | None) -> None:
        self._host = host
        self._channel = channel
        self._reason = "first" if last_id is None else "gap"
        shards = len(host.backend.keys.shards)
        self._place: Place | None = None if last_id is None else read_place(last_id, shards)
        self._ends_at = monotonic() + host.settings.max_age_seconds
        self._patience = monotonic() + _AHEAD_SECONDS
        self._replay: Replay | None = None
        self.subscriber = Subscriber(host.settings)

    @property
    def joined(self) -> bool:
        """Whether what happens is queued for this client."""
        return self.subscriber in self._channel.subscribers

    def of(self, channel: Channel) -> bool:
        """Whether it belongs to a channel."""
        return self._channel is channel

    def restart(self, reason: str) -> None:
        """Begins again with a snapshot of now."""
        self._replay = None
        self.subscriber.restart(self._channel.snapshot(), reason)
        self.subscriber.push(self._host.health())

    def end(self, reason: str) -> None:
        """Ends the stream with an event that says why."""
        self.subscriber.end(frames.closing(reason))

    async def run(self, send: Send) -> None:
        """Sends until the stream ends; what `send` has taken counts as delivered."""
        subscriber = self.subscriber
        await self._deliver(send, frames.RETRY)
        await self._deliver(send, self._host.health())
        while True:
            if monotonic() >= self._ends_at:
                self.end("max_age")
            if (last := subscriber.take_last()) is not None:
                await self._deliver(send, last)
                return
            if not self.joined and not self._join():
                if self._host.position is None:
                    await self._pause(send)
                else:
                    await subscriber.wait(_AHEAD_LOOK_SECONDS)
            elif (restart := subscriber.take_restart()) is not None:
                await self._send_snapshot(send, *restart)
            elif self._replay is not None:
                await self._send_missed(send, self._replay)
            elif (waiting := subscriber.take()) is not None:
                await self._deliver(send, waiting)
            else:
                await self._pause(send)

    async def _deliver(self, send: Send, sent: Frame) -> None:
        await send(sent.data)
        self.subscriber.delivered = sent.id or self.subscriber.delivered

    async def _pause(self, send: Send) -> None:
        """Until there is news; a heartbeat if there is none for long."""
        beat = self._host.settings.heartbeat_seconds
        news = await self.subscriber.wait(min(beat, self._ends_at - monotonic()))
        if not news and monotonic() < self._ends_at:
            # Nothing waits, so all up to the hub's position has been sent or was filtered.
            position = self._host.position if self.joined else None
            await self._deliver(send, frames.heartbeat(position.id if position else ""))

    def _join(self) -> bool:
        """Lets what happens from here on be queued, and decides how the client gets to here."""
        now, place = self._host.position, self._place
        if now is None:
            return False
        if place is None:
            self.subscriber.begin(self._channel.snapshot(), self._reason)
        elif place.incarnation != now.incarnation:
            self.subscriber.begin(self._channel.snapshot(), "data_loss")
        elif now.is_at(place):
            self.subscriber.delivered = now.id
        elif now.covers(place.numbers):
            self._replay = Replay(self._host.backend, self._host.wire, place, now.copy())
        elif monotonic() < self._patience:
            return False  # the process it comes from may have been ahead of this one
        else:
            self.subscriber.begin(
                self._channel.snapshot(), "data_loss"
            )  # no: the feeds were longer than they are now
        self._channel.subscribers.add(self.subscriber)
        return True

    async def _send_snapshot(self, send: Send, snapshot: Snapshot, since: int, reason: str) -> None:
        for number in range(1, snapshot.parts + 1):
            await self._deliver(send, snapshot.part(number, reason))
            await anyio.lowlevel.checkpoint()  # encoding a part takes ms
            if self.subscriber.interrupted:
                return
        for sent in snapshot.since[:since]:
            await self._deliver(send, sent)

    async def _send_missed(self, send: Send, replay: Replay) -> None:
        """Leaves `self._replay` None once it is complete."""
        wanted = self._channel.filter
        seen: dict[str, Change] = {}
        try:
            async with aclosing(replay.read(self._host.settings.changes_circuits)) as runs:
                async for run, event_id in runs:
                    changes = []
                    for entry in run:
                        known = seen.get(entry.agent)
                        change = Change.of(entry, known.after if known else None)
                        if change is not None:
                            seen[entry.agent] = change
                            changes.append(change)
                    now_ms = self._host.backend.clock.now_ms()
                    sent = wanted.changes(changes, now_ms, event_id)
                    if sent is not None:
                        await self._deliver(send, sent)
                    if self.subscriber.interrupted:
                        return
            self._replay = None
        except FeedBrokenError as broken:
            self.restart(broken.reason)
        except BackendError:
            await self.subscriber.wait(_RETRY_SECONDS)
