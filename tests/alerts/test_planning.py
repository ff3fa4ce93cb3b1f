"""Who is told when: quiet hours, grouping, cooldown, channels."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from fuseline.alerts.book import Book
from fuseline.alerts.courier import MOST_ATTEMPTS, pause_ms, take_due
from fuseline.alerts.model import Incident, Notice
from fuseline.alerts.planning import drop_orphans, plan
from fuseline.alerts.quiet import quiet_until
from fuseline.schemas.alerts import (
    AlertChannel,
    AlertRule,
    Day,
    Opened,
    QuietHours,
    Severity,
    StoredRule,
    Webhook,
)

BERLIN = "Europe/Berlin"


def ms(text: str, zone: str = "UTC") -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


NIGHT = QuietHours(start="22:00", end="07:00", time_zone=BERLIN)
NOON = ms("2026-03-03T12:00", BERLIN)
EVENING = ms("2026-03-03T23:00", BERLIN)
MORNING = ms("2026-03-04T07:00", BERLIN)


def book_of(**rule: object) -> Book:
    channel = AlertChannel(name="ops", to=Webhook(url="http://x", secret="${env:X}"))
    made = AlertRule(name="r", when=Opened(), channels=["ops"], **rule)  # type: ignore[arg-type]
    stored = StoredRule(rule=made, revision=1, created_ms=0, updated_ms=0, updated_by="t")
    return Book(rules={"r": stored}, channels={"ops": channel, "chat": channel})


def incident(name: str, **values: object) -> Incident:
    return Incident(
        id=f"{name}-{values.get('opened_ms', 0)}",
        rule="r",
        kind="opened",
        severity=Severity.WARNING,
        subject=name,
        summary="s",
        **({"opened_ms": 1} | values),  # type: ignore[arg-type]
    )


def only(book: Book) -> Notice:
    (notice,) = book.outbox.values()
    return notice


def test_quiet_hours_end_on_the_clocks_of_their_zone() -> None:
    assert quiet_until([NIGHT], NOON) == 0
    assert quiet_until([NIGHT], EVENING) == MORNING
    assert quiet_until([NIGHT], MORNING - 1) == MORNING
    assert quiet_until([NIGHT], MORNING) == 0
    # The night to summer time is an hour shorter, and its morning is the same on the clock.
    assert quiet_until([NIGHT], ms("2026-03-28T22:00", BERLIN)) == ms("2026-03-29T07:00", BERLIN)
    assert ms("2026-03-29T07:00", BERLIN) - ms("2026-03-28T22:00", BERLIN) == 8 * 3_600_000


def test_quiet_hours_have_days_and_follow_one_another() -> None:
    weekend = QuietHours(start="00:00", end="00:00", days=[Day.SAT, Day.SUN])
    saturday = ms("2026-03-07T10:00")
    assert quiet_until([weekend], saturday) == ms("2026-03-09T00:00")
    assert quiet_until([weekend], ms("2026-03-06T10:00")) == 0
    friday_night = QuietHours(start="22:00", end="07:00", days=[Day.FRI])
    assert quiet_until([friday_night, weekend], ms("2026-03-06T23:00")) == ms("2026-03-09T00:00")
    assert quiet_until([friday_night], ms("2026-03-07T23:00")) == 0


@given(
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
    st.integers(1_700_000_000_000, 1_900_000_000_000),
)
@settings(max_examples=200, deadline=None)
def test_quiet_hours_are_what_the_clock_on_the_wall_says(
    start: int, end: int, zone: str, now_ms: int
) -> None:
    def text(minute: int) -> str:
        return f"{minute // 60:02}:{minute % 60:02}"

    until = quiet_until([QuietHours(start=text(start), end=text(end), time_zone=zone)], now_ms)
    local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    offsets = {
        moment.utcoffset()
        for moment in (local, midnight, *(local.replace(day=d) for d in (1, 15, 28)))
    }
    if len(offsets) > 1:
        return  # a change of the clocks is near; the test above says what happens then
    minute = local.hour * 60 + local.minute
    quiet = start == end or (
        start <= minute < end if start < end else minute >= start or minute < end
    )
    assert (until > 0) == quiet
    if start != end and until:
        assert until - now_ms <= 24 * 3_600_000 + 3_600_000


def test_a_notice_waits_for_the_end_of_quiet_hours_and_goes_out_as_one() -> None:
    book = book_of(quiet_hours=[NIGHT])
    plan(book, [incident("a")], EVENING)
    plan(book, [incident("b")], EVENING + 60_000)
    assert only(book).incidents == ["a-0", "b-0"]
    assert only(book).due_ms == MORNING
    assert take_due(book, MORNING - 1, set(), 9) == []
    assert take_due(book, MORNING, set(), 9) == [only(book)]


def test_what_is_over_before_the_quiet_hours_are_is_never_told() -> None:
    book = book_of(quiet_hours=[NIGHT])
    first, second = incident("a"), incident("b")
    plan(book, [first, second], EVENING)
    first.resolved_ms = EVENING + 1
    plan(book, [first], EVENING + 1)
    assert first.silenced == "quiet_hours"
    assert only(book).incidents == ["b-0"]
    second.resolved_ms = EVENING + 2
    plan(book, [second], EVENING + 2)
    assert book.outbox == {}


def test_what_was_told_before_is_told_to_be_over_after_the_night() -> None:
    book = book_of(quiet_hours=[NIGHT])
    found = incident("a")
    plan(book, [found], NOON)
    assert only(book).due_ms == NOON
    book.outbox.clear()  # delivered
    found.resolved_ms = EVENING
    plan(book, [found], EVENING)
    assert (only(book).event, only(book).due_ms) == ("resolved", MORNING)


def test_cooldown_is_of_one_rule_and_subject() -> None:
    book = book_of(cooldown_seconds=60)
    first = incident("a", opened_ms=1)
    plan(book, [first], 1000)
    again, other = incident("a", opened_ms=2), incident("b")
    plan(book, [again, other], 30_000)
    assert (again.silenced, other.silenced) == ("cooldown", "")
    again.resolved_ms = 31_000
    plan(book, [again], 31_000)  # of what nobody was told, nobody is told that it is over
    assert sorted(n.incidents[0] for n in book.outbox.values()) == ["a-1", "b-0"]
    late = incident("a", opened_ms=3)
    plan(book, [late], 61_001)
    assert late.silenced == ""


def test_an_incident_that_began_and_ended_meanwhile_is_told_in_both_ways() -> None:
    book = book_of()
    found = incident("a", resolved_ms=9)
    plan(book, [found, found], 10)
    opened, resolved = sorted(book.outbox.values(), key=lambda one: one.event)
    assert (opened.event, resolved.event) == ("opened", "resolved")
    assert resolved.after == opened.id
    assert take_due(book, 10, set(), 9) == [opened]
    del book.outbox[opened.id]
    assert take_due(book, 10, set(), 9) == [resolved]


def test_groups_are_of_one_rule_channel_and_event_and_close_when_they_are_due() -> None:
    book = book_of(group_seconds=5)
    plan(book, [incident("a"), incident("b")], 1000)
    assert (only(book).incidents, only(book).due_ms) == (["a-0", "b-0"], 6000)
    plan(book, [incident("c")], 6000)
    assert len(book.outbox) == 2


def test_without_channels_an_incident_is_kept_and_nobody_told() -> None:
    book = book_of()
    book.channels.pop("ops")
    found = incident("a")
    plan(book, [found], 1)
    assert (found.silenced, book.outbox) == ("no_channels", {})


def test_notices_to_a_channel_that_is_gone_go_too() -> None:
    book = book_of()
    plan(book, [incident("a")], 1)
    book.channels.pop("ops")
    assert len(drop_orphans(book)) == 1
    assert book.outbox == {}


def test_pauses_between_attempts_grow_to_a_bound() -> None:
    pauses = [pause_ms(n) for n in range(1, MOST_ATTEMPTS + 1)]
    assert pauses[:4] == [1000, 2000, 4000, 8000]
    assert max(pauses) == pauses[-1] == 300_000
    assert 30 * 60_000 < sum(pauses) < 60 * 60_000
