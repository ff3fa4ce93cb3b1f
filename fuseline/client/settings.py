"""Where the API is and who asks: from arguments, else from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from fuseline.core.errors import ConfigError

URL_VARIABLE = "FUSELINE_API_URL"
TOKEN_VARIABLE = "FUSELINE_API_TOKEN"  # noqa: S105 - the name, not a token
DEFAULT_URL = "http://127.0.0.1:8787"

_PATH = "/api/v1"


class Target(Struct, frozen=True):
    """An API and a token for it.

    Attributes:
        url: of its root, without a slash at the end.
        token: None: without one.
    """

    url: str
    token: str | None

    @property
    def base(self) -> str:
        """What the paths of operations are appended to."""
        return f"{self.url}{_PATH}"

    @property
    def origin(self) -> str:
        """As browsers name where a page is from."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def __repr__(self) -> str:
        return f"Target(url={self.url!r}, token={'***' if self.token else None!r})"


def find_target(url: str | None, token: str | None, environ: Mapping[str, str]) -> Target:
    """The API to ask.

    Raises:
        ConfigError: the URL or the token is none; it never shows a token.
    """
    field, text = ("url", url) if url is not None else (URL_VARIABLE, environ.get(URL_VARIABLE))
    name, word = ("token", token) if token is not None else (TOKEN_VARIABLE, None)
    if token is None:
        word = environ.get(TOKEN_VARIABLE)
    return Target(_url(field, text or DEFAULT_URL), _token(name, word or None))


def _url(field: str, text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        sound = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not parts.query
            and not parts.fragment
            and "@" not in parts.netloc
        )
    except ValueError:
        sound = False
    if not sound:
        # Whoever wrote a password into it must not find it in a log.
        shown = text.rpartition("@")[2] if "@" in text else text
        raise ConfigError(
            field, shown, "http://HOST[:PORT] or https://..., without user, query and fragment"
        )
    return text.strip().rstrip("/").removesuffix(_PATH)


def _token(field: str, text: str | None) -> str | None:
    if text is None:
        return None
    word = text.strip()
    if not word or not word.isascii() or not word.isprintable() or " " in word:
        raise ConfigError(field, "***", "a token as `fuseline tokens create` prints it")
    return word
