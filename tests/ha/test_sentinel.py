"""Sentinels: how the master is found, and what is said when it is not."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from fuseline.core.errors import BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from tests.ha.topology import SERVICE, TIMEOUT_SECONDS, Node, SentinelProcess
from tests.logbook import append, open_backend, outcome
from tests.servers import ServerMissingError, server_binary
from tests.waiting import eventually

PASSWORD = "of the server"
SENTINEL_PASSWORD = "of the sentinels & others"


@pytest.fixture(scope="module")
def watched() -> Iterator[tuple[Node, SentinelProcess]]:
    """A master and its one Sentinel, each with a password of its own."""
    with ExitStack() as stack:
        try:
            master = Node({"requirepass": PASSWORD})
        except ServerMissingError as missing:
            pytest.skip(str(missing))
        stack.callback(master.close)
        master.start()
        sentinel = SentinelProcess(
            master, 1, f'sentinel auth-pass {SERVICE} "{PASSWORD}"\n'
            f'requirepass "{SENTINEL_PASSWORD}"\n',
        )  # fmt: skip
        stack.callback(sentinel.close)
        sentinel.start()
        yield master, sentinel


def url_of(*sentinels: str, service: str = SERVICE, password: str = SENTINEL_PASSWORD) -> str:
    return (
        f"redis+sentinel://:{quote(PASSWORD)}@{','.join(sentinels)}/{service}/0"
        f"?sentinel_password={quote(password)}"
    )


async def refused(url: str) -> str:
    with pytest.raises(BackendUnavailableError) as caught:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await Backend.open(BackendSettings(url=url))
    assert PASSWORD not in str(caught.value)
    assert SENTINEL_PASSWORD not in str(caught.value)
    return str(caught.value)


async def test_both_have_passwords_of_their_own(
    watched: tuple[Node, SentinelProcess], namespace: str
) -> None:
    _, sentinel = watched
    async with open_backend(url_of(sentinel.host), namespace) as backend:
        assert (await append(backend, "a", [outcome()]))[0] == b"OK"
        before = backend.commands_sent
        for _ in range(10):
            await backend.wire.call("TIME")
        assert backend.commands_sent == before + 10  # the look-up is made when it connects


async def test_sentinels_that_are_dead_or_silent_are_passed_over(
    watched: tuple[Node, SentinelProcess], namespace: str
) -> None:
    _, sentinel = watched
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
        url = url_of(f"127.0.0.1:{silent.getsockname()[1]}", "127.0.0.1:1", sentinel.host)
        async with open_backend(url, namespace, timeout_seconds=10.0) as backend:
            assert (await append(backend, "a", [outcome()]))[0] == b"OK"


async def test_what_is_wrong_is_told(watched: tuple[Node, SentinelProcess]) -> None:
    _, sentinel = watched
    told = await refused(url_of("127.0.0.1:1", "127.0.0.1:2"))
    assert "no Sentinel of 127.0.0.1:1, 127.0.0.1:2 knows a master" in told
    told = await refused(url_of(sentinel.host, service="other"))
    assert f"no Sentinel of {sentinel.host} knows a master 'other' that is up" in told
    told = await refused(url_of(sentinel.host, password="wrong"))
    assert "WRONGPASS" in told or "invalid" in told
    told = await refused(url_of(sentinel.host).replace(quote(PASSWORD), "wrong"))
    assert "the server refuses this user" in told


async def test_a_demoted_master_is_left_at_once(
    watched: tuple[Node, SentinelProcess], namespace: str
) -> None:
    """The Sentinel still names it: neither a write nor a read is taken there."""
    master, sentinel = watched
    async with open_backend(url_of(sentinel.host), namespace) as backend:
        idle = backend.make_wire()
        await idle.call("TIME")
        await _tell(master, "REPLICAOF", "127.0.0.1", "1")
        try:
            with pytest.raises(BackendUnavailableError, match=r"is being replaced|no Sentinel"):
                await backend.wire.call("SET", backend.keys.namespace, "x")
            with pytest.raises(BackendUnavailableError, match=r"not master any more|no Sentinel"):
                await backend.wire.call("TIME")
        finally:
            await _tell(master, "REPLICAOF", "NO", "ONE")
        await eventually(lambda: _answers(backend), TIMEOUT_SECONDS)


async def _answers(backend: Backend) -> bool:
    try:
        return bool(await backend.wire.call("TIME"))
    except BackendUnavailableError:
        return False


async def _tell(node: Node, *words: str) -> None:
    node_url = f"redis://:{quote(PASSWORD)}@{node.host}"
    backend = Backend(BackendSettings(url=node_url), node_url)
    try:
        assert await backend.wire.call(*words) == b"OK"
    finally:
        await backend.close()


async def test_tls_to_both(tmp_path: Path, namespace: str) -> None:
    try:
        binary = server_binary("redis7")  # Debian's is built with TLS
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on PATH")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    await asyncio.to_thread(
        subprocess.run,
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-days", "36500",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    tls = {
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
        "tls-replication": "yes",
    }
    with ExitStack() as stack:
        master = Node(tls, binary)
        master.use_tls()
        stack.callback(master.close)
        await asyncio.to_thread(master.start)
        lines = "".join(f"{name} {value}\n" for name, value in tls.items())
        sentinel = SentinelProcess(master, 1, lines, binary)
        sentinel.use_tls()
        stack.callback(sentinel.close)
        await asyncio.to_thread(sentinel.start)
        url = f"rediss+sentinel://{sentinel.host}/{SERVICE}?ssl_ca_certs={quote(str(certificate))}"
        async with open_backend(url, namespace, timeout_seconds=10.0) as backend:
            assert (await append(backend, "a", [outcome()]))[0] == b"OK"
        assert "certificate" in (await refused(f"rediss+sentinel://{sentinel.host}/{SERVICE}"))
