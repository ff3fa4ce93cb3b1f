"""The guard on real connections: what is checked is what is connected to."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from fuseline import CircuitBreakerManager
from fuseline.bridge.outbound import OutboundPolicy, OutboundRefusedError
from fuseline.bridge.outbound.backend import GuardedBackend
from tests.bridge.agents import manners
from tests.bridge.agents.manners import answers
from tests.bridge.agents.server import agent_at
from tests.bridge.executor_support import LOOPBACK, scene

REFUSED = [("NOT_SENT", "outbound_refused")]
DEFAULTS = {"outbound": OutboundPolicy()}


async def test_loopback_is_refused_unless_allowed(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers(1), options=DEFAULTS) as s:
        error = await s.error()
        assert isinstance(error, OutboundRefusedError)
        assert "FUSELINE_OUTBOUND_ALLOW" in str(error)
        assert await s.ends() == REFUSED
        assert s.agent.connections == 0


async def test_a_stream_is_refused_too(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers(1), options=DEFAULTS) as s:
        assert isinstance(await s.stream_error(), OutboundRefusedError)
        assert s.agent.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "LOCALHOST",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "ⓛocalhost",
    ],
)
async def test_no_spelling_of_loopback_gets_through(
    manager: CircuitBreakerManager, host: str
) -> None:
    async with agent_at(answers("secret")) as inner:
        url = f"http://{host}:{inner.port}/agent"
        async with scene(manager, answers(1), url=url, options=DEFAULTS) as s:
            error = await s.error()
            assert not error.sent
        assert inner.connections == 0


async def test_a_name_that_leads_elsewhere_the_second_time_gains_nothing(
    manager: CircuitBreakerManager,
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    policy = OutboundPolicy(allow=["127.0.0.2"])
    options = {"outbound": policy, "resolver": rebinding}
    async with agent_at(answers("inner")) as inner:
        url = f"http://agent.example:{inner.port}/"
        async with scene(manager, answers(1), url=url, options=options) as s:
            # Nobody listens at the address that was checked; the one behind must not be tried.
            first = await s.error()
            assert first.verdict.failure_kind == "connect_refused"
            assert asked == ["agent.example"]
            assert isinstance(await s.error(), OutboundRefusedError)
            assert inner.connections == 0


async def test_allowed_addresses_of_a_name_are_used_and_others_left_out(
    manager: CircuitBreakerManager,
) -> None:
    async def both(host: str, port: int) -> Sequence[str]:
        return ["169.254.169.254", "no address", "127.0.0.3", "127.0.0.1"]

    options = {"outbound": LOOPBACK, "resolver": both}
    async with agent_at(manners.echoes) as agent:
        url = f"http://agent.example:{agent.port}/"
        async with scene(manager, answers(1), url=url, options=options) as s:
            assert await s.call("hello") == "hello"
            assert agent.requests[0].headers["host"] == f"agent.example:{agent.port}"


async def test_a_redirect_does_not_lead_inside(manager: CircuitBreakerManager) -> None:
    async with agent_at(answers("inner"), host="127.0.0.9") as inner:
        options = {"outbound": OutboundPolicy(allow=["127.0.0.1"])}
        async with scene(manager, manners.redirects(inner.url, 308), options=options) as s:
            await s.error()
            assert await s.ends() == [("FAILURE", "http_308")]
        assert inner.connections == 0


async def test_proxies_of_the_environment_are_not_used(
    manager: CircuitBreakerManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with agent_at(answers("proxy")) as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with scene(manager, answers("agent")) as s:
            assert await s.call() == "agent"
        assert proxy.connections == 0


async def test_unix_sockets_are_not_reachable() -> None:
    with pytest.raises(OutboundRefusedError, match="unix sockets"):
        await GuardedBackend("a", LOOPBACK).connect_unix_socket("/run/x.sock")


# --- kinds of failures to connect ---


async def test_a_name_that_is_not_found_is_a_failure_of_its_kind(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, answers(1), url="http://nowhere.invalid/") as s:
        error = await s.error()
        assert not error.sent
        assert await s.ends() == [("FAILURE", "dns_error")]


async def test_a_name_without_addresses_is_a_failure(manager: CircuitBreakerManager) -> None:
    async def nothing(host: str, port: int) -> Sequence[str]:
        return []

    options = {"resolver": nothing}
    async with scene(manager, answers(1), url="http://a.example/", options=options) as s:
        await s.error()
        assert await s.ends() == [("FAILURE", "connect_error")]


async def test_a_resolver_that_hangs_is_a_timeout(manager: CircuitBreakerManager) -> None:
    async def hanging(host: str, port: int) -> Sequence[str]:
        await manners.hangs(None, None)  # type: ignore[arg-type]
        return []

    options = {"resolver": hanging}
    url = "http://a.example/"
    async with scene(
        manager, answers(1), url=url, options=options, connect_timeout_seconds=0.1
    ) as s:
        error = await s.error()
        assert not error.sent
        assert await s.ends() == [("TIMEOUT", "timeout_connect")]


def certificate(directory: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate for `name`, and of a client that trusts it."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("openssl is not on PATH")
    options = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout {key} -out {cert}"
    subprocess.run(
        [tool, *options.split(), "-addext", f"subjectAltName=DNS:{name}"],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    return server, ssl.create_default_context(cafile=str(cert))


async def local(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def test_tls_asks_for_the_name_and_not_for_the_address(
    manager: CircuitBreakerManager, tmp_path: Path
) -> None:
    server, client = certificate(tmp_path, "agent.example")
    async with agent_at(answers("safe"), tls=server) as agent:
        url = f"https://agent.example:{agent.port}/"
        options = {"ssl_context": client, "resolver": local}
        async with scene(manager, answers(1), url=url, options=options) as s:
            assert await s.call() == "safe"


async def test_a_certificate_for_another_name_is_a_failure_of_its_kind(
    manager: CircuitBreakerManager, tmp_path: Path
) -> None:
    server, client = certificate(tmp_path, "other.example")
    async with agent_at(answers("unsafe"), tls=server) as agent:
        url = f"https://agent.example:{agent.port}/"
        options = {"ssl_context": client, "resolver": local}
        async with scene(manager, answers(1), url=url, options=options) as s:
            error = await s.error()
            assert not error.sent
            assert await s.ends() == [("FAILURE", "tls_error")]
        assert not agent.requests


async def test_an_agent_without_tls_is_a_failure_of_its_kind(
    manager: CircuitBreakerManager,
) -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 no TLS here\r\n")
        writer.close()

    server = await asyncio.start_server(greets, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, scene(manager, answers(1), url=url) as s:
        await s.error()
        assert await s.ends() == [("FAILURE", "tls_error")]
