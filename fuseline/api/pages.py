"""The web UI as it was built: files in memory, the start page for every path of the UI."""

from __future__ import annotations

import gzip
import mimetypes
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from secrets import token_urlsafe
from typing import Any

from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

from fuseline.api.access.headers import Content, content_security_policy
from fuseline.api.authentication import PUBLIC

NONCE = b"__CSP_NONCE__"
"""Stands in the start page where the nonce of the answer goes."""

ZIPPED = "zipped"
"""Marks routes whose answers are compressed already where the client takes it."""

_INDEX = "index.html"
_FOREVER = "public, max-age=31536000, immutable"  # their names hold their hash
_ASK_AGAIN = "no-cache"
_GZIP_BYTES = 1000
_MISSING = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>Fuseline</title>"
    "<h1>The web UI is not built here</h1>"
    "<p>A wheel of Fuseline carries it. In a checkout, with Node.js 20 or newer on this machine, "
    "<code>make ui</code> builds it; then start this process again.</p>"
    "<p>The API works: <a href='/api/v1/docs'>its documentation</a>.</p></html>"
)


class Page(Struct, frozen=True):
    """One file."""

    content: bytes
    zipped: bytes | None
    media_type: str
    etag: str
    forever: bool


class Pages:
    """The built files, read once.

    Args:
        folder: where they are; None: as they came with this package.
    """

    def __init__(self, folder: Traversable | None = None) -> None:
        self._pages: dict[str, Page] = {}
        root = files("fuseline.api") / "static" if folder is None else folder
        if root.is_dir():
            self._read(root, "")

    @property
    def built(self) -> bool:
        """Whether there is a UI."""
        return _INDEX in self._pages

    def find(self, path: str) -> Page | None:
        """The file of a path; None if there is none of that name."""
        return self._pages.get(path)

    @property
    def index(self) -> Page:
        """The start page."""
        return self._pages[_INDEX]

    def _read(self, folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            name = f"{prefix}{entry.name}"
            if entry.is_dir():
                self._read(entry, f"{name}/")
                continue
            content = entry.read_bytes()
            kind = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            text = kind.startswith("text/") or kind.endswith(("javascript", "json", "svg+xml"))
            zipped = gzip.compress(content, 9) if text and len(content) >= _GZIP_BYTES else None
            self._pages[name] = Page(
                content,
                zipped,
                kind,
                f'"{sha256(content).hexdigest()[:20]}"',
                name.startswith("assets/"),
            )


def answer(pages: Pages, path: str, headers: dict[str, str]) -> Response[Any]:
    """The answer to a request for a path of the UI.

    Args:
        pages: the built files.
        path: without the slash it begins with.
        headers: of the request, by lower-case name.

    Raises:
        NotFoundException: a path of the API, or a file that is not there.
    """
    if path.startswith("api/") or path == "api":
        raise NotFoundException
    if not pages.built:
        return Response(_MISSING, media_type=MediaType.HTML, headers={"Cache-Control": "no-store"})
    page = pages.find(path)
    if page is None:
        if "." in path.rpartition("/")[2]:
            raise NotFoundException  # a file that is gone must not look like a page
        page = pages.index
    if page is pages.index and NONCE in page.content:
        nonce = token_urlsafe(16)
        return Response(
            page.content.replace(NONCE, nonce.encode()),
            media_type=MediaType.HTML,
            headers={
                "Cache-Control": "no-store",
                "Content-Security-Policy": content_security_policy(Content.UI, style_nonce=nonce),
            },
        )
    sent = {
        "ETag": page.etag,
        "Cache-Control": _FOREVER if page.forever else _ASK_AGAIN,
        "Vary": "Accept-Encoding",
    }
    if page.etag in headers.get("if-none-match", ""):
        return Response(None, status_code=304, headers=sent)
    if page.zipped is not None and "gzip" in headers.get("accept-encoding", ""):
        return Response(
            page.zipped, media_type=page.media_type, headers=sent | {"Content-Encoding": "gzip"}
        )
    return Response(page.content, media_type=page.media_type, headers=sent)


def page_routes(pages: Pages) -> list[Any]:
    """The routes of the UI; behind all others."""

    @get("/", opt=PUBLIC | {ZIPPED: True}, include_in_schema=False)
    async def start_page(request: Request[Any, Any, Any]) -> Response[Any]:
        return answer(pages, "", dict(request.headers))

    @get("/{path:path}", opt=PUBLIC | {ZIPPED: True}, include_in_schema=False)
    async def any_page(request: Request[Any, Any, Any], path: FromPath[str]) -> Response[Any]:
        return answer(pages, path.lstrip("/"), dict(request.headers))

    return [start_page, any_page]
