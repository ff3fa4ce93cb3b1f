"""Asking the API as no well-behaved client would, and reading its problems."""

import asyncio
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import msgspec

PROBLEM = "application/problem+json"


class Answer(NamedTuple):
    """What came back over a bare socket; nothing came for status 0."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask_raw(
    url: str, target: str, *headers: bytes, method: str = "GET", body: bytes = b""
) -> Answer:
    """One request, byte for byte as it stands here; target begins behind /api/v1."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = [
            f"{method} /api/v1{target} HTTP/1.1".encode(),
            f"Host: {parts.netloc}".encode(),
            b"Connection: close",
            *headers,
        ]
        if body:
            head.append(b"Content-Length: %d" % len(body))
        writer.write(b"\r\n".join([*head, b"", b""]) + body)
        try:
            await writer.drain()
            raw = await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            raw = b""
        return _answer(raw)
    finally:
        writer.close()


def _answer(raw: bytes) -> Answer:
    if not raw:
        return Answer(0, {}, b"")
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    return Answer(int(lines[0].split()[1]), headers, body)


def problem(answer: Answer | httpx2.Response, *statuses: int) -> dict[str, Any]:
    """The problem document of an answer with one of these statuses."""
    raw = answer.body if isinstance(answer, Answer) else answer.content
    status = answer.status if isinstance(answer, Answer) else answer.status_code
    assert status in statuses, (status, raw[:1000])
    assert answer.headers["content-type"] == PROBLEM
    document: dict[str, Any] = msgspec.json.decode(raw)
    assert document["status"] == status
    assert document["type"].startswith("urn:fuseline:problem:")
    assert document["title"]
    assert document["detail"]
    assert document["request_id"] == answer.headers["x-request-id"]
    return document


def refused(answer: Answer | httpx2.Response, field: str) -> dict[str, Any]:
    """The entry of a problem that refuses the value of a field."""
    document = problem(answer, 422)
    found = [one for one in document["errors"] if one["field"] == field]
    assert found, (field, document["errors"])
    assert all(len(one["allowed"]) >= 4 for one in document["errors"])
    assert field in document["detail"]
    return found[0]  # type: ignore[no-any-return]
