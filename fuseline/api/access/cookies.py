"""The session's cookie. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_NAME = "fuseline_session"


def cookie_name(*, secure: bool) -> str:
    """`__Host-` keeps a neighbour under the same domain from planting a session of its own."""
    return f"__Host-{_NAME}" if secure else _NAME


def read_cookie(cookies: Mapping[str, str], *, secure: bool) -> str | None:
    """The session's secret, if there is one."""
    return cookies.get(cookie_name(secure=secure)) or None


def set_cookie(secret: str, max_age_seconds: int, *, secure: bool) -> str:
    """The value of a `Set-Cookie` header."""
    text = f"{cookie_name(secure=secure)}={secret}; Path=/; Max-Age={max_age_seconds}; HttpOnly"
    return f"{text}; SameSite=Strict{'; Secure' if secure else ''}"


def clear_cookie(*, secure: bool) -> str:
    """The value of a `Set-Cookie` header that takes the cookie away."""
    return set_cookie("", 0, secure=secure)
