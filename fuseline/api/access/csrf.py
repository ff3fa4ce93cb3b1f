"""Whether a request may have been made by another web site in the caller's browser. Pure.

Cookies, and the mere fact of running on this machine, prove who the browser belongs to, not who
wrote the page. A token in a header proves both, so token requests need nothing of this.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from fuseline.api.access.errors import CsrfError, ForbiddenError

CSRF_HEADER = "x-csrf-token"

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_PORTS = {"http": 80, "https": 443}


def is_safe(method: str) -> bool:
    """Whether a method changes nothing."""
    return method.upper() in _SAFE


def origin_of(headers: Mapping[str, str], *, secure: bool, public_url: str | None) -> str:
    """The origin under which browsers see this server, e.g. "https://fuseline.example".

    Args:
        headers: by lower-case name.
        secure: the browser's side of the connection is TLS.
        public_url: where people reach the UI, if that was set.
    """
    if public_url is not None:
        return _origin(public_url)
    return _origin(f"{'https' if secure else 'http'}://{headers.get('host', '')}")


def check_same_origin(
    headers: Mapping[str, str], own_origin: str, *, needs_evidence: bool = True
) -> None:
    """Lets a request pass that a page of this server has made.

    Args:
        headers: by lower-case name.
        own_origin: see `origin_of`.
        needs_evidence: refuse also what says nothing of where it comes from. Every browser of
            today says it.

    Raises:
        CsrfError: it comes from elsewhere, or may.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        raise CsrfError("the request comes from another web site (Sec-Fetch-Site)")
    if origin is not None and (not own_origin or _origin(origin) != own_origin):
        raise CsrfError(
            f"the request comes from another web site (Origin); this server is {own_origin}, "
            "FUSELINE_API_PUBLIC_URL says so if it is reached under another name"
        )
    if needs_evidence and site is None and origin is None:
        raise CsrfError(
            f"the request does not say which page made it; programs send 'Origin: {own_origin}', "
            "or use a token"
        )


def check_csrf_token(headers: Mapping[str, str], expected: str) -> None:
    """Lets a request of a session pass that carries the session's CSRF token.

    Raises:
        CsrfError: none, or another.
    """
    sent = headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(errors="replace"), expected.encode()):
        raise CsrfError("the header X-CSRF-Token is missing or is not this session's")


def check_local_host(headers: Mapping[str, str], host: str, port: int) -> None:
    """Lets a request pass that names this machine: no name of a stranger's that leads here.

    Args:
        headers: by lower-case name.
        host: the address that is listened on.
        port: the port that is listened on.

    Raises:
        ForbiddenError: it names another host.
    """
    own = f"[{host}]" if ":" in host else host
    allowed = {f"{name}:{port}" for name in (*_LOCAL_HOSTS, own)}
    if port in _PORTS.values():
        allowed |= {*_LOCAL_HOSTS, own}
    if headers.get("host", "").lower() not in allowed:
        raise ForbiddenError(
            f"without tokens this server answers only as localhost:{port} or 127.0.0.1:{port}"
        )
    if "x-forwarded-for" in headers or "forwarded" in headers:
        raise ForbiddenError("without tokens this server answers no proxies; create a token")


def _origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in (None, _PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"
