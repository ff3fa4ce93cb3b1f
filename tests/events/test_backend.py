"""Opening a namespace: what is checked, and one clear error for each thing that is wrong."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fuseline.core.errors import (
    BackendError,
    BackendUnavailableError,
    ConfigError,
    IncompatibleServerError,
    NamespaceMismatchError,
    WrongKeyTypeError,
)
from fuseline.events.address import redact
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from tests.logbook import append, open_backend, outcome
from tests.servers import RealServer

ANSWER_SECONDS = 2.0


@pytest.fixture(scope="module")
def locked_server() -> Iterator[RealServer]:
    with RealServer(tcp=True, config={"requirepass": "right"}) as started:
        yield started


async def refused(url: str, namespace: str = "ns", shards: int = 4) -> BackendError:
    """The error of opening, which must come soon and leave no connection behind."""
    began = time.monotonic()
    with pytest.raises(BackendError) as caught:
        await Backend.open(BackendSettings(url=url, namespace=namespace, shards=shards))
    assert time.monotonic() - began < ANSWER_SECONDS
    return caught.value


async def test_each_server_of_the_matrix_can_be_opened(
    any_server: RealServer, namespace: str
) -> None:
    async with open_backend(any_server.url, namespace) as backend:
        kind, _, version = backend.server.partition(" ")
        expected = {"valkey9": ("valkey", "9"), "redis7": ("redis", "7"), "redis8": ("redis", "8")}
        assert (kind, version.split(".")[0]) == expected[any_server.kind]
        assert len(backend.incarnation) == 16


async def test_a_second_process_finds_the_same_namespace(redis_url: str, namespace: str) -> None:
    async with (
        open_backend(redis_url, namespace) as first,
        open_backend(redis_url, namespace) as second,
    ):
        assert second.incarnation == first.incarnation


async def test_processes_that_make_a_namespace_together_agree(
    redis_url: str, namespace: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(stack.enter_async_context(open_backend(redis_url, namespace)) for _ in range(8))
        )
        assert len({backend.incarnation for backend in opened}) == 1


async def test_another_number_of_shards_is_refused_with_the_right_one(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace, shards=4) as backend:
        await append(backend, "a", [outcome()])
        before = sorted(await backend.wire.call("KEYS", f"*{namespace}*"))
        error = await refused(redis_url, namespace, shards=8)
        assert isinstance(error, NamespaceMismatchError)
        assert "FUSELINE_SHARDS=4" in str(error)
        assert sorted(await backend.wire.call("KEYS", f"*{namespace}*")) == before
    async with open_backend(redis_url, namespace, shards=4):
        pass


async def test_a_namespace_key_of_another_type_is_refused(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, f"{namespace}-other") as other:
        await other.wire.call("SET", f"{{{namespace}}}:namespace", "mine")
        error = await refused(redis_url, namespace)
        assert isinstance(error, WrongKeyTypeError)
        assert "another program writes to it" in str(error)
        assert "FUSELINE_NAMESPACE" in str(error)
        assert await other.wire.call("GET", f"{{{namespace}}}:namespace") == b"mine"


async def test_a_port_that_nobody_listens_on_is_named() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    error = await refused(f"redis://127.0.0.1:{port}")
    assert isinstance(error, BackendUnavailableError)
    assert f"127.0.0.1:{port}" in str(error)


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    error = await refused(f"unix://{tmp_path}/none.sock")
    assert isinstance(error, BackendUnavailableError)
    assert "none.sock" in str(error)


async def test_a_host_name_that_does_not_resolve_is_named() -> None:
    error = await refused("redis://no-such-host.invalid:6379")
    assert isinstance(error, BackendUnavailableError)
    assert "no-such-host.invalid" in str(error)


async def test_a_listener_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await refused(f"redis://127.0.0.1:{silent.getsockname()[1]}")
    assert isinstance(error, BackendUnavailableError)
    assert "in time" in str(error)


async def test_a_wrong_password_is_said_and_not_shown(locked_server: RealServer) -> None:
    error = await refused(f"redis://:wrong-secret@127.0.0.1:{locked_server.port}")
    assert isinstance(error, BackendUnavailableError)
    assert "password" in str(error)
    assert "wrong-secret" not in str(error)


async def test_a_missing_password_is_said(locked_server: RealServer) -> None:
    error = await refused(locked_server.tcp_url)
    assert isinstance(error, BackendUnavailableError)
    assert "NOAUTH" in str(error) or "Authentication required" in str(error)
    assert "check user and password" in str(error)


async def test_the_right_password_opens(locked_server: RealServer, namespace: str) -> None:
    url = f"redis://:right@127.0.0.1:{locked_server.port}"
    async with open_backend(url, namespace) as backend:
        assert (await append(backend, "a", [outcome()]))[0] == b"OK"


@contextlib.asynccontextmanager
async def scripted_server(info: str, others: bytes = b"+OK\r\n") -> AsyncIterator[str]:
    """A server that answers INFO with a text and everything else with the same reply."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while header := await reader.readline():
            words = []
            for _ in range(int(header[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])
            if words[0].upper() == b"INFO":
                writer.write(f"${len(info)}\r\n{info}\r\n".encode())
            else:
                writer.write(others)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
        for writer in writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.mark.parametrize("version", ["6.2.14", "5.0.7", "2.8", "unheard-of"])
async def test_a_server_that_is_too_old_is_refused_with_its_version(version: str) -> None:
    async with scripted_server(f"# Server\r\nredis_version:{version}\r\n") as url:
        error = await refused(url)
    assert isinstance(error, IncompatibleServerError)
    assert version in str(error)
    assert "Redis 7.0" in str(error)


async def test_a_server_without_functions_is_refused() -> None:
    unknown = b"-ERR unknown command 'FCALL'\r\n"
    async with scripted_server("redis_version:7.2.0\r\n", unknown) as url:
        error = await refused(url)
    assert isinstance(error, IncompatibleServerError)


async def test_something_that_is_no_server_at_all_is_refused() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        error = await refused(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert isinstance(error, BackendUnavailableError)


async def test_a_paused_server_is_given_up_in_time(fresh_server: RealServer) -> None:
    fresh_server.pause()
    try:
        error = await refused(fresh_server.url)
    finally:
        fresh_server.resume()
    assert isinstance(error, BackendUnavailableError)
    async with open_backend(fresh_server.url, "ns"):
        pass


@pytest.mark.parametrize(
    "url", ["http://host", "redis:", "", "host:6379", "redis://host:port", "unix://", "redis+x://h"]
)
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL"):
        BackendSettings.from_env({"REDIS_URL": url or "nothing"})


def test_a_refused_url_does_not_show_its_password() -> None:
    with pytest.raises(ConfigError) as caught:
        BackendSettings.from_env({}, url="http://user:secret@host")
    assert "secret" not in str(caught.value)
    assert redact("redis://user:secret@host:1/0") == "redis://user:***@host:1/0"
    assert redact("redis://host:1/0") == "redis://host:1/0"


@pytest.mark.parametrize("shards", ["many", "1.5", "0", "257", "-4"])
def test_a_number_of_shards_that_is_not_allowed_is_refused(shards: str) -> None:
    with pytest.raises(ConfigError, match=r"(?i)shards"):
        BackendSettings.from_env({"FUSELINE_SHARDS": shards})


def test_arguments_win_over_the_environment() -> None:
    environ = {
        "REDIS_URL": "redis://env",
        "FUSELINE_NAMESPACE": "env",
        "FUSELINE_SHARDS": "8",
    }
    from_env = BackendSettings.from_env(environ)
    assert (from_env.url, from_env.namespace, from_env.shards) == ("redis://env", "env", 8)
    given = BackendSettings.from_env(environ, "redis://given", "given", 2)
    assert (given.url, given.namespace, given.shards) == ("redis://given", "given", 2)
