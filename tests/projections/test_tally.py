"""The tally counts what the fold sees, once, whatever comes between."""

import random

import pytest

from fuseline.core.errors import BackendError
from fuseline.core.events import Outcome, Result
from fuseline.projections.tally import (
    HOURS,
    LEAST,
    UNITS,
    Tally,
    bin_bounds,
    bin_of,
    decode_sum,
    decode_tally,
    encode_tally,
    parse_unit,
)
from tests.projections.tally_support import BEGIN, HOUR, plain_bin, random_log


def successes(*times: int) -> list:
    return [(ms, n, Outcome(0, Result.SUCCESS, 5)) for n, ms in enumerate(times, start=1)]


@pytest.mark.parametrize("seed", range(20))
def test_however_the_log_is_cut_the_counts_are_the_same(seed: int) -> None:
    chance = random.Random(seed)
    log = random_log(chance, 2000)
    whole = Tally()
    expected = dict(whole.take(log))
    cut, found, at = Tally(), {}, 0
    while at < len(log):
        size = chance.choice([1, 2, 7, 50, 400])
        again = max(0, at - chance.randrange(3))  # entries may come once more
        found.update(cut.take(log[again : at + size]))
        at += size
        cut = decode_tally(encode_tally(cut)) or Tally()
    assert cut == whole
    assert {unit: decode_sum(unit, raw) for unit, raw in found.items()} == {
        unit: decode_sum(unit, raw) for unit, raw in expected.items()
    }


@pytest.mark.parametrize("seed", range(10))
def test_a_rollup_says_what_its_unit_holds(seed: int) -> None:
    log = random_log(random.Random(seed), 2000)
    tally = Tally()
    rollups = dict(tally.take(log))
    for level, (letter, width) in enumerate(UNITS):
        held: dict[int, int] = {}
        for ms, _, _ in log:
            held[ms // width] = held.get(ms // width, 0) + 1
        index, total = tally.open_units()[level]
        assert total.entries == held.pop(index)
        for index, count in held.items():
            raw = rollups.pop(f"{letter}:{index}", None)
            if raw is None:
                assert count < LEAST
                assert level < HOURS
            else:
                assert decode_sum("", raw).entries == count
    assert not rollups


def test_few_entries_make_no_rollup_but_an_hour_does() -> None:
    tally = Tally()
    tally.take(successes(*[BEGIN] * (LEAST - 1)))
    (rollup,) = tally.take(successes(BEGIN + HOUR))
    assert rollup[0] == f"h:{BEGIN // HOUR}"


def test_a_tally_that_begins_late_vouches_for_whole_units_only() -> None:
    begin = BEGIN + 12_345
    tally = Tally.beginning_at((begin, 3))
    times = [begin + 1] * 10 + [BEGIN + 20_000] * 10 + [BEGIN + 60_000] * 10
    units = [unit for unit, _ in tally.take(successes(*times, BEGIN + HOUR))]
    assert units == [
        f"s:{BEGIN // 10_000 + 2}",
        f"s:{BEGIN // 10_000 + 6}",
        f"m:{BEGIN // 60_000 + 1}",
    ]


def test_what_was_counted_is_not_counted_again() -> None:
    tally = Tally()
    log = successes(BEGIN, BEGIN + 1, BEGIN + 2)
    tally.take(log)
    tally.take(log)
    tally.take([*log, *successes(BEGIN + 3)])
    assert tally.open_units()[0][1].entries == 4


def test_bins_are_what_they_are_meant_to_be() -> None:
    durations = [*range(70_000), *(1 << n for n in range(54)), *((1 << n) - 1 for n in range(54))]
    for duration in durations:
        number = bin_of(duration)
        assert number == plain_bin(duration)
        low, beyond = bin_bounds(number)
        assert low <= duration < beyond


def test_what_cannot_be_read_is_told_or_counted_anew() -> None:
    assert decode_tally(None) is None
    assert decode_tally(b"nonsense") is None
    with pytest.raises(BackendError, match="unit h:7"):
        decode_sum("h:7", b"nonsense")
    assert parse_unit(b"h:7") == (HOURS, 7)
    assert parse_unit(b"x:7") is None
    assert parse_unit(b"\xff") is None
