"""Sessions of people in a browser, opened with a token.

The cookie holds 256 random bits, Redis only their SHA-256. A session is as good as its token is at
the moment: it holds no role of its own.
"""

from __future__ import annotations

import hashlib
import secrets

import msgspec
from msgspec import Struct

from fuseline.api.access.tokens import Found, TokenStore
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate

MAX_LIFE_MS = 7 * 86_400_000
"""However much it is used, a session ends this long after it was opened."""

_HOUR_MS = 3_600_000
# A session that is used is prolonged when a tenth of its life has gone, not at each request.
_PROLONG_AT = 0.9


class Session(Struct, frozen=True, kw_only=True):
    """An open session as it stands in Redis, under the SHA-256 of its cookie."""

    token_id: str
    generation: int  # of the token's sessions; another one: it was ended
    csrf: str
    opened_ms: int

    def __repr__(self) -> str:
        return f"Session(token_id={self.token_id!r}, opened_ms={self.opened_ms})"


class NewSession(Struct, frozen=True, kw_only=True):
    """A session just opened. `secret` is for the cookie alone."""

    session: Session
    secret: str
    max_age_seconds: int

    def __repr__(self) -> str:
        return f"NewSession({self.session!r})"


class SessionStore:
    """The sessions of a namespace.

    Args:
        backend: the namespace.
        wire: connection of its own.
        tokens: what the sessions stand on.
        hours: a session ends after this long without use.
    """

    def __init__(self, backend: Backend, wire: Wire, tokens: TokenStore, hours: float) -> None:
        self._wire = wire
        self._prefix = backend.keys.access.session_prefix
        self._tokens = tokens
        self._life_ms = round(hours * _HOUR_MS)

    async def open(self, found: Found) -> NewSession:
        """Opens a session with a token that was verified just now."""
        secret = secrets.token_urlsafe(32)
        session = Session(
            token_id=found.token.id,
            generation=found.token.generation,
            csrf=secrets.token_urlsafe(32),
            opened_ms=found.now_ms,
        )
        life_ms = self._left_ms(session, found)
        await self._wire.call(
            "SET", self._key(secret), msgspec.msgpack.encode(session), "PX", life_ms
        )
        # The cookie lasts as long as the session may; when it ends, Redis says.
        return NewSession(session=session, secret=secret, max_age_seconds=MAX_LIFE_MS // 1000)

    async def find(self, secret: str) -> tuple[Session, Found] | None:
        """The session of a cookie and its token; None if it is over."""
        key = self._key(secret)
        replies = await self._wire.call_many([("GET", key), ("PTTL", key)])
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        session = _decode(replies[0])
        if session is None:
            return None
        found = await self._tokens.find(session.token_id)
        if found is None or not found.valid or found.token.generation != session.generation:
            await self._wire.call("DEL", key)
            return None
        life_ms = self._left_ms(session, found)
        if life_ms <= 0:
            await self._wire.call("DEL", key)
            return None
        if replies[1] < life_ms * _PROLONG_AT:
            await self._wire.call("PEXPIRE", key, life_ms)
        return session, found

    async def close(self, secret: str) -> None:
        """Ends the session of a cookie, if it is one."""
        await self._wire.call("DEL", self._key(secret))

    def _left_ms(self, session: Session, found: Found) -> int:
        """How long it may go unused from now on; no longer than its token or its own cap."""
        ends_ms = session.opened_ms + MAX_LIFE_MS
        if found.token.expires_ms is not None:
            ends_ms = min(ends_ms, found.token.expires_ms)
        return min(self._life_ms, ends_ms - found.now_ms)

    def _key(self, secret: str) -> str:
        return self._prefix + hashlib.sha256(secret.encode(errors="replace")).hexdigest()


_decoder = msgspec.msgpack.Decoder(Session)


def _decode(raw: bytes | None) -> Session | None:
    if raw is None:
        return None
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None
