"""`verify` and `rebuild`: the projection against the log."""

import msgspec

from fuseline.core.circuit import Rebuilt
from fuseline.events.backend import Backend
from fuseline.projections.codec import decode_circuit, encode_circuit
from tests.cli.support import World, finish


def tamper(world: World, agent: str) -> None:
    """Makes the stored circuit claim two failures more than the log has."""

    async def change(backend: Backend) -> None:
        key = backend.keys.agent(agent).circuit
        circuit = decode_circuit(await backend.wire.call("HGET", key, "blob"))
        circuit.consecutive_failures += 2
        await backend.wire.call("HSET", key, "blob", encode_circuit(circuit))

    world.with_backend(change)


def test_verify_is_content_with_an_untouched_projection(busy: World) -> None:
    shown = busy.run("verify")
    assert shown.code == 0, shown.err
    assert "2 agents: 11 events folded again (9 outcomes, each once), no difference." in shown.out
    document = busy.run("verify", "broken", "--json").document
    assert document["ok"] is True
    assert [agent["agent"] for agent in document["agents"]] == ["broken"]


def test_verify_names_what_was_changed_and_rebuild_mends_it(world: World) -> None:
    world.call("a", True, False)
    world.call("b", True)
    tamper(world, "a")
    shown = world.run("verify")
    assert shown.code == 1
    assert "consecutive_failures: stored 3, the log says 1" in shown.out
    assert "1 of 2 agents differ from their logs." in shown.out
    (difference,) = world.run("verify", "a", "--json").document["agents"][0]["differences"]
    assert difference == {"field": "consecutive_failures", "stored": 3, "folded": 1}

    rebuilt = world.run("rebuild", "--reason", "was tampered with")
    assert rebuilt.code == 0, rebuilt.err
    assert "a  was not what its log says; mended" in rebuilt.out
    assert "2 agents rebuilt" in rebuilt.out
    assert world.run("verify").code == 0
    (note,) = world.run("timeline", "a", "--kinds", "rebuilt", "--json").document["items"]
    assert note["reason"].startswith("was tampered with (")


def test_rebuild_mends_a_projection_that_cannot_be_read(world: World) -> None:
    world.call("a", True)
    world.redis("HSET", world.key("circuit", "a"), "blob", b"nonsense")
    assert world.run("verify").code == 1
    shown = world.run("status")
    assert (shown.code, "? unreadable" in shown.out) == (0, True)
    assert world.run("rebuild").code == 0
    assert world.run("verify").code == 0


def test_rebuild_works_beside_a_running_projector(world: World) -> None:
    world.call("a", True, False)
    projector = world.start("projector")
    try:
        for _ in range(3):
            assert world.run("rebuild").code == 0
        world.call("a", False, False)
        assert world.run("status", "a", "--json").document["state"] == "open"
        assert world.run("verify").code == 0
    finally:
        projector.terminate()
        ended = finish(projector)
    assert ended.code == 0


def test_verify_says_that_the_log_has_lost_its_start(world: World) -> None:
    world.call("a", True, False, True)
    world.redis("XTRIM", world.key("events", "a"), "MAXLEN", "=", 2)
    shown = world.run("verify")
    assert shown.code == 1
    assert "incomplete: 2 entries are missing from the log" in shown.out
    refused = world.run("rebuild")
    assert (refused.code, "--incomplete" in refused.out) == (1, True)
    assert world.run("status", "a", "--json").document["revision"] == 1
    assert world.run("rebuild", "--incomplete").code == 0
    document = world.run("status", "a", "--json").document
    assert document["config"]["failure_threshold"] == 3


def test_verify_finds_outcomes_that_stand_in_the_log_twice(world: World) -> None:
    world.call("a", True, False)

    async def repeat(backend: Backend) -> None:
        key = backend.keys.agent("a").events
        last = await backend.wire.call("XREVRANGE", key, "+", "-", "COUNT", 1)
        await backend.wire.call("XADD", key, "*", *last[0][1])
        dirty = backend.keys.shards[backend.keys.agent("a").shard].dirty
        await backend.wire.call("SADD", dirty, "a")

    world.with_backend(repeat)
    world.call("a", True)
    shown = world.run("verify")
    assert shown.code == 1
    assert "1 outcomes stand in the log twice" in shown.out


def test_rebuilt_note_stands_in_the_history_once_per_rebuild(world: World) -> None:
    world.call("a", True)
    world.run("rebuild")
    entries = world.redis("XRANGE", world.key("history", "a"), "-", "+")
    notes = [msgspec.msgpack.decode(fields[1]) for _, fields in entries]
    tag = Rebuilt.__struct_config__.tag
    assert [note[0] == tag for note in notes].count(True) == 1


def test_nothing_to_verify_is_no_failure(world: World) -> None:
    assert (world.run("verify").code, world.run("rebuild").code) == (0, 0)
    assert "nothing to verify" in world.run("verify").out
