"""Security headers of answers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum


class Content(StrEnum):
    """What an answer is."""

    API = "api"  # data; a browser shall run nothing of it
    DOCS = "docs"  # the page of the API's documentation
    UI = "ui"  # pages, scripts and styles of the UI


_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "permissions-policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
}
# One year. Not the subdomains: other services may live there.
_HSTS = "max-age=31536000"

_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'{styles}; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def security_headers(
    content: Content, *, tls: bool, script_hashes: Sequence[str] = ()
) -> dict[str, str]:
    """The headers that every answer of a kind carries, by lower-case name.

    Args:
        content: what the answer is.
        tls: the browser's side of the connection is TLS.
        script_hashes: of inline scripts of the docs page, e.g. "sha256-..."; nothing else may run
            inline.
    """
    headers = dict(_ALWAYS)
    headers["content-security-policy"] = content_security_policy(content, script_hashes)
    if content is Content.API:
        headers["cache-control"] = "no-store"
    if tls:
        headers["strict-transport-security"] = _HSTS
    return headers


def content_security_policy(
    content: Content, script_hashes: Sequence[str] = (), *, style_nonce: str = ""
) -> str:
    """The CSP of a kind of answer; `style_nonce` lets style elements of a page of the UI in."""
    if content is Content.API:
        return _NOTHING
    if content is Content.UI:
        return _PAGE.format(scripts="", styles=f" 'nonce-{style_nonce}'" if style_nonce else "")
    scripts = "".join(f" '{one}'" for one in script_hashes)
    # The page of the documentation styles its parts inline; it shows no data of users.
    return _PAGE.format(scripts=scripts, styles=" 'unsafe-inline'")
