"""Keys: which names may stand in one, and where they lie."""

import re

import pytest
from redis.crc import key_slot

from fuseline.core.errors import ConfigError
from fuseline.events.keys import MAX_SHARDS, Keys, check_name

BAD_NAMES = [
    "",
    " ",
    "a b ",
    " a",
    "a:b",
    "a{b",
    "a}b",
    "a\nb",
    "a\rb",
    "a\x00b",
    "\x7f",
    "x" * 201,
    "é" * 101,
    "\ud800",
    None,
    5,
    b"bytes",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_that_would_break_keys_or_lines_are_refused(name: object) -> None:
    with pytest.raises(ConfigError) as caught:
        check_name("agent", name)
    assert caught.value.field == "agent"
    assert "1 to 200 bytes" in str(caught.value)


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_an_agent_or_namespace_of_a_bad_name_has_no_keys(name: object) -> None:
    with pytest.raises(ConfigError, match="agent"):
        Keys("ns").agent(name)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="namespace"):
        Keys(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["a", "billing-agent", "x" * 200, "Zürich €", "a/b.c|d e", "0"])
def test_other_names_are_taken_as_they_are(name: str) -> None:
    assert check_name("agent", name) == name
    assert Keys("ns").agent(name).events.endswith(f":events:{name}")


@pytest.mark.parametrize("shards", [0, -1, MAX_SHARDS + 1, 1.5, "16", True, None])
def test_a_number_of_shards_that_is_not_allowed_is_refused(shards: object) -> None:
    with pytest.raises(ConfigError, match="shards"):
        Keys("ns", shards)  # type: ignore[arg-type]


@pytest.mark.parametrize("cluster", [True, False])
def test_all_keys_of_an_agent_lie_in_the_slot_of_its_shard(cluster: bool) -> None:
    keys = Keys("ns", 16, cluster=cluster)
    for n in range(200):
        agent = keys.agent(f"agent-{n}")
        own = [agent.events, agent.circuit, agent.history, agent.probes]
        shard = [key for key in keys.shards[agent.shard] if isinstance(key, str)]
        if not cluster:
            shard.remove("{ns}:ahead")
        assert len({key_slot(key.encode()) for key in own + shard}) == 1
        assert all(key.startswith("{ns.") for key in own + shard)


def test_agents_spread_over_the_shards() -> None:
    keys = Keys("ns", 16)
    per_shard = [0] * 16
    for n in range(1600):
        per_shard[keys.shard_of(f"agent-{n}")] += 1
    assert min(per_shard) > 50


def test_where_an_agent_lies_never_changes() -> None:
    keys = Keys("fuseline", 16)
    assert [keys.shard_of(name) for name in ("billing-agent", "a", "Zürich")] == [10, 3, 14]
    assert keys.agent("a").circuit == "{fuseline.03}:circuit:a"


def test_no_two_keys_are_the_same() -> None:
    keys = Keys("ns", 4, cluster=True)
    spelled = [keys.namespace]
    for shard in keys.shards:
        spelled += [key for key in shard if isinstance(key, str)]
    for name in ("feed", "dirty", "a", "events"):
        agent = keys.agent(name)
        spelled += [agent.events, agent.circuit, agent.history, agent.probes]
    assert len(set(spelled)) == len(spelled)
    assert all(re.fullmatch(r"\{ns(\.\d\d)?\}:[a-z]+(:.+)?", key) for key in spelled)
