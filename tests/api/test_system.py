"""Around the routes: health, metrics, compression, ids, CORS, documentation, TLS, bounds."""

import asyncio
import ssl
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fuseline.api.access.roles import Role
from fuseline.api.heads import MAX_HEAD_BYTES
from tests.api.asking import ask_raw, problem, refused
from tests.api.running import RunningApi, running_api
from tests.servers import RealServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_health_version_and_metrics(tidy_api: RunningApi) -> None:
    nobody, viewer = tidy_api.client(None), tidy_api.client(Role.VIEWER)
    for path in ("healthz", "readyz"):
        assert (await nobody.get(path)).json()["status"] == "ok"
    assert (await nobody.get("version")).json()["shards"] == 4
    await viewer.request("BREW", "healthz")
    for name in ("x", "y", "z"):
        await viewer.get(f"circuits/{name}")
    answer = await viewer.get("metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    assert "fuseline_circuit_mode" in families
    counted = [
        sample.labels
        for sample in families["http_server_request_duration_seconds"].samples
        if sample.name.endswith("_count")
    ]
    assert {
        "http_request_method": "GET",
        "http_route": "/api/v1/circuits/{name}",
        "http_response_status_code": "404",
    } in counted
    assert all(label["http_route"].rpartition("/")[2] != "x" for label in counted)


async def test_answers_are_compressed_on_request_only(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    plain = await client.get("openapi.json", headers={"Accept-Encoding": "identity"})
    zipped = await client.get("openapi.json", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.json() == plain.json()


async def test_every_answer_has_an_id_and_headers_for_browsers(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    for path in ("me", "nope", "agents/nope", "healthz"):
        answer = await client.get(path, headers={"X-Request-ID": "my-id.1"})
        assert answer.headers["x-request-id"] == "my-id.1"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    problem(await client.get("nope"), 404)
    for odd in (b"a b", b"x" * 65, b"<script>", b"\xff", b"", b"a,b"):
        raw = await ask_raw(tidy_api.url, "/healthz", b"X-Request-ID: " + odd)
        assert raw.headers["x-request-id"] != odd.decode("latin-1")
        assert len(raw.headers["x-request-id"]) == 16


async def test_the_log_has_the_id_under_which_a_request_failed(
    tidy_api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    client, backend = tidy_api.client(), tidy_api.backend
    await client.post("agents", json={"name": "damaged"})
    key = backend.keys.agent("damaged").circuit
    await backend.wire.call("SET", key, "foreign")
    try:
        answer = await client.get("circuits/damaged", headers={"X-Request-ID": "find-me"})
    finally:
        await backend.wire.call("DEL", key)
    assert problem(answer, 503)["type"] == "urn:fuseline:problem:server-refuses"
    lines = [record for record in caplog.records if record.message == "request_failed"]
    assert [getattr(line, "request_id", "") for line in lines] == ["find-me"]


@pytest.mark.parametrize(
    "target",
    [
        "/agents/..", "/agents/%2e%2e", "/agents/%2E%2E%2Ftokens", "/agents/a%2Fb", "/agents/%00",
        "/agents/a%00b", "/agents/%0d%0aX-A:b", "/agents/%ff", "/agents/%C3%28",
        "/agents/%E2%80%AE", "/agents/%7Bx%7D", "/agents/a:b", "/agents/" + "a" * 5000,
        "/agents/%20", "/agents/%",
        "/agents/%zz", "//agents/x", "/agents/x;y", "/agents/\\..\\x", "/./tokens/..",
        "/circuits/../tokens", "/circuits/%00", "/circuits/x/timeline/..",
        "/circuits/%2e/state?at=0",
        "/tasks/..", "/tasks/%00", "/tasks/%C3%A4", "/tasks/a%2Fb", "/tasks/" + "a" * 5000,
        "/tasks/x?wait_seconds=NaN", "/tasks/x?wait_seconds=inf", "/tasks/x?wait_seconds=-1",
        "/tasks/x?wait_seconds=1e308",
    ],
)  # fmt: skip
async def test_paths_that_play_tricks(tidy_api: RunningApi, target: str) -> None:
    who = f"Authorization: Bearer {tidy_api.tokens[Role.ADMIN]}".encode()
    answer = await ask_raw(tidy_api.url, target, who)
    problem(answer, 404, 422)
    nobody = await ask_raw(tidy_api.url, target)
    assert nobody.status in (401, 404)
    assert len(answer.body) < 12_000


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: Bearer ",
        b"Authorization: " + b"x" * 8000,
        b"Cookie: fuseline_session=\xff; =; ;;; a",
        b"Cookie: fuseline_session=" + b"x" * 8000,
        b"Cookie: " + b"a=b; " * 2000,
        b"X-Forwarded-For: \xff, 1.2.3.4",
    ],
)
async def test_odd_credentials_are_none(tidy_api: RunningApi, header: bytes) -> None:
    answer = await ask_raw(tidy_api.url, "/me", header)
    assert b"xxxx" not in answer.body
    problem(answer, 401, 429)


async def test_odd_conditions(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    await client.post("agents", json={"name": "a", "url": "https://a.example/"})
    who = f"Authorization: Bearer {tidy_api.tokens[Role.ADMIN]}".encode()
    kind, body = b"Content-Type: application/json", b'{"description":"x"}'
    for tag in (b"\xff", b"x" * 9000, b'"' * 100, b"\x07"):
        answer = await ask_raw(
            tidy_api.url, "/agents/a", who, kind, b"If-Match: " + tag, method="PATCH", body=body
        )
        assert answer.status in (400, 412, 422)
        assert len(answer.body) < 2000
    for tag in (b"\xff", b"x" * 9000, b","):
        answer = await ask_raw(tidy_api.url, "/agents/a", who, b"If-None-Match: " + tag)
        assert answer.status == 200
    for last in (b"\xff", b"x" * 9000, b"0-0,0-0", b"-1"):
        answer = await ask_raw(tidy_api.url, "/stream?nope=1", who, b"Last-Event-ID: " + last)
        refused(answer, "nope")
    assert (await client.get("agents/a")).headers["etag"] == '"1"'


async def test_a_head_without_end_is_cut_off(tidy_api: RunningApi) -> None:
    answer = await ask_raw(tidy_api.url, "/healthz", b"X-A: " + b"x" * 16 * MAX_HEAD_BYTES)
    assert answer.status in (0, 431)  # 0: it hung up while this end still wrote
    host, port = tidy_api.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\n")
    sent = 0
    try:
        while sent < 16 * MAX_HEAD_BYTES and not writer.is_closing():
            writer.write(b"X-A: " + b"x" * 4096 + b"\r\n")
            await asyncio.wait_for(writer.drain(), 5)
            sent += 4096
            await asyncio.sleep(0)
        await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert sent < 16 * MAX_HEAD_BYTES
    fits = await ask_raw(tidy_api.url, "/healthz", b"X-A: " + b"x" * (MAX_HEAD_BYTES // 2))
    assert fits.status == 200


async def test_no_other_site_may_read_answers_unless_it_is_configured(
    tidy_api: RunningApi, server: RealServer
) -> None:
    origin = "https://ui.example"
    asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    client = tidy_api.client()
    for answer in (
        await client.get("me", headers={"Origin": origin}),
        await client.options("agents/x", headers=asked),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
    async with running_api(server.url, "cors", projector=False, cors_origins=[origin]) as api:
        client = api.client()
        answer = await client.get("me", headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == origin
        assert "access-control-allow-credentials" not in answer.headers
        problem_answer = await client.get("nope", headers={"Origin": origin})
        assert problem_answer.headers["access-control-allow-origin"] == origin
        preflight = await api.client(None).options("agents/x", headers=asked)
        assert preflight.status_code == 204
        assert "PATCH" in preflight.headers["access-control-allow-methods"]
        other = await client.get("me", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


class Links(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.found.append((tag, name, value or ""))


async def test_the_page_of_the_documentation_needs_nothing_else(tidy_api: RunningApi) -> None:
    answer = await tidy_api.client(None).get("docs")
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "http:" not in policy
    assert "https:" not in policy
    page = Links()
    page.feed(answer.text)
    assert "script" not in {tag for tag, _, _ in page.found}
    assert not [one for one in page.found if one[1].startswith("on")]
    links = [value for _, name, value in page.found if name in ("href", "src", "action")]
    assert links
    assert all(link == "openapi.json" or link.startswith("#") for link in links)
    anchors = {value for _, name, value in page.found if name == "id"}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert "url(" not in answer.text
    assert "@import" not in answer.text


async def test_https_with_a_certificate_of_its_own(server: RealServer, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    await asyncio.to_thread(
        subprocess.run,
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    async with running_api(
        server.url,
        "tls",
        projector=False,
        tls_certificate_file=str(certificate),
        tls_key_file=str(key),
    ) as api:
        assert api.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with httpx2.AsyncClient(
            base_url=f"{api.url}/api/v1/", verify=trusted, trust_env=False
        ) as client:
            opened = await client.post("session", json={"token": api.tokens[Role.VIEWER]})
            assert opened.status_code == 201
            cookie = opened.headers["set-cookie"]
            assert cookie.startswith("__Host-fuseline_session=")
            assert "Secure" in cookie
            assert "strict-transport-security" in opened.headers
            assert (await client.get("me")).json()["kind"] == "session"
