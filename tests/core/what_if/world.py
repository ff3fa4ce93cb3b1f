"""A world of calls that come whatever the breaker says, so that two breakers can be compared.

The truth of what-if: the same calls, met by another breaker. It shares nothing with
`fuseline.core.what_if` but the fold.
"""

import heapq
import random
from typing import NamedTuple

from fuseline.core.circuit import Change, Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Entry, Outcome, ProbeStarted, Result
from fuseline.core.fold import advance, fold_in_place, initial
from tests.core.play import T0


class Call(NamedTuple):
    began_ms: int
    took_ms: int
    result: Result


class World(NamedTuple):
    """What a breaker made of the calls.

    The log holds those it let through; `refused_good` and `failed` count by the truth.
    """

    log: list[Entry]
    transitions: list[Transition]
    admitted: set[int]
    circuit: Circuit


def traffic(rng: random.Random, count: int, took_ms: int = 30) -> list[Call]:
    """Calls at a few ms from each other, with bad and good times."""
    calls, now, bad = [], T0, False
    for _ in range(count):
        now += rng.choice((1, 5, 20, 20, 60, 300))
        if rng.random() < 0.06:
            bad = not bad
        failed = rng.random() < (0.8 if bad else 0.05)
        calls.append(Call(now, took_ms, Result.FAILURE if failed else Result.SUCCESS))
    return calls


def live(config: CircuitBreakerConfig, calls: list[Call], lag_ms: int = 0) -> World:
    """Plays the calls against a breaker that everybody sees; outcomes come `lag_ms` late."""
    circuit = initial(config)
    log: list[Entry] = []
    changes: list[Change] = []
    admitted: set[int] = set()
    running: list[tuple[int, int, int, str | None]] = []  # end, number of the call, epoch, permit
    seq = 0

    def write(ms: int, event: Outcome | ProbeStarted) -> str:
        nonlocal seq
        seq += 1
        log.append((ms, seq, event))
        changes.extend(fold_in_place(circuit, [log[-1]]))
        return f"{ms}-{seq}"

    def end_until(ms: int) -> None:
        while running and running[0][0] <= ms:
            ended, number, epoch, permit = heapq.heappop(running)
            call = calls[number]
            write(ended, Outcome(epoch, call.result, call.took_ms, lag_ms, worker=1, permit=permit))

    for number, call in enumerate(calls):
        end_until(call.began_ms)
        now, _ = advance(circuit, call.began_ms)
        permit = None
        if now.state is CircuitState.OPEN:
            continue
        if now.state is CircuitState.HALF_OPEN:
            if not now.probe_places:
                continue
            permit = write(call.began_ms, ProbeStarted(now.epoch, 100_000, worker=1))
        admitted.add(number)
        heapq.heappush(running, (call.began_ms + call.took_ms + lag_ms, number, now.epoch, permit))
    end_until(1 << 60)
    transitions = [change for change in changes if isinstance(change, Transition)]
    return World(log, transitions, admitted, circuit)
