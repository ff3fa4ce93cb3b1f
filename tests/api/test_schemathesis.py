"""Generated requests against a real `fuseline api` process: it answers as its OpenAPI says."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import TokenStore
from tests.api.asking import ask_raw
from tests.logbook import open_backend
from tests.servers import RealServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMESPACE = "schemathesis"
ROOT = Path(__file__).parents[2]
HOOKS = "tests.api.schemathesis_hooks"
# Values that a schema cannot exclude (a cursor, an instant, what does not go together) give 422.
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 412, 422, 429]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 412, 405, 413, 415, 422, 429]

[[operations]]
include-operation-id = "getTask"
parameters = {{ wait_seconds = 0.01 }}

[[operations]]
include-operation-id = "revokeToken"
parameters = {{ token_id = "{token}" }}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(server: RealServer) -> AsyncIterator[str]:
    """A process of its own, with a projector."""
    async with open_backend(server.url, NAMESPACE, shards=4):
        pass
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fuseline", "api", "--port", "0", "--projector", "--until-eof",
        "--json", "--redis-url", server.url, "--namespace", NAMESPACE, "--shards", "4",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    line = await asyncio.wait_for(process.stdout.readline(), 20)
    yield msgspec.json.decode(line)["url"]
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 20)


async def run(
    url: str, folder: Path, token: str | None, seconds: int, *more: str, revocable: str = "none"
) -> str:
    """What schemathesis says; fails if it found anything."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG.format(token=revocable))
    who = [] if token is None else ["-H", f"Authorization: Bearer {token}"]
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config),
        "run", f"{url}/api/v1/openapi.json", *who, "--seed", "1", "--max-time", str(seconds),
        "--exclude-operation-id", "followCircuits", "--generation-database", "none",
        "--no-shrink", "--continue-on-failure", "--suppress-health-check", "all",
        "--request-timeout", "20", "--wait-for-schema", "20", *more,
        cwd=folder, env=os.environ | {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: process.returncode is None and process.kill())
        text = (await process.stdout.read()).decode()
        assert await process.wait() == 0, text
    assert "Tested: 0" not in text
    return text


async def token_of(server: RealServer, role: Role, *, revoked: bool = False) -> tuple[str, str]:
    async with open_backend(server.url, NAMESPACE, shards=4) as backend:
        # Wrong tokens of the test before would be counted against this one.
        prefix = backend.keys.access.attempts_prefix
        await backend.wire.call("DEL", f"{prefix}127.0.0.1")
        await backend.wire.call("DEL", f"{prefix}all")
        store = TokenStore(backend)
        made = await store.create(f"{role}-{revoked}", role, life_ms=None, created_by="t")
        return made.text, made.token.id


async def test_an_admin_gets_declared_answers_only(
    url: str, server: RealServer, tmp_path: Path
) -> None:
    token, _ = await token_of(server, Role.ADMIN)
    _, other = await token_of(server, Role.VIEWER, revoked=True)
    text = await run(
        url, tmp_path, token, 30, "--checks", "all", "--exclude-checks", "ignored_auth",
        "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "8",
        revocable=other,
    )  # fmt: skip
    print(text[text.index("SUMMARY") :])


async def test_a_viewer_gets_declared_answers_only(
    url: str, server: RealServer, tmp_path: Path
) -> None:
    token, _ = await token_of(server, Role.VIEWER)
    await run(
        url, tmp_path, token, 20, "--checks", "all",
        "--exclude-checks", "ignored_auth,positive_data_acceptance",
        "--phases", "examples,coverage", "--max-examples", "3",
    )  # fmt: skip


async def test_nobody_gets_declared_answers_only(url: str, tmp_path: Path) -> None:
    await run(
        url, tmp_path, None, 20, "--checks", "all",
        "--exclude-checks", "positive_data_acceptance",
        "--phases", "examples,coverage", "--max-examples", "3",
    )  # fmt: skip


async def test_the_stream_answers_as_it_is_declared(url: str, server: RealServer) -> None:
    document = msgspec.json.decode((await ask_raw(url, "/openapi.json")).body)
    declared = document["paths"]["/api/v1/stream"]["get"]
    token, _ = await token_of(server, Role.VIEWER)
    who = f"Authorization: Bearer {token}".encode()
    for query, headers in (
        ("", []),
        ("?state=nope", [who]),
        ("?kinds=nope", [who]),
        ("?agents=" + "%7B%7D", [who]),
        ("?nope=1", [who]),
    ):
        answer = await ask_raw(url, f"/stream{query}", *headers)
        assert str(answer.status) in declared["responses"], query
        assert answer.status in (401, 422), query
        assert (
            answer.headers["content-type"] in declared["responses"][str(answer.status)]["content"]
        )
