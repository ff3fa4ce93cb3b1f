"""Pages of agents: filters, orders, and cursors under change."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseline.core.agent import AgentRecord
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError
from fuseline.events.agents import _encode_record
from fuseline.registry.listing import Filter, Page, Shelf, Sort, page_of, tags_of
from tests.registry.support import DEFAULTS

Stored = dict[str, bytes]


def stored(name: str, **values: Any) -> tuple[str, bytes]:
    url = values.pop("url", None)
    endpoint = None if url is None else Endpoint(url=url, protocol=values.pop("protocol", "http"))
    record = AgentRecord(name=name, config=DEFAULTS, revision=1, endpoint=endpoint, **values)
    return name, b"1 " + _encode_record(record)


AGENTS: Stored = dict(
    [
        stored("ann", url="https://one.example/Ask?key=hunter2", tags=("eu", "pay"), updated_ms=3),
        stored("bob", description="Bills Ä", tags=("eu",), updated_ms=1, created_ms=9),
        stored("cid", url="http://two.example/", protocol="a2a", tags=("us",), updated_ms=2),
        stored("dan", tags=("eu", "us", "pay"), updated_ms=2, created_ms=1),
    ]
)


def listed(agents: Stored = AGENTS, sort: Sort = Sort.NAME, limit: int = 50, **chosen: Any) -> str:
    page = page_of(agents.items(), Shelf(), Filter(**chosen), sort, None, limit)
    assert page.total >= len(page.records)
    return " ".join(record.name for record in page.records)


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({}, "ann bob cid dan"),
        ({"search": "  AN "}, "ann dan"),
        ({"search": "bills ä"}, "bob"),
        ({"search": "EXAMPLE/ask"}, "ann"),
        ({"search": "hunter2"}, ""),
        ({"search": "?key"}, ""),
        ({"tags": ["eu"]}, "ann bob dan"),
        ({"tags": ["pay", "eu"]}, "ann dan"),
        ({"tags": ["EU"]}, ""),
        ({"protocol": "http"}, "ann"),
        ({"protocol": "a2a"}, "cid"),
        ({"protocol": ""}, ""),
        ({"tags": ["us"], "search": "d", "protocol": "a2a"}, "cid"),
    ],
)
def test_filters(chosen: dict[str, Any], names: str) -> None:
    assert listed(**chosen) == names


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", "ann bob cid dan"),
        ("-name", "dan cid bob ann"),
        ("updated_at", "bob cid dan ann"),
        ("-updated_at", "ann dan cid bob"),
        ("created_at", "ann cid dan bob"),
        ("-created_at", "bob dan cid ann"),
    ],
)
def test_orders(sort: str, names: str) -> None:
    assert listed(sort=Sort.parse(sort)) == names


def pages(agents: Stored, sort: Sort, limit: int, shelf: Shelf | None = None) -> list[Page]:
    found: list[Page] = []
    cursor = None
    while True:
        page = page_of(agents.items(), shelf or Shelf(), Filter(), sort, cursor, limit)
        found.append(page)
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert cursor.isascii()
        assert all(char.isalnum() or char in "-_" for char in cursor)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5),
        st.tuples(st.integers(0, 3), st.integers(0, 3)),
        max_size=12,
    ),
    st.sampled_from(list(Sort)),
    st.integers(1, 5),
)
def test_pages_hold_every_agent_once_in_order(
    found: dict[str, tuple[int, int]], sort: Sort, limit: int
) -> None:
    agents = dict(stored(n, created_ms=c, updated_ms=u) for n, (c, u) in found.items())
    parts = pages(agents, sort, limit)
    names = [record.name for page in parts for record in page.records]
    assert names == listed(agents, sort, 500).split(" ") if names else not agents
    assert all(len(page.records) == limit for page in parts[:-1])
    assert {page.total for page in parts} == {len(agents)}


@pytest.mark.parametrize("sort", list(Sort))
def test_agents_that_come_and_go_hide_and_repeat_no_other(sort: Sort) -> None:
    rng = random.Random(4)
    for _ in range(10):
        staying = {f"s{n}": n for n in range(20)}
        agents = dict(stored(n, updated_ms=v % 7, created_ms=v % 3) for n, v in staying.items())
        seen: list[str] = []
        cursor = None
        while True:
            page = page_of(agents.items(), Shelf(), Filter(), sort, cursor, 3)
            seen += [record.name for record in page.records]
            cursor = page.next_cursor
            if cursor is None:
                break
            for _ in range(3):  # also the one that the cursor names may go
                name = f"t{rng.randrange(50)}"
                agents |= [stored(name, updated_ms=rng.randrange(7), created_ms=rng.randrange(3))]
                agents.pop(f"t{rng.randrange(50)}", None)
        assert [name for name in seen if name in staying] == [
            name for name in listed(agents, sort, 500).split(" ") if name in staying
        ]


def test_a_cursor_whose_agent_is_gone_goes_on_behind_it() -> None:
    agents = dict(AGENTS)
    page = page_of(agents.items(), Shelf(), Filter(), Sort.NAME, None, 2)
    del agents["bob"]
    page = page_of(agents.items(), Shelf(), Filter(), Sort.NAME, page.next_cursor, 2)
    assert [record.name for record in page.records] == ["cid", "dan"]
    assert page.next_cursor is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "=", "é", "a" * 3000, "bnVsbA", "WyJuYW1lIl0", "WyJuYW1lIiwxXQ", "W10", "..", "\x00"],
)
def test_cursors_that_are_none_are_refused(cursor: str) -> None:
    with pytest.raises(ConfigError, match=r"^cursor: "):
        page_of(AGENTS.items(), Shelf(), Filter(), Sort.NAME, cursor)


def test_a_cursor_of_another_order_is_refused() -> None:
    for sort in Sort:
        cursor = page_of(AGENTS.items(), Shelf(), Filter(), sort, None, 1).next_cursor
        for other in set(Sort) - {sort}:
            with pytest.raises(ConfigError, match=r"^cursor: "):
                page_of(AGENTS.items(), Shelf(), Filter(), other, cursor)


def test_tags_name_their_agents_in_order() -> None:
    shelf = Shelf()
    found = tags_of(reversed(AGENTS.items()), shelf)
    assert list(found.items()) == [
        ("eu", ["ann", "bob", "dan"]),
        ("pay", ["ann", "dan"]),
        ("us", ["cid", "dan"]),
    ]
    assert tags_of([("x", b"1 no record")], shelf) == {}


def test_bounds_of_a_list() -> None:
    for limit in (0, -1, 501, True, 1.5, "1", None):
        with pytest.raises(ConfigError, match=r"^limit: "):
            page_of(AGENTS.items(), Shelf(), Filter(), Sort.NAME, None, limit)  # type: ignore[arg-type]
    for word in ("", "Name", "--name", "revision", "name "):
        with pytest.raises(ConfigError, match=r"^sort: "):
            Sort.parse(word)
    with pytest.raises(ConfigError, match=r"^search: "):
        Filter(search="x" * 201)
    with pytest.raises(ConfigError, match=r"^tags: "):
        Filter(tags=["x"] * 33)


def test_records_that_changed_are_read_again() -> None:
    shelf = Shelf()
    agents = dict(AGENTS)
    first = page_of(agents.items(), shelf, Filter()).records[0]
    assert page_of(agents.items(), shelf, Filter()).records[0] is first
    agents |= [stored("ann", description="new")]
    assert page_of(agents.items(), shelf, Filter(search="new")).records[0].description == "new"
    assert page_of(agents.items(), shelf, Filter(search="one.example")).total == 0


def test_records_that_cannot_be_read_are_named_and_hide_no_other() -> None:
    bad = {
        "x1": b"junk", "x2": b"1 \xc1", "x3": b"", "x4": b"1 " + msgspec.msgpack.encode([[0]]),
        "x5": b"1 " + msgspec.msgpack.encode([[True], {"url": "ftp://x"}]),
    }  # fmt: skip
    page = page_of((AGENTS | bad).items(), Shelf(), Filter())
    assert [record.name for record in page.records] == list(AGENTS)
    assert sorted(page.unreadable) == sorted(bad)
