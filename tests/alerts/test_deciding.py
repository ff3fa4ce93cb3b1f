"""When incidents begin and end: against a second, slower way to say it, and however it is cut."""

from collections.abc import Callable, Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseline.alerts.book import Book
from fuseline.alerts.deciding import follow, next_deadline, observe, retire
from fuseline.alerts.model import Incident, Track
from fuseline.alerts.samples import Reading
from fuseline.core.circuit import (
    NEVER_MS,
    Cause,
    Change,
    CircuitState,
    Figures,
    ModeChanged,
    Transition,
)
from fuseline.core.events import Mode
from fuseline.projections.timeline import Item, Kind
from fuseline.schemas.alerts import (
    AlertRule,
    FailureRate,
    Flapping,
    Opened,
    OpenLonger,
    OverrideLonger,
    StoredRule,
    When,
)

AGENT = "a"
END_MS = 130
OPEN_MS, WITHIN_MS, TIMES, OVERRIDE_MS = 7, 20, 2, 9
WHENS: dict[str, When] = {
    "opened": Opened(),
    "longer": OpenLonger(for_seconds=OPEN_MS / 1000),
    "flapping": Flapping(times=TIMES, within_seconds=WITHIN_MS / 1000),
    "override": OverrideLonger(for_seconds=OVERRIDE_MS / 1000),
}
NEXT = {
    CircuitState.CLOSED: [CircuitState.OPEN],
    CircuitState.OPEN: [CircuitState.HALF_OPEN, CircuitState.CLOSED],
    CircuitState.HALF_OPEN: [CircuitState.OPEN, CircuitState.CLOSED],
}


def stored(name: str, when: When, created_ms: int = 0) -> StoredRule:
    return StoredRule(
        rule=AlertRule(name=name, when=when),
        revision=1,
        created_ms=created_ms,
        updated_ms=created_ms,
        updated_by="t",
    )


def book_of(whens: dict[str, When] = WHENS) -> Book:
    return Book(rules={name: stored(name, when) for name, when in whens.items()})


def item(number: int, at_ms: int, change: Change) -> Item:
    kind = Kind.TRANSITION if isinstance(change, Transition) else Kind.OVERRIDE
    return Item(at_ms, kind, f"{at_ms}-{number}", change, (at_ms, number, 1))


def transition(at_ms: int, before: CircuitState, after: CircuitState, epoch: int = 1) -> Transition:
    figures = Figures(0, 0, 0, 0)
    return Transition(at_ms, before, after, Cause.FAILURE_RATE, epoch, 1, f"{at_ms}-0", figures)


@st.composite
def histories(draw: st.DrawFn) -> list[Item]:
    items: list[Item] = []
    state, at_ms = CircuitState.CLOSED, 1
    for number in range(draw(st.integers(0, 14))):
        at_ms += draw(st.integers(0, 12))
        if draw(st.integers(0, 3)) == 0:
            mode = draw(st.sampled_from(list(Mode)))
            items.append(item(number, at_ms, ModeChanged(at_ms, mode, f"{at_ms}-{number}")))
        else:
            after = draw(st.sampled_from(NEXT[state]))
            items.append(item(number, at_ms, transition(at_ms, state, after, number + 1)))
            state = after
    return [one for one in items if one.at_ms < END_MS]


Found = set[tuple[str, int, int]]
"""Rule, when it began to hold, when it was over; 0: it is not."""


def brute(items: Sequence[Item]) -> Found:  # noqa: C901 - plain on purpose
    """Looks at every ms; before and after each entry of it."""
    left: int | None = None
    state = CircuitState.CLOSED
    openings: list[int] = []
    mode, mode_ms = Mode.AUTO, 0
    conditions: dict[str, Callable[[int], int | None]] = {
        "opened": lambda _: left,
        "longer": lambda t: left + OPEN_MS if left is not None and t >= left + OPEN_MS else None,
        "flapping": lambda t: (
            openings[-1] if len([o for o in openings if o > t - WITHIN_MS]) >= TIMES else None
        ),
        "override": lambda t: (
            mode_ms + OVERRIDE_MS if mode is not Mode.AUTO and t >= mode_ms + OVERRIDE_MS else None
        ),
    }
    since: dict[str, int] = {}
    last: dict[str, int] = {}
    found: Found = set()

    def look(t: int) -> None:
        for name, condition in conditions.items():
            holds = condition(t)
            if holds is None:
                if name in since:
                    found.add((name, since.pop(name), t))
            elif name not in since and last.get(name) != holds:
                since[name] = last[name] = holds

    for t in range(END_MS + 1):
        look(t)
        for one in items:
            if one.at_ms != t:
                continue
            change = one.content
            if isinstance(change, ModeChanged):
                if change.mode is not mode:
                    mode, mode_ms = change.mode, t
            elif isinstance(change, Transition):
                if change.to_state is CircuitState.CLOSED:
                    left = None
                elif state is CircuitState.CLOSED:
                    left = t
                    openings.append(t)
                state = change.to_state
            look(t)
    return found | {(name, begin, 0) for name, begin in since.items()}


def told(incidents: Sequence[Incident]) -> Found:
    return {
        (one.rule, one.opened_ms, one.resolved_ms) for one in {i.id: i for i in incidents}.values()
    }


@given(histories())
@settings(max_examples=150, deadline=None)
def test_it_says_what_looking_at_every_millisecond_says(items: list[Item]) -> None:
    found = follow(book_of(), AGENT, items, END_MS)
    assert told(found) == brute(items)


@given(histories(), st.lists(st.integers(0, END_MS), max_size=12), st.randoms())
@settings(max_examples=150, deadline=None)
def test_portions_and_extra_looks_change_nothing(
    items: list[Item], looks: list[int], rng: object
) -> None:
    whole = follow(book_of(), AGENT, items, END_MS)
    book, at_ms, parts = book_of(), 0, list[Incident]()
    for until_ms in [*sorted(looks), END_MS]:
        part = [one for one in items if at_ms < one.at_ms <= until_ms]
        parts += follow(book, AGENT, part, until_ms)
        at_ms = until_ms
    by_id = {one.id: msgspec.to_builtins(one) for one in whole}
    assert {one.id: msgspec.to_builtins(one) for one in parts} == by_id


@given(histories(), st.integers(0, 14))
@settings(max_examples=150, deadline=None)
def test_history_written_again_by_a_rebuild_tells_nobody_twice(
    items: list[Item], place: int
) -> None:
    book = book_of()
    written = msgspec.msgpack.encode(Track())
    for until_ms in range(END_MS + 1):
        part = [one for one in items if one.at_ms == until_ms]
        if follow(book, AGENT, part, until_ms) or part:
            written = msgspec.msgpack.encode(book.tracks[AGENT])
    again = [
        msgspec.structs.replace(one, id=f"{END_MS}-{number}")
        for number, one in enumerate(items[min(place, len(items)) :])
    ]
    assert follow(book, AGENT, again, END_MS) == []
    # Also when another process takes over, with only what was written down.
    heir = msgspec.structs.replace(
        book, tracks={AGENT: msgspec.msgpack.decode(written, type=Track)}, pending={}
    )
    assert follow(heir, AGENT, again, END_MS) == []


@given(histories())
@settings(max_examples=100, deadline=None)
def test_nothing_happens_before_the_next_deadline(items: list[Item]) -> None:
    book = book_of()
    follow(book, AGENT, items, END_MS)
    due_ms = next_deadline(book, AGENT, END_MS)
    assert due_ms > END_MS
    if due_ms == NEVER_MS:
        assert follow(book, AGENT, (), END_MS + 10_000) == []
    else:
        assert follow(book, AGENT, (), due_ms - 1) == []
        assert follow(book, AGENT, (), due_ms) != []


def test_what_a_new_rule_finds_open_is_no_news_but_may_be_too_long() -> None:
    book = Book(tracks={AGENT: Track(position=(5, 0, 1), opened_ms=5)})
    book.rules = {
        "opened": stored("opened", Opened(), created_ms=50),
        "longer": stored("longer", WHENS["longer"], created_ms=50),
    }
    (found,) = follow(book, AGENT, (), 60)
    assert (found.rule, found.opened_ms) == ("longer", 5 + OPEN_MS)


def test_a_figure_must_hold_for_its_time_and_begins_again_after_a_break() -> None:
    book = Book()
    rule = stored("rate", FailureRate(for_seconds=1))
    book.rules = {"rate": rule}
    bad, good = Reading(holds=True, for_ms=1000), Reading(holds=False)
    assert observe(book, rule, AGENT, bad, 0) == []
    assert observe(book, rule, AGENT, good, 900) == []
    assert observe(book, rule, AGENT, bad, 1000) == []
    assert observe(book, rule, AGENT, bad, 1999) == []
    (first,) = observe(book, rule, AGENT, bad, 2000)
    assert first.opened_ms == 2000
    assert observe(book, rule, AGENT, bad, 5000) == []
    (over,) = observe(book, rule, AGENT, good, 6000)
    assert over is first
    assert over.resolved_ms == 6000
    assert observe(book, rule, AGENT, bad, 6001) == []


def test_incidents_end_with_their_rule_or_its_scope() -> None:
    book = book_of({"opened": Opened()})
    items = [item(1, 10, transition(10, CircuitState.CLOSED, CircuitState.OPEN))]
    (found,) = follow(book, AGENT, items, 20)
    assert retire(book, 30) == []
    rule = book.rules["opened"]
    narrowed = msgspec.structs.replace(rule.rule, agents=["b*"])
    book.rules["opened"] = msgspec.structs.replace(rule, rule=narrowed)
    assert retire(book, 30, subjects=("other",)) == []
    assert retire(book, 30) == [found]
    assert (found.resolved_ms, found.resolution) == (30, "out_of_scope")
    # In scope again it is the same incident, and that one is over.
    book.rules["opened"] = rule
    assert follow(book, AGENT, (), 40) == []
