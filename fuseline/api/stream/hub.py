"""The hub: one process's view of all circuits, and the streams that it feeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio

from fuseline.api.stream import frames
from fuseline.api.stream.board import Board
from fuseline.api.stream.channel import Channel
from fuseline.api.stream.delivery import Delivery
from fuseline.api.stream.entries import Entry, split
from fuseline.api.stream.errors import FeedBrokenError, TooManyStreamsError
from fuseline.api.stream.figures import FiguresWatch
from fuseline.api.stream.filters import Filter
from fuseline.api.stream.frames import Frame
from fuseline.api.stream.place import Position
from fuseline.api.stream.settings import StreamSettings
from fuseline.api.stream.snapshot import Snapshot
from fuseline.api.stream.tail import FeedTail
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.projections.overview import AgentStatus, overview
from fuseline.telemetry.logs import get_logger

_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)
_DEFAULTS = StreamSettings()

_log = get_logger("stream")


class StreamHub:
    """Follows the feeds and tells every client what concerns it.

    `run` is to be owned by the application's lifespan; `close` ends all streams, and has to be
    called before the HTTP server waits for its connections to end.

    Args:
        backend: the namespace.
        settings: times and bounds.
    """

    def __init__(self, backend: Backend, settings: StreamSettings = _DEFAULTS) -> None:
        self.backend = backend
        self.settings = settings
        self.wire = backend.make_wire()  # what clients have missed is read here
        self.board = Board()
        self.position: Position | None = None
        self._tail = FeedTail(backend, self._on_health)
        self._watch = FiguresWatch(self, self._interest)
        self._channels: dict[Filter, Channel] = {}
        self._deliveries: set[Delivery] = set()
        self._closing: Frame | None = None

    @property
    def streams(self) -> int:
        """Clients being served."""
        return len(self._deliveries)

    # --- life ---

    async def run(self) -> None:
        """Follows the feeds until cancelled; outlives an absent server."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch.run)
                tasks.start_soon(self._follow)
        finally:
            self.close()
            with anyio.CancelScope(shield=True):
                await self._tail.close()
                await self._watch.close()
                await self.backend.drop_wire(self.wire)

    def close(self, reason: str = "shutdown") -> None:
        """Ends all streams at once, and those that come later."""
        if self._closing is None:
            self._closing = frames.closing(reason)
        for delivery in self._deliveries:
            delivery.subscriber.end(self._closing)

    def open(self, wanted: Filter, last_id: str | None = None) -> AbstractContextManager[Delivery]:
        """A place for one client; leaving the context gives it back.

        Args:
            wanted: what it wants to see.
            last_id: of the last event it has seen; None: it is new.

        Raises:
            TooManyStreamsError: all places are taken.
        """
        if self.streams >= self.settings.max_streams:
            raise TooManyStreamsError(self.settings.max_streams)
        return self._serve(wanted, last_id)

    @contextmanager
    def _serve(self, wanted: Filter, last_id: str | None) -> Iterator[Delivery]:
        channel = self._channels.setdefault(wanted, Channel(wanted, self._capture))
        delivery = Delivery(self, channel, last_id)
        self._deliveries.add(delivery)
        if self._closing is not None:
            delivery.subscriber.end(self._closing)
        if wanted.wants_figures:
            self._watch.call()
        try:
            yield delivery
        finally:
            self._deliveries.discard(delivery)
            channel.subscribers.discard(delivery.subscriber)
            if not channel.subscribers and not any(d.of(channel) for d in self._deliveries):
                self._channels.pop(wanted, None)

    # --- following ---

    async def _follow(self) -> None:
        attempt = 0
        reason = ""
        while True:
            try:
                if reason or self.position is None:
                    await self._load(reason)
                    reason = ""
                while True:
                    entries = await self._tail.read()
                    attempt = 0
                    await self._publish(entries)
            except FeedBrokenError as broken:
                _log.warning("stream_starts_anew", reason=broken.reason)
                reason = broken.reason
            except BackendError as error:
                if attempt == 0:
                    _log.warning("stream_waits_for_server", error=str(error))
                self._tail.away()
                await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1

    async def _load(self, reason: str) -> None:
        """Reads all circuits, and the feeds up to where these stand at least."""
        begin = await self._tail.end()
        found = await overview(self.backend, wire=self.wire)
        board = Board(found.agents)
        until = await self._tail.end()
        position = begin
        self._tail.begin(begin)
        while not position.covers(until.numbers):
            for entry in await self._tail.read():
                board.catch_up(entry)
                position.move(entry)
        self.board, self.position = board, position
        self._watch.reset()
        for channel in self._channels.values():
            channel.forget()
        for delivery in self._deliveries:
            if delivery.joined:
                delivery.restart(reason)
            else:
                delivery.subscriber.nudge()

    async def _publish(self, entries: Iterable[Entry]) -> None:
        position = self.position
        assert position is not None, "it is loaded first"
        for run in split(entries, self.settings.changes_circuits):
            # No await from here to the sending: board, position and queues move together.
            changes = []
            for entry in run:
                position.move(entry)
                change = self.board.apply(entry)
                if change is not None:
                    changes.append(change)
                    if change.after is not None:
                        self._watch.touch(change.after)
            now_ms, event_id = self.backend.clock.now_ms(), position.id
            for channel in self._channels.values():
                channel.send_changes(changes, now_ms, event_id)
            await anyio.lowlevel.checkpoint()

    # --- what is sent ---

    def publish_figures(self, statuses: list[AgentStatus]) -> None:
        """See `figures.Host`."""
        if self.position is None:
            return
        now_ms, event_id = self.backend.clock.now_ms(), self.position.id
        encoded = [(status, frames.figures_of(status, now_ms)) for status in statuses]
        for channel in self._channels.values():
            if channel.filter.wants_figures:
                fitting = [raw for status, raw in encoded if channel.filter.fits(status)]
                if fitting:
                    channel.send(frames.figures(now_ms, fitting, event_id))

    def health(self) -> Frame:
        """See `delivery.Host`."""
        return frames.health(server=self._tail.server, unprojected=self._tail.unprojected)

    def _on_health(self, server: bool, unprojected: frozenset[int]) -> None:
        sent = frames.health(server=server, unprojected=unprojected)
        for delivery in self._deliveries:
            delivery.subscriber.push(sent)

    def _capture(self, wanted: Filter) -> Snapshot:
        assert self.position is not None, "nobody joins before it is loaded"
        now_ms = self.backend.clock.now_ms()
        statuses = [frames.current(one, now_ms) for one in self.board.all() if wanted.fits(one)]
        return Snapshot(
            statuses, now_ms, self.position.id, self._tail.unprojected, self.settings.part_circuits
        )

    def _interest(self) -> frozenset[str] | None:
        """See `FiguresWatch`."""
        wanted = [channel.filter for channel in self._channels.values()]
        wanted = [one for one in wanted if one.wants_figures]
        if any(one.agents is None for one in wanted):
            return None
        return frozenset[str]().union(*(one.agents or () for one in wanted))
