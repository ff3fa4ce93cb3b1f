"""Watching figures: which circuits' windows moved although the feed says nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from time import monotonic
from typing import Any, Protocol

import anyio

from fuseline.api.stream.board import Board
from fuseline.api.stream.settings import StreamSettings
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.streams import last_entries
from fuseline.events.wire import Command, translate
from fuseline.projections.codec import decode_circuit
from fuseline.projections.overview import AgentStatus
from fuseline.projections.shard import view_of

_WAKES = 200
_SLICE = 500
_CHECKPOINTS = 250
_REFRESHED = 200
_TOGETHER = 50
_PACE_SECONDS = 0.04
"""`_TOGETHER` circuits this often: many clients take these bytes, and changes go in between."""


class Host(Protocol):
    """What the watch needs of the hub."""

    backend: Backend
    settings: StreamSettings
    board: Board

    def publish_figures(self, statuses: list[AgentStatus]) -> None:
        """Sends figures to whom they concern."""


class FiguresWatch:
    """Finds circuits whose checkpoint moved, and circuits whose window empties.

    Wake-ups name the agents with new events. They are hints: they are trimmed, and come before the
    fold. So what they name is looked at twice, a wake-up that names nobody means the whole shard,
    and some of all agents are looked at in each round.

    Args:
        host: the hub.
        interest: whose figures somebody wants: None for all, an empty set for none.
    """

    def __init__(self, host: Host, interest: Callable[[], frozenset[str] | None]) -> None:
        self._host = host
        self._interest = interest
        self._wire = host.backend.make_wire()
        self._wakes: list[str] | None = None  # last wake-up seen, by shard; None: nobody listened
        self._again: set[str] = set()
        self._sliced = 0
        self._emptying: dict[str, float] = {}  # agents with calls in the window, by last sending
        self._called = anyio.Event()

    def call(self) -> None:
        """Somebody listens: looks at once if nobody did before."""
        if self._wakes is None:
            self._called.set()

    def touch(self, status: AgentStatus) -> None:
        """The figures of a circuit have just been sent."""
        self._emptying.pop(status.agent, None)
        circuit = status.circuit
        if circuit is None or not circuit.buckets:
            return
        now_index = self._host.backend.clock.now_ms() // circuit.bucket_ms
        if circuit.buckets[-1][0] > now_index - circuit.bucket_count:
            self._emptying[status.agent] = monotonic()

    def reset(self) -> None:
        """The board was loaded anew."""
        self._wakes = None
        self._emptying.clear()
        for status in self._host.board.all():
            self.touch(status)

    async def run(self) -> None:
        """Looks every `figures_seconds` while somebody listens; until cancelled."""
        while True:
            with anyio.move_on_after(self._host.settings.figures_seconds):
                await self._called.wait()
            self._called = anyio.Event()
            interest = self._interest()
            if interest is not None and not interest:
                self._wakes = None
                continue
            try:
                await self._look(interest)
            except BackendError:
                self._wakes = None  # the hub says that the server is away
            await self._refresh(interest)

    async def close(self) -> None:
        """Gives the connection back."""
        await self._host.backend.drop_wire(self._wire)

    async def _look(self, interest: frozenset[str] | None) -> None:
        board = self._host.board
        first = self._wakes is None
        named = await self._named()
        names = frozenset(board) if first else frozenset(named | self._again | self._slice())
        if interest is not None:
            names &= interest
        known = [name for name in names if board.get(name) is not None]
        self._again = named
        for start in range(0, len(known), _CHECKPOINTS):
            await self._compare(known[start : start + _CHECKPOINTS])

    async def _named(self) -> set[str]:
        """The agents that wake-ups name since the last look."""
        keys = self._host.backend.keys
        if self._wakes is None:
            last = await last_entries(self._wire, [shard.wake for shard in keys.shards])
            self._wakes = [entry[0].decode() if entry else "0-0" for entry in last]
            return set()
        pages = await self._call(
            [
                ("XREVRANGE", shard.wake, "+", f"({at}", "COUNT", _WAKES)
                for shard, at in zip(keys.shards, self._wakes, strict=True)
            ]
        )
        names: set[str] = set()
        for shard, page in zip(keys.shards, pages, strict=True):
            if not page:
                continue
            self._wakes[shard.shard] = page[0][0].decode()
            listed = {name for _, fields in page for name in fields[1].split(b"\n")}
            if b"*" in listed or len(page) == _WAKES:
                of_shard = (name for name in self._host.board if keys.shard_of(name) == shard.shard)
                names.update(of_shard)
            else:
                names.update(keys.names(listed))
        return names

    def _slice(self) -> set[str]:
        """The next few of all agents."""
        board = self._host.board
        start = self._sliced if self._sliced < len(board) else 0
        self._sliced = start + _SLICE
        return set(islice(board, start, self._sliced))

    async def _compare(self, names: list[str]) -> None:
        """Reads the circuits that stand at another checkpoint than on the board, and sends them."""
        keys, board = self._host.backend.keys, self._host.board
        checkpoints = await self._call(
            [("HGET", keys.agent(name).circuit, "checkpoint") for name in names]
        )
        moved = [
            name
            for name, checkpoint in zip(names, checkpoints, strict=True)
            if checkpoint is not None and _differs(board.get(name), checkpoint)
        ]
        for start in range(0, len(moved), _TOGETHER):
            some = moved[start : start + _TOGETHER]
            blobs = await self._call([("HGET", keys.agent(name).circuit, "blob") for name in some])
            fresh = [
                status
                for name, blob in zip(some, blobs, strict=True)
                if blob is not None and (status := _moved(board.get(name), blob)) is not None
            ]
            for status in fresh:
                board.put(status)
            self._publish(fresh)
            await anyio.sleep(_PACE_SECONDS)  # what changes gets between the figures of many

    async def _refresh(self, interest: frozenset[str] | None) -> None:
        """Sends the figures of circuits whose window may have lost calls since they were sent."""
        board = self._host.board
        until = monotonic() - self._host.settings.refresh_seconds
        sent = self._emptying
        if interest is None:
            longest = islice(sent.items(), _REFRESHED)
        else:
            longest = islice(((n, sent[n]) for n in interest if n in sent), _REFRESHED)
        due = [name for name, at in longest if at <= until]
        for start in range(0, len(due), _TOGETHER):
            some = due[start : start + _TOGETHER]
            self._publish([status for name in some if (status := board.get(name)) is not None])
            await anyio.sleep(_PACE_SECONDS)

    def _publish(self, statuses: list[AgentStatus]) -> None:
        for status in statuses:
            self.touch(status)
        if statuses:
            self._host.publish_figures(statuses)

    async def _call(self, commands: Sequence[Command]) -> list[Any]:
        replies = await self._wire.call_many(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        return replies


def _differs(status: AgentStatus | None, checkpoint: bytes) -> bool:
    if status is None:
        return False
    return status.circuit is None or status.circuit.checkpoint.encode() != checkpoint


def _moved(status: AgentStatus | None, blob: bytes) -> AgentStatus | None:
    """The circuit with newer figures; None if it has none, or the feed has to speak first."""
    if status is None:
        return None
    try:
        circuit = decode_circuit(blob)
    except BackendError:
        return None
    known = status.circuit
    if known is not None and (
        view_of(circuit) != view_of(known) or circuit.position <= known.position
    ):
        return None
    return AgentStatus(agent=status.agent, circuit=circuit)
