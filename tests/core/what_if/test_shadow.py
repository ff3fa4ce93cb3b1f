"""A shadow is the candidate of a what-if, folded event by event, stored between any two of them."""

import random
from collections.abc import Sequence

import pytest

from fuseline.core.circuit import ShadowTransition
from fuseline.core.events import AgentRemoved, Entry, Outcome, Result, ShadowSet, Tick
from fuseline.core.fold import fold, fold_in_place, initial
from fuseline.core.what_if.comparing import WhatIf
from fuseline.core.what_if.shadow import KEPT, Shadow, fold_shadow
from fuseline.projections.shadow_codec import decode_shadow, encode_shadow
from tests.projections.tally_support import lively_log

PATCHES = [
    {"failure_threshold": 2, "timeout_seconds": 1.0},
    {"failure_threshold": None, "failure_rate_threshold": 0.2, "minimum_calls": 5},
    {"failure_threshold": 40, "failure_rate_threshold": None},
    {"half_open_max_calls": 1, "timeout_seconds": 300.0},
    {"enabled": False},
]


def with_shadow(log: list[Entry], patch: dict[str, object], chance: random.Random) -> list[Entry]:
    """The log with a shadow set at a ms of its own."""
    place = chance.randrange(1, len(log) // 2)
    while log[place][0] - log[place - 1][0] < 2:
        place += 1
    ms = log[place - 1][0] + 1
    return [*log[:place], (ms, 0, ShadowSet(patch, "ada", "tried")), *log[place:]]


def folded(
    log: Sequence[Entry], chance: random.Random | None, most: int = 1
) -> tuple[Shadow | None, list[ShadowTransition]]:
    """Folds in parts; between two of them the shadow is bytes, and the circuit is given anew."""
    circuit, raw = initial(), b""
    made: list[ShadowTransition] = []
    start = 0
    while start < len(log):
        end = len(log) if chance is None else start + chance.randint(1, most)
        part = log[start:end]
        shadow = decode_shadow(raw)
        shadow, found = fold_shadow(shadow, None if shadow else circuit.copy(), part)
        fold_in_place(circuit, part)
        if shadow is not None:
            assert shadow.recorded.circuit.at(circuit.last_ms) == circuit.at(circuit.last_ms)
        made += found
        raw = encode_shadow(shadow)
        start = end
    return decode_shadow(raw), made


@pytest.mark.parametrize("seed", range(12))
def test_it_does_the_same_however_it_is_cut_and_what_a_what_if_says(seed: int) -> None:
    chance = random.Random(seed)
    patch = PATCHES[seed % len(PATCHES)]
    log = with_shadow(lively_log(chance, 700), patch, chance)
    whole, made = folded(log, None)
    assert whole is not None
    for most in (1, 5, 60):
        shadow, found = folded(log, chance, most)
        assert found == made
        assert shadow is not None
        assert [one.circuit for one in shadow.candidate.all] == whole.circuits
        assert encode_shadow(shadow) == encode_shadow(whole)
    # Folding says no word of the shadow to the circuit.
    plain = [entry for entry in log if not isinstance(entry[2], ShadowSet)]
    assert fold(initial(), log)[0] == fold(initial(), plain)[0]
    asked = WhatIf(initial(), patch, whole.since.at_ms, log[-1][0] + 1)
    asked.take(log)
    asked.finish()
    assert asked._candidate is not None
    spans = asked._candidate.first.spans
    said = list(zip(spans.states[1:], spans.begins[1:], strict=True))
    told = [(one.to_state, one.at_ms) for one in made]
    assert told == said[: len(told)]
    # The end of the range may let time pass that no event has told of.
    assert all(at_ms > log[-1][0] - 1 for _, at_ms in said[len(told) :])


def test_some_of_these_logs_say_something() -> None:
    known = []
    for seed in range(12):
        chance = random.Random(seed)
        log = with_shadow(lively_log(chance, 700), PATCHES[0], chance)
        known += [one.known for one in folded(log, None)[1]]
    assert known.count(True) > 5
    assert known.count(False) > 5


def test_a_shadow_ends_by_word_by_another_and_with_its_agent() -> None:
    log = lively_log(random.Random(3), 300)
    ms = log[-1][0]
    first = (ms + 1, 0, ShadowSet({"failure_threshold": 1}))
    fails = Outcome(0, Result.FAILURE, 5)

    def after(*more: Entry) -> Shadow | None:
        return folded([*log, first, *more], None)[0]

    assert after() is not None
    other = after((ms + 2, 0, ShadowSet({"timeout_seconds": 9.0})))
    assert other is not None
    assert (other.patch, other.since.at_ms) == ({"timeout_seconds": 9.0}, ms + 2)
    assert after((ms + 2, 0, ShadowSet({})), (ms + 3, 0, fails)) is None
    assert after((ms + 2, 0, AgentRemoved(7)), (ms + 3, 0, fails)) is None
    # Settings of a release to come leave the one there is.
    kept = after((ms + 2, 0, ShadowSet({"invented": 1})))
    assert kept is not None
    assert kept.patch == {"failure_threshold": 1}


def test_what_is_stored_does_not_grow() -> None:
    log: list[Entry] = [(1000, 0, ShadowSet({"failure_threshold": 1, "timeout_seconds": 0.1}))]
    sizes = []
    log += [(2000 + n * 150, 0, Outcome(0, Result(n % 7 == 0), 1)) for n in range(3000)]
    shadow: Shadow | None = None
    circuit = initial()
    made: list[ShadowTransition] = []
    for start in range(0, len(log), 50):
        part = log[start : start + 50]
        shadow, found = fold_shadow(shadow, None if shadow else circuit.copy(), part)
        fold_in_place(circuit, part)
        made += found
        sizes.append(len(encode_shadow(shadow)))
    assert len(made) > 4 * KEPT
    assert max(sizes) < 8000


def test_months_of_which_nobody_knows_are_passed_at_once() -> None:
    """It opened and nobody called for long, while its shadow would have let calls through."""
    log: list[Entry] = [(1000, 0, ShadowSet({"failure_threshold": 50, "minimum_calls": 1000}))]
    log += [(2000 + n, 0, Outcome(0, Result.FAILURE, 1)) for n in range(10)]
    log.append((2000 + 400 * 86_400_000, 0, Tick()))
    shadow, _ = fold_shadow(None, initial(), log)
    assert shadow is not None
    assert len(shadow.circuits) == 3
    assert not shadow.is_known
    assert max(one.filling.calls for one in shadow.candidate.all) < 10_000_000
    assert sum(one.filling._folded for one in shadow.candidate.all) < 50_000
