"""The built UI: its files, its start page for every path, and what stands there without it."""

import gzip
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from fuseline.api import app
from fuseline.api.pages import Pages
from tests.api.running import RunningApi, running_api

# Long enough when zipped to be zipped again by whoever does not look.
SCRIPT = "".join(f"{sha256(bytes([n])).hexdigest()}\n" for n in range(200))


@pytest.fixture
async def with_ui(
    redis_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RunningApi]:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text('<meta name="csp-nonce" content="__CSP_NONCE__">')
    (tmp_path / "assets" / "app-1a2b.js").write_text(SCRIPT)
    monkeypatch.setattr(app, "Pages", lambda: Pages(tmp_path))
    async with running_api(redis_url, namespace) as started:
        yield started


@pytest.mark.parametrize("path", ["", "agents", "agents/billing-agent", "circuits?state=open"])
async def test_every_path_of_the_ui_is_the_start_page_with_a_fresh_nonce(
    with_ui: RunningApi, path: str
) -> None:
    client = with_ui.client(None)
    first, second = [await client.get(f"{with_ui.url}/{path}") for _ in range(2)]
    assert first.status_code == second.status_code == 200
    nonces = [answer.text.split('content="')[1].split('"')[0] for answer in (first, second)]
    assert nonces[0] != nonces[1]
    assert f"style-src 'self' 'nonce-{nonces[0]}'" in first.headers["content-security-policy"]
    assert "script-src 'self';" in first.headers["content-security-policy"]
    assert first.headers["cache-control"] == "no-store"


async def test_files_are_zipped_once_and_kept_for_ever(with_ui: RunningApi) -> None:
    client = with_ui.client(None)
    url = f"{with_ui.url}/assets/app-1a2b.js"
    async with client.stream("GET", url, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw).decode() == SCRIPT
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    plain = await client.get(url, headers={"Accept-Encoding": "identity"})
    assert plain.text == SCRIPT
    again = await client.get(url, headers={"If-None-Match": plain.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["assets/gone.js", "favicon.ico", "api/v1/nope", "api/nope", "..%2f..%2fetc/passwd.txt"]
)
async def test_what_is_not_there_is_no_page(with_ui: RunningApi, path: str) -> None:
    answer = await with_ui.client(None).get(f"{with_ui.url}/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_build_the_page_says_how_to_get_it(
    redis_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "Pages", lambda: Pages(tmp_path / "nothing"))
    async with running_api(redis_url, namespace) as api:
        answer = await api.client(None).get(f"{api.url}/")
    assert answer.status_code == 200
    assert "make ui" in answer.text
    assert "/api/v1/docs" in answer.text
