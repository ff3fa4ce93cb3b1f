"""`what-if` and `propose`: what they show, as text and as JSON, and what they refuse."""

import pytest

from tests.cli.support import World


def test_what_if_compares_the_record_with_other_settings(busy: World) -> None:
    shown = busy.run("what-if", "broken", "--set", "failure_threshold=2", "--since", "1h")
    assert shown.code == 0, shown.err
    assert "with failure_threshold 2 (was 3)" in shown.out
    lines = {line.rsplit("  ", 2)[0].strip(): line.split() for line in shown.out.splitlines()}
    openings = next(words for words in lines.values() if words[:1] == ["openings"])
    assert openings == ["openings", "1", "1"]
    words = next(line for line in shown.out.splitlines() if "let through" in line).split()
    # The third had begun before the second was in the log, or it would have been refused.
    assert words[-2:] in (["3", "3"], ["3", "2"])
    assert shown.out.count("█") > 1
    assert all(line == line.rstrip() for line in shown.out.splitlines())


def test_what_if_with_lenient_settings_gives_spans(busy: World) -> None:
    shown = busy.run("what-if", "broken", "--set", "failure_threshold=off", "--since", "1h")
    assert "the record cannot know" in shown.out
    document = busy.run(
        *("what-if", "broken", "--set", "failure_threshold=off", "--since", "1h", "--json")
    ).document
    assert document["total"]["openings"] == {"recorded": 1, "low": 0, "high": 0}
    assert document["unobserved_ms"] > 0
    assert document["settings"]["failure_threshold"] is None


def test_what_if_of_nothing_else_is_the_record(busy: World) -> None:
    document = busy.run("what-if", "broken", "--json").document
    assert document["proposed"] == document["recorded"]
    assert document["unobserved"] == []


def test_before_it_was_registered_an_agent_is_in_no_state(busy: World) -> None:
    shown = busy.run("what-if", "broken", "--since", "1d").out
    bands = [line for line in shown.splitlines() if line.startswith(("recorded", "proposed"))]
    assert [line.split()[1].startswith("·" * 70) for line in bands] == [True, True]
    assert "· not registered yet" in shown
    begun_ms = busy.run("what-if", "broken", "--since", "1d", "--json").document["begun_ms"]
    since = ("--since", str(begun_ms), "--set", "failure_threshold=2")
    assert "·" not in busy.run("what-if", "broken", *since).out


def test_propose_names_the_cheapest_and_the_trade_off(busy: World) -> None:
    shown = busy.run("propose", "broken", "--since", "1h")
    assert shown.code == 0, shown.err
    assert "Cheapest at worst" in shown.out
    assert "as recorded" in shown.out
    document = busy.run("propose", "broken", "--since", "1h", "-n", "3", "--json").document
    assert len(document["items"]) == 3
    assert document["recorded"]["settings"] == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("what-if", "broken", "--set", "failure_threshold=0"), "failure_threshold: 0"),
        (("what-if", "broken", "--set", "nothing=1"), "nothing: '1'"),
        (("what-if", "broken", "--since", "1h", "--until", "2h"), "until: '2h'"),
        (("propose", "broken", "--failure-cost", "-1"), "failure-cost: -1"),
    ],
)
def test_bad_input_is_one_line(busy: World, arguments: tuple[str, ...], words: str) -> None:
    ended = busy.run(*arguments)
    assert ended.code == 2
    assert words in ended.err
    assert ended.err.count("\n") == 1


def test_an_agent_that_is_not_there(busy: World) -> None:
    assert busy.run("what-if", "nobody").code == 4
