"""A batch: outcomes of one shard with consecutive numbers, encoded."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic

import msgspec

from fuseline.core.events import Outcome, Result
from fuseline.events.codec import decode_event, encode_event
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.projections.ahead import MOST_AGENTS, tell_call
from fuseline.projections.store import Argument, probe_member

Success = tuple[int, float, float]
"""A quick success: epoch, start and end in seconds of `time.monotonic`."""

Recorded = Success | tuple[float, Outcome]
"""A quick success, or the end and the outcome of any call."""

_RESEND_DELAY_MS = 20

_OVERHEAD_BYTES = 60  # of one encoded outcome in memory, roughly
_FAILED = (Result.FAILURE, Result.TIMEOUT)
_VERDICTS = {Result.SUCCESS: "spent", Result.FAILURE: "failed", Result.TIMEOUT: "failed"}


class Batch(msgspec.Struct, eq=False):
    """Outcomes with consecutive sequence numbers, encoded."""

    first: int
    count: int
    encoded_at: float
    agents: list[tuple[AgentKeys, list[bytes]]]
    settled: list[tuple[int, str, str]]  # index of the agent, member, verdict
    decisive: list[AgentKeys] = []  # whose outcomes may change a state
    size: int = 0
    acknowledged: bool = False  # once; it may be sent again after a rewind
    acknowledged_at: float = 0.0
    row: int = 0  # where it stands in the spool; 0: nowhere

    @property
    def last(self) -> int:
        """Sequence number of the last outcome."""
        return self.first + self.count - 1

    def add(
        self, agent: AgentKeys, recorded: Iterable[Recorded], now: float, producer: int
    ) -> None:
        """Encodes outcomes of an agent, aged by now, under the next numbers."""
        blobs = []
        seq = self.first + self.count
        decisive = False
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
                won = outcome.permit is not None and outcome.result is Result.SUCCESS
                decisive = decisive or won or outcome.result in _FAILED
                if outcome.permit is not None:
                    member = probe_member(outcome.epoch, outcome.permit)
                    verdict = _VERDICTS.get(outcome.result, "back")
                    self.settled.append((len(self.agents) + 1, member, verdict))
            seq += 1
            blobs.append(encode_event(outcome))
        self.agents.append((agent, blobs))
        if decisive:
            self.decisive.append(agent)
        self.count += len(blobs)
        self.size += size_of(blobs)

    def number(self, producer: int, first: int) -> None:
        """Gives the outcomes these numbers, inside as well, where they have others."""
        self.first = seq = first
        for _, blobs in self.agents:
            for place, blob in enumerate(blobs):
                outcome = decode_event(blob)
                assert isinstance(outcome, Outcome)
                if (outcome.worker, outcome.seq) != (producer, seq):
                    outcome.worker, outcome.seq = producer, seq
                    blobs[place] = encode_event(outcome)
                seq += 1


def append_call(
    shard: ShardKeys, producer: tuple[int, str, int], batch: Batch
) -> tuple[str, list[str], list[Argument]]:
    """The call of the function `append` for a batch.

    Args:
        shard: of all its agents.
        producer: whose outcomes they are: id, name, incarnation.
        batch: the outcomes.
    """
    keys = [shard.producers, shard.dirty, shard.wake]
    delay_ms = round((monotonic() - batch.encoded_at) * 1000)
    arguments: list[Argument] = [
        *producer,
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


def tell_calls(shard: ShardKeys, batch: Batch) -> list[tuple[str, list[str], list[Argument]]]:
    """The calls to make behind that of `append`; whatever becomes of them, the outcomes stand."""
    if len(batch.decisive) > MOST_AGENTS:
        return []
    return [tell_call(shard, agent) for agent in batch.decisive]


def size_of(blobs: list[bytes]) -> int:
    """What encoded outcomes take in memory, roughly, in bytes."""
    return len(blobs) * _OVERHEAD_BYTES + sum(map(len, blobs))
