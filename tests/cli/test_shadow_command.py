"""`shadow`: set, shown beside the record, and ended, by whoever folds at that moment."""

import pytest

from tests.cli.support import World

TRIED = ("--set", "failure_threshold=2", "--set", "failure_rate_threshold=off")


def test_a_shadow_is_set_shown_and_ended(world: World) -> None:
    world.call("quiet", True)
    assert world.run("shadow", "quiet").out == "Nothing is folded beside quiet.\n"
    ended = world.run("shadow", "quiet", *TRIED, "--actor", "ada", "--reason", "stricter")
    assert ended.code == 0, ended.err
    assert "failure_threshold 2, failure_rate_threshold off: ● CLOSED" in ended.out
    assert "by ada: stricter" in ended.out
    world.call("quiet", False, False, True)  # the real one opens at 3
    shown = world.run("shadow", "quiet")
    assert shown.code == 0, shown.err
    assert "○ OPEN" in shown.out
    openings = next(line for line in shown.out.splitlines() if line.startswith("openings"))
    assert openings.split() == ["openings", "0", "1"]
    document = world.run("shadow", "quiet", "--json").document
    assert document["shadow"]["state"] == "open"
    assert document["comparison"]["total"]["openings"]["low"] == 1
    lines = world.run("timeline", "quiet", "--kinds", "shadows").out.splitlines()
    assert "a shadow is folded along with failure_threshold 2" in lines[0]
    assert "the shadow would be open: 2 failures in a row" in lines[1]
    assert world.run("state", "quiet", "--json").document["state"] == "closed"
    ended = world.run("shadow", "quiet", "--off")
    assert ended.out == "Nothing is folded beside quiet.\n"
    proved = world.run("verify", "quiet")
    assert proved.code == 0, proved.out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("quiet", "--set", "failure_threshold=0"), 2, "failure_threshold: 0"),
        (("quiet", "--set", "nothing=1"), 2, "nothing: '1'"),
        (("quiet", *TRIED, "--off"), 2, "off: True"),
        (("nobody", *TRIED), 4, "nobody"),
    ],
)
def test_bad_input_is_one_line(
    world: World, arguments: tuple[str, ...], code: int, words: str
) -> None:
    world.call("quiet", True)
    ended = world.run("shadow", *arguments)
    assert ended.code == code
    assert words in ended.err
    assert ended.err.count("\n") == 1
