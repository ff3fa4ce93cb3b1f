"""The outcomes of one shard on their way to the log: numbering, batches, rewind. Does no I/O.

Every batch has consecutive sequence numbers. The server takes only the next one it expects, so a
batch is sent again until it is acknowledged, and acknowledged batches are kept for a while: after a
failover that lost them the server says which number it knows, and sending goes on from there.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable
from itertools import islice
from time import monotonic

import msgspec

from fuseline.core.events import Outcome, Result
from fuseline.events.codec import decode_event, encode_event, parse_id
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.projections.store import Argument, probe_member

BATCH_OUTCOMES = 1000
"""Most outcomes of one append: bounds how long the server is busy with it."""

KEEP_SECONDS = 60.0
KEEP_BYTES = 16 << 20
"""How long, and up to which size a shard, acknowledged batches are kept for a rewind."""

_RESEND_DELAY_MS = 20

# A process never comes back under its old id, so it has one life; one that kept its outcomes on
# disk would count up here.
_INCARNATION = 1
_OVERHEAD_BYTES = 60  # of one encoded outcome in memory, roughly

Success = tuple[int, float, float]
"""A quick success: epoch, start and end in seconds of `time.monotonic`."""

Recorded = Success | tuple[float, Outcome]
"""A quick success, or the end and the outcome of any call."""

_VERDICTS = {Result.SUCCESS: "spent", Result.FAILURE: "failed", Result.TIMEOUT: "failed"}


class Batch(msgspec.Struct):
    """Outcomes with consecutive sequence numbers, encoded."""

    first: int
    count: int
    encoded_at: float
    agents: list[tuple[AgentKeys, list[bytes]]]
    settled: list[tuple[int, str, str]]  # index of the agent, member, verdict
    size: int
    acknowledged: bool = False  # once; it may be sent again after a rewind

    @property
    def last(self) -> int:
        """Sequence number of the last outcome."""
        return self.first + self.count - 1


class Outbox:
    """What one producer has for one shard."""

    def __init__(self, shard: ShardKeys, producer: int, name: str) -> None:
        self.shard = shard
        self.producer = producer
        self.name = name
        self.lost = 0  # outcomes that a failover took and that were no longer kept
        self.dropped = 0  # outcomes given up because the server was away for too long
        self._next = 1
        self._waiting: dict[AgentKeys, list[Recorded]] = {}
        self._waiting_count = 0
        self._unacknowledged: deque[Batch] = deque()
        self._kept: deque[Batch] = deque()
        self._kept_size = 0
        self._asking = False

    @property
    def depth(self) -> int:
        """Outcomes that are not acknowledged."""
        return self._waiting_count + sum(batch.count for batch in self._unacknowledged)

    def add(self, agent: AgentKeys, outcomes: list[Recorded]) -> None:
        """Takes outcomes of an agent, in order."""
        self._waiting.setdefault(agent, []).extend(outcomes)
        self._waiting_count += len(outcomes)

    def drop_successes(self, limit: int) -> None:
        """Gives up the oldest successes while more than `limit` outcomes wait."""
        excess = self._waiting_count - limit
        for agent, recorded in self._waiting.items():
            if excess <= 0:
                break
            kept = []
            for item in recorded:
                if excess > 0 and len(item) == 3:
                    excess -= 1
                    self.dropped += 1
                    self._waiting_count -= 1
                else:
                    kept.append(item)
            self._waiting[agent] = kept

    def batches(self, limit: int) -> list[Batch]:
        """Up to `limit` batches to send now: first what was sent before without an answer."""
        while self._waiting_count and len(self._unacknowledged) < limit:
            self._unacknowledged.append(self._make_batch())
        if self._asking and limit > 0:
            self._asking = False
            if not self._unacknowledged:
                self._unacknowledged.append(self._make_batch())
        return list(islice(self._unacknowledged, limit))

    def ask(self) -> None:
        """Sends at least an empty batch next, whose answer says whether the server went back."""
        self._asking = True

    def agents_after(self, known: int) -> set[AgentKeys]:
        """The agents that `rewind` would send outcomes of."""
        again = [batch for batch in self._kept if batch.last > known]
        again += self._unacknowledged
        return {agent for batch in again for agent, _ in batch.agents}

    def call(self, batch: Batch) -> tuple[str, list[str], list[Argument]]:
        """The call of the function `append` for a batch."""
        keys = [self.shard.producers, self.shard.dirty, self.shard.wake]
        delay_ms = round((monotonic() - batch.encoded_at) * 1000)
        arguments: list[Argument] = [
            self.producer,
            self.name,
            _INCARNATION,
            batch.first,
            delay_ms if delay_ms >= _RESEND_DELAY_MS else "",
            len(batch.agents),
        ]
        for agent, blobs in batch.agents:
            keys += (agent.events, agent.probes)
            arguments += (agent.name, len(blobs), *blobs)
        for settled in batch.settled:
            arguments += settled
        return "append", keys, arguments

    def acknowledged(self, batch: Batch) -> bool:
        """The server has the batch; returns whether that is said for the first time."""
        first_time = not batch.acknowledged
        batch.acknowledged = True
        if self._unacknowledged and self._unacknowledged[0] is batch:
            self._unacknowledged.popleft()
        self._kept.append(batch)
        self._kept_size += batch.size
        horizon = monotonic() - KEEP_SECONDS
        while self._kept and (self._kept_size > KEEP_BYTES or self._kept[0].encoded_at < horizon):
            self._kept_size -= self._kept.popleft().size
        return first_time

    def rewind(self, known: int) -> int:
        """The server knows less than was sent; returns how many outcomes are lost for good.

        Everything after `known` is sent again. If not all of that is kept, the rest goes under
        another producer id, numbered from 1, because the server would refuse a gap for ever.
        """
        again = [batch for batch in self._kept if batch.last > known]
        again += self._unacknowledged
        self._kept = deque(batch for batch in self._kept if batch.last <= known)
        self._kept_size = sum(batch.size for batch in self._kept)
        self._unacknowledged = deque(again)
        expected = known + 1
        first = again[0].first if again else self._next
        lost = max(0, first - expected)
        if lost:
            self.lost += lost
            self.renumber()
        return lost

    def renumber(self) -> None:
        """Starts numbering anew, as another producer: (producer, number) names one outcome."""
        self.producer = new_producer_id()
        self._kept.clear()
        self._kept_size = 0
        self._next = 1
        for batch in self._unacknowledged:
            batch.first = self._next
            for _, blobs in batch.agents:
                for place, blob in enumerate(blobs):
                    outcome = decode_event(blob)
                    assert isinstance(outcome, Outcome)
                    outcome.worker, outcome.seq = self.producer, self._next
                    blobs[place] = encode_event(outcome)
                    self._next += 1

    def _make_batch(self) -> Batch:
        now = monotonic()
        batch = Batch(self._next, 0, now, [], [], 0)
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
                self._encode(batch, agent, recorded, now)
        self._waiting_count -= batch.count
        self._next += batch.count
        return batch

    def _encode(
        self, batch: Batch, agent: AgentKeys, recorded: Iterable[Recorded], now: float
    ) -> None:
        blobs = []
        seq = batch.first + batch.count
        producer = self.producer
        for item in recorded:
            if len(item) == 3:
                epoch, started, ended = item
                outcome = Outcome(
                    epoch,
                    Result.SUCCESS,
                    int((ended - started) * 1000),
                    int((now - ended) * 1000),
                    producer,
                    seq,
                )
            else:
                ended, outcome = item
                outcome.age_ms = int((now - ended) * 1000)
                outcome.worker = producer
                outcome.seq = seq
                if outcome.permit is not None:
                    member = probe_member(outcome.epoch, outcome.permit)
                    verdict = _VERDICTS.get(outcome.result, "back")
                    batch.settled.append((len(batch.agents) + 1, member, verdict))
            seq += 1
            blobs.append(encode_event(outcome))
        batch.agents.append((agent, blobs))
        batch.count += len(blobs)
        batch.size += len(blobs) * _OVERHEAD_BYTES + sum(map(len, blobs))


def new_producer_id() -> int:
    """A random id of 32 bits; the log refuses one that another process uses."""
    return secrets.randbits(32)


def last_ids(batch: Batch, reply: list[bytes]) -> list[tuple[AgentKeys, tuple[int, int], int]]:
    """From the reply of `append`: each agent, the id of its last outcome, and how many it had."""
    return [
        (agent, parse_id(raw) if raw else (0, 0), len(blobs))
        for (agent, blobs), raw in zip(batch.agents, reply[3:], strict=False)
    ]
