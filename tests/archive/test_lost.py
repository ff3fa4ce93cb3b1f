"""An archive that is lost: told, given up on somebody's word, and another one begun."""

import asyncio
import os
import pty
import random
import select
import shutil
import subprocess
import sys

import pytest

from fuseline.archive.archiving import Archiver
from fuseline.archive.proof import prove
from fuseline.archive.store import ArchiveError, Store
from fuseline.events.archived import load_forgotten, waiting_since
from fuseline.events.backend import Backend
from fuseline.projections.diagnosis import diagnose
from fuseline.projections.findings import Finding, Level
from tests.archive.support import trim
from tests.cli.support import Ended, environment, run
from tests.projections.tally_support import fill, fold, lively_log

AGENT = "billing"


async def grown(backend: Backend, url: str, seed: int, after_ms: int | None = None) -> int:
    """An agent's folded log with more at its end, all of it years ago; the last time in it."""
    begin = () if after_ms is None else (after_ms + 1,)
    log = lively_log(random.Random(seed), 300, *begin)
    await fill(backend, AGENT, log)
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.wire.call("HSETNX", shard.agents, AGENT, b"1 \x91\x90")
    await fold(backend, url, backend.keys.namespace_name, AGENT)
    return log[-1][0]


async def told(backend: Backend) -> list[Finding]:
    return [one async for one in diagnose(backend) if one.check == "archive"]


def surroundings(backend: Backend, url: str) -> dict[str, str]:
    return environment(
        REDIS_URL=url,
        FUSELINE_NAMESPACE=backend.keys.namespace_name,
        FUSELINE_SHARDS=str(len(backend.keys.shards)),
    )


async def command(backend: Backend, url: str, *words: str) -> Ended:
    return await asyncio.to_thread(run, *words, env=surroundings(backend, url))


async def test_a_lost_archive_is_given_up_and_another_one_begins(
    backend: Backend, store: Store, redis_url: str
) -> None:
    agent = backend.keys.agent(AGENT)
    assert [one.text for one in await told(backend)] == ["nobody archives"]
    last_ms = await grown(backend, redis_url, 1)
    assert await waiting_since(backend, [agent]) is None
    await Archiver(backend, store, 100).archive([agent])
    assert [one.text for one in await told(backend)] == ["all is archived"]
    await trim(backend, AGENT, outcomes=100)
    assert store.folder is not None
    shutil.rmtree(store.folder)
    last_ms = await grown(backend, redis_url, 2, last_ms)
    (found,) = await told(backend)
    assert (found.level, AGENT in found.text) == (Level.WARNING, True), found
    assert "--forget" in found.fix
    assert (await trim(backend, AGENT, outcomes=10)).entries > 0  # what was archived
    assert (await trim(backend, AGENT, outcomes=10)).entries == 0
    # The same folder, empty now, is another archive too.
    where = str(store.folder)
    refused = await command(backend, redis_url, "archive", "--to", where)
    assert (refused.code, "archive --forget" in refused.err) == (1, True), refused
    refused = await command(backend, redis_url, "archive", "--forget", "--reason", "it died")
    assert (refused.code, "--yes" in refused.err) == (2, True), refused  # nobody can be asked
    assert await load_forgotten(backend) == []
    done = await command(
        backend, redis_url, "archive", "--forget", "--yes", "--json",
        "--reason", "the disk died", "--actor", "ada",
    )  # fmt: skip
    assert (done.code, done.document["agents"]) == (0, 1), done
    (said,) = await load_forgotten(backend)
    assert (said.actor, said.reason, said.agents) == ("ada", "the disk died", 1)
    nobody, past = await told(backend)
    assert (nobody.text, past.level) == ("nobody archives", Level.OK)
    assert past.text.endswith("by ada: the disk died")
    assert (await trim(backend, AGENT, outcomes=100)).entries > 0
    done = await command(backend, redis_url, "archive", "--to", where, "--json")
    assert done.code == 0, done.err
    (proof,) = await prove(backend, Store(where))
    assert (proof.ok, proof.gaps) == (True, 1), proof
    assert [one.text for one in await told(backend)] == ["all is archived", past.text]


async def test_a_person_is_asked_first(backend: Backend, store: Store, redis_url: str) -> None:
    await grown(backend, redis_url, 3)
    await Archiver(backend, store, 100).archive([backend.keys.agent(AGENT)])
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    for answer, code in ((b"n\n", 1), (b"y\n", 0)):
        assert await backend.wire.call("HLEN", shard.archive) == 2
        ended = await asyncio.to_thread(answered, answer, surroundings(backend, redis_url))
        assert ended == code
    assert await backend.wire.call("HLEN", shard.archive) == 0
    assert len(await load_forgotten(backend)) == 1


def answered(answer: bytes, env: dict[str, str]) -> int:
    """Runs the command at a terminal, where somebody answers; its exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fuseline", "archive", "--forget", "--reason", "it is gone"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, env=env
    ) as process:
        seen = b""
        while b"[y/N]" not in seen:
            assert select.select([ours], [], [], 60)[0], seen
            seen += os.read(ours, 1000)
        os.write(ours, answer)
        ended = process.wait(60)
    os.close(theirs)
    os.close(ours)
    return ended


async def test_the_archiver_of_before_says_what_to_do(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await grown(backend, redis_url, 4)
    await Archiver(backend, store, 100).archive([backend.keys.agent(AGENT)])
    assert store.folder is not None
    other = Store(str(store.folder.parent / "other"))
    with pytest.raises(ArchiveError, match="`fuseline archive --forget`"):
        await Archiver(backend, other, 100).archive([backend.keys.agent(AGENT)])
