"""The archive in an object store: S3 over HTTP, spoken to a server that is a process of its own."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fuseline.archive.archiving import Archived
from fuseline.archive.chain import load_chain
from fuseline.archive.querying import query as ask
from fuseline.archive.reading import ArchiveReader
from fuseline.archive.store import VARIABLE, ArchiveError, Store, TakenError
from fuseline.events.backend import Backend
from fuseline.projections.past import state_at
from fuseline.projections.timeline import query
from fuseline.projections.verify import verify
from tests.archive.support import archive, archived, made, proof, stream, trim
from tests.cli.support import environment, run

AGENT = "billing é"
BUCKET = "archive"
KILLS = 8


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an object store with one bucket."""
    log = tmp_path_factory.mktemp("s3") / "log"
    command = (sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
    with log.open("wb") as said, subprocess.Popen(command, stderr=said, stdout=said) as process:
        try:
            yield _with_bucket(process, log)
        finally:
            process.terminate()


def _with_bucket(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 120
    while (found := re.search(r"Running on (http://[\d.:]+)", log.read_text())) is None:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    assert httpx.put(f"{found[1]}/{BUCKET}", timeout=60).is_success
    return found[1]


@pytest.fixture
def reached(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says where the object store is, as it does for users."""
    monkeypatch.setenv("AWS_ENDPOINT", s3)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")


@pytest.fixture
def store(reached: None, namespace: str) -> Store:
    return Store(f"s3://{BUCKET}/of/{namespace}")


async def test_killed_again_and_again_it_holds_each_entry_once_and_answers(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 900, 1)
    log, history = await stream(backend, AGENT, "events"), await stream(backend, AGENT, "history")
    items = await query(backend, AGENT, limit=10_000)
    moments = [items[n].at_ms for n in range(5, len(items), len(items) // 6)]
    states = [(await state_at(backend, AGENT, ms)).circuit for ms in moments]
    where = [redis_url, backend.keys.namespace_name, store.url, AGENT, str(KILLS), "1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.archive.killed", *where, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert (process.returncode, int(told)) == (0, KILLS)
    assert 0 < len(await load_chain(store, backend.keys.namespace_name, AGENT)) < len(log) / 40
    await archive(backend, store, AGENT)
    assert await archive(backend, store, AGENT) == Archived()
    assert await archived(backend, store, AGENT, "events") == log
    assert await archived(backend, store, AGENT, "history") == history
    await trim(backend, AGENT, outcomes=100, history_days=1e-9)
    assert len(await stream(backend, AGENT, "events")) < 200
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps, found.folded) == (True, 0, True), found
    assert (await verify(backend, backend.keys.agent(AGENT))).ok
    # Over what is kept and what is in the store, as if nothing had been trimmed.
    backend.older = ArchiveReader(store.url, backend.keys.namespace_name)
    assert await query(backend, AGENT, limit=10_000) == items
    assert [(await state_at(backend, AGENT, ms)).circuit for ms in moments] == states
    sql = "SELECT count(*) FROM events"
    assert (await ask(store, backend.keys.namespace_name, sql)).rows == [[len(log)]]


async def test_of_two_archivers_only_one_writes_a_manifest(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await store.put("x", b"1", create=True)
    with pytest.raises(TakenError, match="x is there already"):
        await store.put("x", b"2", create=True)
    assert await store.get("x") == b"1"
    await made(backend, redis_url, AGENT, 250, 2)
    done = await asyncio.gather(*(archive(backend, store, AGENT, rows=n) for n in (60, 90)))
    log, history = await stream(backend, AGENT, "events"), await stream(backend, AGENT, "history")
    assert await archived(backend, store, AGENT, "events") == log
    assert sum(one.entries for one in done) == len(log) + len(history)
    assert (await proof(backend, store, AGENT)).ok


async def test_a_change_of_an_object_is_found(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 300, 3)
    await archive(backend, store, AGENT)
    chain = await load_chain(store, backend.keys.namespace_name, AGENT)
    file = chain[1][0].file
    whole = await store.get(file)
    await store.put(file, whole[:-1] + bytes([whole[-1] ^ 1]))
    assert (
        f"{file} was changed: its hash is another" in (await proof(backend, store, AGENT)).problems
    )
    await store.delete(file)
    assert not (await proof(backend, store, AGENT)).ok
    await store.delete(file)  # what is not there is none
    await store.put(file, whole)
    assert (await proof(backend, store, AGENT)).ok
    with pytest.raises(ArchiveError, match="cannot be read"):
        await store.get("nowhere")


async def test_the_commands_take_the_store_from_the_environment(
    backend: Backend, store: Store, redis_url: str, s3: str
) -> None:
    await made(backend, redis_url, AGENT, 300, 4)
    whole = await query(backend, AGENT, limit=10_000)
    names = ("AWS_ENDPOINT", "AWS_ALLOW_HTTP", "AWS_REGION", "AWS_ACCESS_KEY_ID",
             "AWS_SECRET_ACCESS_KEY")  # fmt: skip
    env = environment(
        REDIS_URL=redis_url,
        FUSELINE_NAMESPACE=backend.keys.namespace_name,
        FUSELINE_SHARDS=str(len(backend.keys.shards)),
        **{VARIABLE: store.url},
        **{name: os.environ[name] for name in names},
    )

    def asked(*arguments: str) -> dict[str, object]:
        ended = run(*arguments, "--json", env=env)
        assert not ended.code, ended.err
        found: dict[str, object] = ended.document
        return found

    assert await asyncio.to_thread(asked, "archive")
    await trim(backend, AGENT, outcomes=50, history_days=1e-9)
    found = await asyncio.to_thread(asked, "timeline", AGENT, "-n", "5000")
    assert [item["id"] for item in found["items"]] == [item.id for item in whole]  # type: ignore[attr-defined]
    assert (await asyncio.to_thread(asked, "verify", "--archive"))["ok"]
