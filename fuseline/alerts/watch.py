"""One term of notifying: from winning the lease to losing it. Looks, decides, writes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from time import monotonic

import anyio

from fuseline.alerts.book import Book, covers
from fuseline.alerts.courier import Courier
from fuseline.alerts.deciding import (
    follow,
    next_deadline,
    observe,
    retire,
    sampled_rules,
)
from fuseline.alerts.ledger import Ledger
from fuseline.alerts.looking import (
    PAGE,
    all_names,
    first_tracks,
    read_circuits,
    read_lag,
    read_machines,
    read_news,
    silent_machines,
    without_history,
)
from fuseline.alerts.model import Incident, Subject, Track
from fuseline.alerts.planning import drop_orphans, plan
from fuseline.alerts.records import load_rules
from fuseline.alerts.samples import System, read_circuit, read_system
from fuseline.core.circuit import NEVER_MS
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire
from fuseline.projections.timeline import Item
from fuseline.schemas.alerts import ProjectorLag

SAMPLE_SECONDS = 2.0
"""How often figures are looked at, for the rules that need them."""

SWEEP_SECONDS = 30.0
"""How often all histories are asked for what hints may have missed."""

_JUMP_MS = 250
_JUMP_SHOWN_SECONDS = 60.0


class Watch:
    """What is noticed and not yet worked off, and the book it goes into.

    Args:
        backend: the namespace.
        wire: a connection of its own.
        ledger: writes, under the lease.
    """

    def __init__(self, backend: Backend, wire: Wire, ledger: Ledger) -> None:
        self._backend = backend
        self._wire = wire
        self._ledger = ledger
        self._news = anyio.Event()
        self._noticed: dict[str, None] = {}
        self._swept_at = self._sampled_at = -1e9
        self._deadlines: list[tuple[int, str]] = []
        self._next: dict[str, int] = {}  # the deadline of each agent that counts
        self._offset_ms = backend.clock.offset_ms
        self._jump: tuple[int, float] = (0, -1e9)
        self.unprojected: frozenset[int] = frozenset()
        self.book = Book()

    def notice(self, agent: str) -> None:
        """An agent's circuit has changed."""
        self._noticed[agent] = None
        self._news.set()

    def sweep(self) -> None:
        """Hints were missed."""
        self._swept_at = -1e9
        self._news.set()

    def reload(self) -> None:
        """Rules, channels or the outbox were changed by others."""
        self._reload = True
        self._news.set()

    async def load(self) -> None:
        """Reads the book; the first notifier of a namespace begins one."""
        self._reload = False  # what changes from here on is read again
        self.book = await self._ledger.load()
        if not self._ledger.began_ms:
            now_ms = await self._backend.learn_time(self._wire)
            names = await all_names(self._backend, self._wire)
            tracks: dict[str, Track] = {}
            for start in range(0, len(names), PAGE):
                part = names[start : start + PAGE]
                tracks |= await first_tracks(self._backend, self._wire, part, now_ms)
            await self._ledger.begin(now_ms, tracks)
            self.book.tracks = tracks
        self._swept_at = self._sampled_at = -1e9
        self._deadlines.clear()
        self._next.clear()

    async def run(self, courier: Courier) -> None:
        """Works until cancelled.

        Raises:
            BackendError: the server is away, or another has the lease; what was not written has
                not happened.
        """
        while True:
            self._news = anyio.Event()
            await self._work_off(courier)  # first, for it learns the tags that scopes ask for
            if self._reload:
                await self._take_changes(courier)
            if monotonic() - self._sampled_at >= SAMPLE_SECONDS:
                self._sampled_at = monotonic()
                await self._sample(courier)
            with anyio.move_on_after(self._pause_seconds()):
                await self._news.wait()

    def _pause_seconds(self) -> float:
        due_ms = self._deadlines[0][0] if self._deadlines else NEVER_MS
        until_due = (due_ms - self._backend.clock.now_ms()) / 1000
        until_sweep = self._swept_at + SWEEP_SECONDS - monotonic()
        until_sample = self._sampled_at + SAMPLE_SECONDS - monotonic()
        return max(0.0, min(until_due, until_sweep, until_sample))

    async def _take_changes(self, courier: Courier) -> None:
        self._reload = False
        before = self.book.rules
        # In this order: a channel is there before what names it.
        await self._ledger.load_outbox(self.book)
        self.book.rules = await load_rules(self._backend, self._wire)
        await self._ledger.load_channels(self.book)
        now_ms = self._backend.clock.now_ms()
        forgotten = [about for about in self.book.told if about[0] not in self.book.rules]
        changed = retire(self.book, now_ms)
        if self.book.rules != before:
            for agent in self.book.tracks:
                changed += self._follow(agent, (), now_ms)
        await self._commit(changed, {}, courier, forgotten)

    async def _work_off(self, courier: Courier) -> None:
        now_ms = self._backend.clock.now_ms()
        names = list(self._noticed)
        self._noticed.clear()
        if monotonic() - self._swept_at >= SWEEP_SECONDS:
            self._swept_at = monotonic()
            known = await all_names(self._backend, self._wire)
            await self._forget(self.book.tracks.keys() - set(known) - set(names))
            names = list(dict.fromkeys([*names, *known, *self.book.tracks]))
        while names:
            part, names = names[:PAGE], names[PAGE:]
            names += await self._read(part, now_ms, courier)
        due: dict[str, None] = {}
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            due_ms, agent = heapq.heappop(self._deadlines)
            if self._next.get(agent) == due_ms:
                del self._next[agent]
                due[agent] = None
        changed: list[Incident] = []
        for agent in due:
            changed += self._follow(agent, (), now_ms)
        await self._commit(changed, {}, courier)

    async def _forget(self, left: Iterable[str]) -> None:
        """Drops what is known of agents of which nothing is kept, and of machines long silent."""
        busy = {one.subject for one in self.book.standing.values()}
        gone = await without_history(self._backend, self._wire, sorted(set(left) - busy))
        silent = await silent_machines(self._backend, self._wire, self._backend.clock.now_ms())
        abouts = [about for about in self.book.told if about[1] in gone]
        for about in abouts:
            del self.book.told[about]
        writes = [*self._ledger.forgets(gone, silent), *self._ledger.told(self.book, abouts)]
        await self._ledger.write(writes)
        for name in gone:
            for known in (self.book.tracks, self.book.tags, self._next):
                known.pop(name, None)

    async def _read(self, names: list[str], now_ms: int, courier: Courier) -> list[str]:
        """Works off the news of some agents; returns those that may have more."""
        began = f"{self._ledger.began_ms}-0"
        tracks = [
            (name, self.book.tracks.setdefault(name, Track(history_id=began))) for name in names
        ]
        changed: list[Incident] = []
        moved: dict[str, Track] = {}
        more: list[str] = []
        for name, tags, items, has_more in await read_news(self._backend, self._wire, tracks):
            rescoped = self.book.tags.get(name, ()) != tags
            self.book.tags[name] = tags
            until_ms = items[-1].at_ms if has_more and items else now_ms
            changed += self._follow(name, items, until_ms)
            if items:
                moved[name] = self.book.tracks[name]
            if has_more:
                more.append(name)
            if rescoped:
                changed += retire(self.book, now_ms, (name,))
        await self._commit(changed, moved, courier)
        return more

    def _follow(self, agent: str, items: Iterable[Item], until_ms: int) -> list[Incident]:
        changed = follow(self.book, agent, items, until_ms)
        due_ms = next_deadline(self.book, agent, self.book.tracks[agent].looked_ms)
        if due_ms < NEVER_MS and self._next.get(agent) != due_ms:
            self._next[agent] = due_ms
            heapq.heappush(self._deadlines, (due_ms, agent))
        return changed

    async def _sample(self, courier: Courier) -> None:
        now_ms = await self._backend.learn_time(self._wire)
        circuits, systems = sampled_rules(self.book)
        changed: list[Incident] = []
        if circuits:
            names = [
                name
                for name, tags in self.book.tags.items()
                if any(covers(stored, name, tags) for stored in circuits)
            ]
            found = await read_circuits(self._backend, self._wire, names, now_ms)
            for stored in circuits:
                for name, circuit in found.items():
                    if covers(stored, name, self.book.tags[name]):
                        reading = read_circuit(stored, name, circuit, now_ms)
                        changed += observe(self.book, stored, name, reading, now_ms)
        if systems:
            wants_lag = any(isinstance(one.rule.when, ProjectorLag) for one in systems)
            lag = await read_lag(self._backend, self._wire, now_ms) if wants_lag else (0, "")
            seen = System(
                now_ms=now_ms,
                lag_ms=lag[0],
                laggard=lag[1],
                unprojected=self.unprojected,
                machines=await read_machines(self._backend, self._wire, now_ms),
                jump_ms=self._jumped_ms(),
            )
            for stored in systems:
                for subject, reading in read_system(stored, seen):
                    changed += observe(self.book, stored, subject, reading, now_ms)
        await self._commit(changed, {}, courier)

    def _jumped_ms(self) -> int:
        """How far the server's clock has jumped within the last minute."""
        offset_ms = self._backend.clock.offset_ms
        jump_ms = offset_ms - self._offset_ms
        self._offset_ms = offset_ms
        if abs(jump_ms) > _JUMP_MS:
            self._jump = (round(jump_ms), monotonic())
        return self._jump[0] if monotonic() - self._jump[1] < _JUMP_SHOWN_SECONDS else 0

    async def _commit(
        self,
        changed: list[Incident],
        moved: dict[str, Track],
        courier: Courier,
        forgotten: Iterable[Subject] = (),
    ) -> None:
        """Writes what was decided and how far the histories are worked off, in one step."""
        now_ms = self._backend.clock.now_ms()
        touched = plan(self.book, changed, now_ms) | drop_orphans(self.book)
        # With an incident goes up to when its agent was looked at, or an heir would look again.
        moved = moved | {
            one.subject: self.book.tracks[one.subject]
            for one in changed
            if one.subject in self.book.tracks
        }
        abouts = [*(one.about for one in changed), *forgotten]
        await self._ledger.write(
            [
                *self._ledger.marks(moved),
                *self._ledger.changes(changed),
                *self._ledger.told(self.book, abouts),
                *self._ledger.notices(self.book, touched),
            ]
        )
        courier.notice()
        if any(not one.resolved_ms for one in changed):
            await self._ledger.prune()
