"""The troubleshooting page explains every message there is, and none that is gone."""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.docs import settings
from tests.docs.exclusions import LEFT_OUT, PASSED_ON
from tests.docs.kinds import Kind, Message
from tests.docs.messages import collect
from tests.docs.page import PAGE, broken_links, entries
from tests.docs.templates import ROOT, is_opaque


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    """All messages of the source."""
    return collect()


@pytest.fixture(scope="module")
def page() -> str:
    """The page."""
    return PAGE.read_text("utf-8")


def missing(messages: list[Message], page: str) -> dict[str, str]:
    """Messages without an entry, with the place that says them."""
    explained = {*entries(page), *LEFT_OUT}
    return {one.text: one.where for one in messages if not is_opaque(one.text)
            and one.text not in explained}  # fmt: skip


def dead(messages: list[Message], page: str) -> set[str]:
    """Entries of what nobody says."""
    return set(entries(page)) - {one.text for one in messages}


def newly(now: Iterable[str], before: Iterable[str]) -> set[str]:
    """What is found now and was not before."""
    return set(now) - set(before)


def test_every_message_is_on_the_page(messages: list[Message], page: str) -> None:
    found = missing(messages, page)
    assert not found, (
        "docs/troubleshooting.md lacks (exactly, as an entry of a list):\n"
        + "\n".join(f"- `{text}`   ({where})" for text, where in found.items())
    )


def test_every_entry_of_the_page_is_said_somewhere(messages: list[Message], page: str) -> None:
    assert dead(messages, page) == set()


def test_no_message_has_two_entries(page: str) -> None:
    assert [text for text, count in Counter(entries(page)).items() if count > 1] == []


def test_what_is_left_out_still_exists(messages: list[Message], page: str) -> None:
    assert set(LEFT_OUT) - {one.text for one in messages} == set()
    assert set(LEFT_OUT) & set(entries(page)) == set()
    assert all(LEFT_OUT.values())


def test_a_text_that_only_a_run_knows_is_passed_on_for_a_reason(messages: list[Message]) -> None:
    opaque = {one.where for one in messages if is_opaque(one.text)}
    assert opaque == set(PASSED_ON)
    assert all(PASSED_ON.values())


def test_the_table_of_settings_is_that_of_the_source(page: str) -> None:
    assert settings.stored(page) == settings.table(), f"write it anew: {settings.COMMAND}"


def test_links_lead_somewhere(page: str) -> None:
    assert broken_links(page, PAGE) == []


def test_people_find_the_page() -> None:
    assert "docs/troubleshooting.md" in (ROOT / "README.md").read_text("utf-8")


def test_all_ways_of_telling_are_looked_at(messages: list[Message]) -> None:
    """A kind of which nothing is found any more has moved in the source."""
    assert {one.kind for one in messages} == set(Kind)
    well_known = {
        "the server cannot be reached: …; check that it runs, and the URL",  # raised
        "agent … is not registered; `fuseline status` lists those that are",  # by __str__
        "it answered with JSON-RPC without a result",  # through a function that is given words
        "nobody listens there",  # of a table
        "it answered with status …, and redirects are not followed",  # added to
        "feed_gap",  # logged
        "nobody projects …: states stand still, workers decide locally",  # found
    }
    assert well_known <= {one.text for one in messages}


def test_an_invented_message_would_be_noticed(messages: list[Message], page: str) -> None:
    invented = Message("the flux of … is not rectified", Kind.ERROR, "fuseline/nowhere.py:f")
    assert newly(missing([*messages, invented], page), missing(messages, page)) == {invented.text}


@pytest.mark.parametrize("how", ["taken off", "misspelt"])
def test_an_entry_that_is_wrong_would_be_noticed(
    messages: list[Message], page: str, how: str
) -> None:
    text = "feed_went_back"
    line = f"- `{text}`\n"
    assert line in page
    changed = page.replace(line, "" if how == "taken off" else "- `feed_went_bakc`\n")
    assert newly(missing(messages, changed), missing(messages, page)) == {text}
    false = set() if how == "taken off" else {"feed_went_bakc"}
    assert newly(dead(messages, changed), dead(messages, page)) == false


def test_a_setting_that_changed_would_be_noticed(page: str) -> None:
    changed = re.sub(r"(\| `failure_threshold` \| a whole number from 1 to )\d+", r"\g<1>7", page)
    assert changed != page
    assert settings.stored(changed) != settings.table()
