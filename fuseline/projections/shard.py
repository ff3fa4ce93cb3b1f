"""One shard under a projector: folded circuits in memory, and what is to do next."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from fuseline.core.circuit import NEVER_MS, Circuit, ShadowChanged
from fuseline.core.fold import fold_in_place
from fuseline.core.what_if.shadow import Shadow, fold_shadow, woven
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.log import Entry
from fuseline.projections.shadow_codec import encode_shadow
from fuseline.projections.store import Commit
from fuseline.projections.tally import Tally
from fuseline.telemetry.logs import get_logger

_log = get_logger("projector")


class ShardProjection:
    """The circuits of a shard this projector holds the lease of. Does no I/O."""

    def __init__(self, keys: ShardKeys, token: int) -> None:
        self.keys = keys
        self.token = token
        self.lost = False  # the lease was found to be another's
        self.wake_position = "0-0"
        self.circuits: dict[str, Circuit] = {}
        self.tallies: dict[str, Tally] = {}  # the counts beside each circuit
        self.shadows: dict[str, Shadow] = {}  # of the few agents that have one
        self.careful: set[str] = set()  # agents among whose next events a shadow begins
        self.unstored: set[str] = set()  # agents whose circuit has no projection in Redis yet
        self.pending: dict[str, None] = {}  # agents with events to read and fold, as noticed
        self.carried: dict[str, list[Entry]] = {}  # events at hand, each from its checkpoint on
        self.unsure: dict[str, Commit] = {}  # sent, but whether it was stored is not known
        self.broken: dict[str, str] = {}  # agents set aside because of their keys, with the reason
        self._deadlines: list[tuple[int, str]] = []
        self._next_deadline: dict[str, int] = {}

    def notice(self, names: Iterable[str]) -> None:
        """Remembers that agents have new events."""
        self.pending.update(dict.fromkeys(names))

    def carry(self, agent: str, ended: str, entries: list[Entry]) -> None:
        """Takes events that came with a wake-up; `ended` is the id before the first of them.

        What does not continue where the circuit stands has to be read, unless it is folded already.
        (Or its log went back; then the agent stays dirty, and is read for that.)
        """
        if agent in self.pending:
            return
        circuit = self.circuits.get(agent)
        at_hand = self.carried.get(agent)
        if circuit is not None:
            stands = f"{at_hand[-1][0]}-{at_hand[-1][1]}" if at_hand else circuit.checkpoint
            if stands == ended:
                self.carried.setdefault(agent, []).extend(entries)
                return
            if not at_hand and entries and entries[-1][:2] <= circuit.position:
                return
        self.carried.pop(agent, None)
        self.pending[agent] = None

    def take_carried(self) -> Iterable[tuple[str, list[Entry]]]:
        """Hands over what came with wake-ups, for `fold`."""
        if not self.carried:
            return ()
        carried, self.carried = self.carried, {}
        return carried.items()

    def put(
        self,
        agent: str,
        circuit: Circuit,
        tally: Tally | None = None,
        shadow: Shadow | None = None,
        *,
        stored: bool,
    ) -> None:
        """Takes a circuit as it stands in Redis with what stands beside it, or the initial ones."""
        self.shadows.pop(agent, None)
        if shadow is not None:
            self.shadows[agent] = shadow
        self.circuits[agent] = circuit
        if tally is None:
            tally = Tally.beginning_at(circuit.position) if stored else Tally()
        self.tallies[agent] = tally
        if stored:
            self.unstored.discard(agent)
        else:
            self.unstored.add(agent)
        self._schedule(agent, circuit)

    def forget(self, agent: str) -> None:
        """Drops a circuit that is not what Redis holds; it is loaded again when needed."""
        self.circuits.pop(agent, None)
        self.tallies.pop(agent, None)
        self.shadows.pop(agent, None)
        if self.carried.pop(agent, None):
            self.pending[agent] = None
        self.unstored.discard(agent)
        self._next_deadline.pop(agent, None)

    def reload(self, commits: Iterable[Commit]) -> None:
        """Drops circuits that were folded further but perhaps not stored, to fold them again."""
        names = [commit.agent.name for commit in commits]
        for name in names:
            self.forget(name)
        self.notice(names)

    def set_aside(self, agent: str, reason: str) -> None:
        """Passes an agent over whose keys are damaged; it must not stop the others."""
        self.forget(agent)
        self.pending.pop(agent, None)
        if self.broken.get(agent) != reason:
            self.broken[agent] = reason
            _log.error("agent_set_aside", agent=agent, reason=reason)

    def fold(self, agent: AgentKeys, entries: list[Entry]) -> Commit | None:
        """Folds new entries; None if they were all folded before, or have to be read again.

        That is when a shadow begins among them: only then it is known that the circuit as it was
        before is needed, and Redis has it.
        """
        circuit = self.circuits[agent.name]
        before_shadow: Circuit | None = None
        if self.careful and agent.name in self.careful:
            self.careful.discard(agent.name)
            before_shadow = circuit.copy()
        before, since_ms = circuit.checkpoint, circuit.since_ms
        base = "" if agent.name in self.unstored else before
        view = view_of(circuit)
        changes = fold_in_place(circuit, entries)
        if circuit.checkpoint == before:
            return None
        shadow: bytes | None = None
        if before_shadow is not None or (self.shadows and agent.name in self.shadows):
            was = self.shadows.pop(agent.name, None)
            now, made = fold_shadow(was, before_shadow, entries)
            changes = woven(changes, made)
            shadow = encode_shadow(now)
            if now is not None:
                self.shadows[agent.name] = now
        elif changes and any(type(change) is ShadowChanged for change in changes):
            self.forget(agent.name)
            self.careful.add(agent.name)
            self.notice([agent.name])
            return None
        tally = self.tallies[agent.name]
        rollups = tally.take(entries)
        changed = view_of(circuit) != view
        return Commit(
            agent, base, circuit, changes, changed,
            tally=tally, rollups=rollups, events=len(entries), since_ms=since_ms,
            shadow=shadow,
        )  # fmt: skip

    def committed(self, commit: Commit) -> None:
        """The commit stands in Redis."""
        self.unstored.discard(commit.agent.name)
        self._schedule(commit.agent.name, commit.circuit)

    def due(self, now_ms: int, limit: int = 500) -> list[tuple[str, int]]:
        """Takes out the agents whose deadline has come, with that deadline."""
        result: list[tuple[str, int]] = []
        while self._deadlines and self._deadlines[0][0] <= now_ms and len(result) < limit:
            deadline, agent = heapq.heappop(self._deadlines)
            if self._next_deadline.get(agent) == deadline:
                del self._next_deadline[agent]
                result.append((agent, deadline))
        return result

    def next_deadline_ms(self) -> int:
        """When `due` will next give something."""
        while (
            self._deadlines
            and self._next_deadline.get(self._deadlines[0][1]) != (self._deadlines[0][0])
        ):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else NEVER_MS

    def schedule(self, agent: str, at_ms: int) -> None:
        """Asks for the agent again at `at_ms`."""
        if self._next_deadline.get(agent) != at_ms:
            self._next_deadline[agent] = at_ms
            heapq.heappush(self._deadlines, (at_ms, agent))

    def _schedule(self, agent: str, circuit: Circuit) -> None:
        deadline = circuit.next_deadline_ms
        if self.shadows and agent in self.shadows:
            deadline = min(deadline, self.shadows[agent].circuits[0].next_deadline_ms)
        if deadline >= NEVER_MS:
            self._next_deadline.pop(agent, None)
        else:
            self.schedule(agent, deadline)


def view_of(circuit: Circuit) -> tuple[object, ...]:
    """What workers decide by; when it changes the feed says so."""
    return (
        circuit.state,
        circuit.epoch,
        circuit.open_until_ms,
        circuit.mode,
        circuit.mode_until_ms,
        circuit.revision,
    )
