"""The outcomes of one shard on their way to the log: numbering, batches, rewind. Does no I/O.

Every batch has consecutive sequence numbers. The server takes only the next one it expects, so a
batch is sent again until it is acknowledged, and acknowledged batches are kept for a while: after a
failover that lost them the server says which number it knows, and sending goes on from there.

In the order of their numbers: kept (acknowledged), unacknowledged (in memory, sent before or next),
parked (on disk alone, see `spool`), sealed (numbered, to be parked), waiting (not numbered yet).
Only what was never sent may get other numbers, so only that is parked.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from time import monotonic

from fuseline.bridge.batch import Batch, Recorded, append_call
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.projections.store import Argument

BATCH_OUTCOMES = 1000
"""Most outcomes of one append: bounds how long the server is busy with it."""

MAX_BATCHES = 256
"""Most batches of one shard in one go, however small: each is a call."""

KEEP_SECONDS = 60.0
KEEP_BYTES = 16 << 20
"""How long, and up to which size a shard, acknowledged batches are kept for a rewind."""

# Nobody adds to a producer's outcomes but the process that began it, so a producer has one life;
# whoever takes over its spool sends what is there, under the same life.
_INCARNATION = 1


class Outbox:
    """What one producer has for one shard."""

    def __init__(self, shard: ShardKeys, producer: int, name: str) -> None:
        self.shard = shard
        self.producer = producer
        self.name = name
        self.lost = 0  # outcomes that a failover, or a damaged spool, took for good
        self.dropped = 0  # outcomes given up because the server was away for too long
        self.parked = 0  # outcomes that are on disk alone
        self.resent = 0  # outcomes sent again because the log had lost them
        self._next = 1
        self._waiting: dict[AgentKeys, list[Recorded]] = {}
        self._waiting_count = 0
        self._sealed: list[Batch] = []
        self._unacknowledged: deque[Batch] = deque()
        self._kept: deque[Batch] = deque()
        self._kept_size = 0
        self._asking = False

    @property
    def depth(self) -> int:
        """Outcomes that are not acknowledged."""
        return self.in_memory + self.parked

    @property
    def in_memory(self) -> int:
        """Outcomes that are not acknowledged and not parked."""
        held = sum(batch.count for batch in self._unacknowledged)
        return self._waiting_count + self._sealed_count + held

    @property
    def first_parked(self) -> int:
        """The number from which on nothing was ever sent."""
        return self._next - self._sealed_count - self.parked

    @property
    def _sealed_count(self) -> int:
        return sum(batch.count for batch in self._sealed)

    def add(self, agent: AgentKeys, outcomes: list[Recorded]) -> None:
        """Takes outcomes of an agent, in order."""
        self._waiting.setdefault(agent, []).extend(outcomes)
        self._waiting_count += len(outcomes)

    def drop_waiting(self, limit: int) -> None:
        """Gives up the oldest while more than `limit` wait in memory: successes before others."""
        for successes_only in (True, False):
            excess = self._waiting_count - limit
            for agent, recorded in self._waiting.items():
                if excess <= 0:
                    return
                kept = []
                for item in recorded:
                    if excess > 0 and (len(item) == 3 or not successes_only):
                        excess -= 1
                        self.dropped += 1
                        self._waiting_count -= 1
                    else:
                        kept.append(item)
                self._waiting[agent] = kept

    # --- sending ---

    def batches(self, room: int) -> list[Batch]:
        """Batches to send now, of about `room` outcomes: first what was sent without an answer."""
        found: list[Batch] = []
        for batch in self._unacknowledged:
            if room <= 0 or len(found) >= MAX_BATCHES:
                return found
            found.append(batch)
            room -= max(1, batch.count)
        if self.parked:
            return found  # those on disk come first
        while room > 0 and len(found) < MAX_BATCHES and (self._sealed or self._waiting_count):
            batch = self._sealed.pop(0) if self._sealed else self._make_batch()
            self._unacknowledged.append(batch)
            found.append(batch)
            room -= max(1, batch.count)
        if self._asking and room > 0:
            self._asking = False
            if not found:
                batch = self._make_batch()
                self._unacknowledged.append(batch)
                found.append(batch)
        return found

    def ask(self) -> None:
        """Sends at least an empty batch next, whose answer says whether the server went back."""
        self._asking = self._next > 1  # of what was never sent nothing can be lost

    def agents_after(self, known: int) -> set[AgentKeys]:
        """The agents that `rewind` would send outcomes of."""
        again = [batch for batch in self._kept if batch.last > known]
        again += self._unacknowledged
        return {agent for batch in again for agent, _ in batch.agents}

    def call(self, batch: Batch) -> tuple[str, list[str], list[Argument]]:
        """The call of the function `append` for a batch."""
        return append_call(self.shard, (self.producer, self.name, _INCARNATION), batch)

    def acknowledged(self, batch: Batch) -> bool:
        """The server has the batch; returns whether that is said for the first time."""
        first_time = not batch.acknowledged
        batch.acknowledged, batch.acknowledged_at = True, monotonic()
        if self._unacknowledged and self._unacknowledged[0] is batch:
            self._unacknowledged.popleft()
        self._kept.append(batch)
        self._kept_size += batch.size
        horizon = monotonic() - KEEP_SECONDS
        while self._kept and (
            self._kept_size > KEEP_BYTES or self._kept[0].acknowledged_at < horizon
        ):
            self._kept_size -= self._kept.popleft().size
        return first_time

    def rewind(self, known: int) -> int:
        """The server knows less than was sent; returns how many outcomes are lost for good.

        Everything after `known` is sent again. If not all of that is kept, the rest must go under
        another producer id (`renumber`), because the server would refuse a gap for ever.
        """
        again = [batch for batch in self._kept if batch.last > known]
        self.resent += sum(min(batch.count, batch.last - known) for batch in again)
        again += self._unacknowledged
        self._kept = deque(batch for batch in self._kept if batch.last <= known)
        self._kept_size = sum(batch.size for batch in self._kept)
        self._unacknowledged = deque(again)
        first = again[0].first if again else self.first_parked
        lost = max(0, first - (known + 1))
        self.lost += lost
        return lost

    def renumber(self) -> int:
        """Starts numbering anew, as another producer: (producer, number) names one outcome.

        Returns:
            By how much all numbers have changed; those on disk must follow before any is sent.
        """
        self.producer = new_producer_id()
        self._kept.clear()
        self._kept_size = 0
        held = self._unacknowledged
        return self._shift(1 - (held[0].first if held else self.first_parked), held)

    # --- parking ---

    def seal(self) -> list[Batch]:
        """Numbers all that waits; returns what must be on disk so that nothing is in memory alone.

        Unless what was sealed before could not be parked: then there is no use in making more.
        """
        if not self._sealed:
            while self._waiting_count:
                self._sealed.append(self._make_batch())
        return [batch for batch in self._unacknowledged if batch.count and not batch.row] + (
            self._sealed
        )

    def stored(self, batches: Sequence[Batch]) -> list[int]:
        """They have rows now; returns those rows that nobody needs any more."""
        held = set(map(id, self._unacknowledged))
        sealed = set(map(id, self._sealed))
        self._sealed = [batch for batch in self._sealed if not batch.row]
        self.parked += sum(batch.count for batch in batches if id(batch) in sealed)
        return [b.row for b in batches if id(b) not in held and id(b) not in sealed]

    def fetched(self, batches: Sequence[Batch]) -> None:
        """They are in memory again, and next to be sent."""
        self._unacknowledged.extend(batches)
        self.parked -= sum(batch.count for batch in batches)

    def shed(self, count: int) -> None:
        """So many of the parked were dropped; the others have moved up."""
        self.parked -= count
        self.dropped += count
        self._shift(-count, ())

    def lose_parked(self) -> int:
        """The disk cannot be read: what was there alone is gone; returns how many."""
        lost, self.parked = self.parked, 0
        self.lost += lost
        for batch in self._unacknowledged:
            batch.row = 0
        self._shift(-lost, ())
        return lost

    def resume(self, count: int, following: int) -> None:
        """Takes over `count` parked outcomes, before the number `following`, of another process."""
        self.parked, self._next = count, following

    def _shift(self, change: int, held: Sequence[Batch]) -> int:
        for batch in (*held, *self._sealed):
            batch.number(self.producer, batch.first + change)
        self._next += change
        return change

    def _make_batch(self) -> Batch:
        now = monotonic()
        batch = Batch(self._next, 0, now, [], [])
        for agent in list(self._waiting):
            room = BATCH_OUTCOMES - batch.count
            if room <= 0:
                break
            recorded = self._waiting[agent]
            if len(recorded) <= room:
                del self._waiting[agent]
            else:
                self._waiting[agent] = recorded[room:]
                recorded = recorded[:room]
            if recorded:
                batch.add(agent, recorded, now, self.producer)
        self._waiting_count -= batch.count
        self._next += batch.count
        return batch


def new_producer_id() -> int:
    """A random id of 32 bits; the log refuses one that another process uses."""
    return secrets.randbits(32)


def refusals(batch: Batch, reply: list[bytes]) -> list[tuple[str, int, str]]:
    """From the reply of `append`: agents whose outcomes it refused, how many, and why."""
    errors = reply[3 + len(batch.agents) :]
    found = []
    for index, text in zip(errors[::2], errors[1::2], strict=True):
        agent, blobs = batch.agents[int(index) - 1]
        found.append((agent.name, len(blobs), text.decode()))
    return found


def last_ids(batch: Batch, reply: list[bytes]) -> list[tuple[AgentKeys, tuple[int, int], int]]:
    """From the reply of `append`: each agent, the id of its last outcome, and how many it had."""
    return [
        (agent, parse_id(raw) if raw else (0, 0), len(blobs))
        for (agent, blobs), raw in zip(batch.agents, reply[3:], strict=False)
    ]
