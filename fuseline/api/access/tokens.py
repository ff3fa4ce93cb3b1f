"""API tokens as they stand in Redis: made, read, listed, revoked.

A token is `fl_<id>_<secret>`. The id is public, the secret is 256 random bits of which only an
argon2id hash is kept. What changes later (revoked, last used, sessions ended) has fields of its
own beside the record, so no two writers overwrite each other.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Sequence
from time import monotonic

import msgspec
from msgspec import Struct

from fuseline.api.access.hashing import Hashing
from fuseline.api.access.roles import Role
from fuseline.core.errors import BackendError, ConfigError, FuselineError
from fuseline.core.retention import DAY_MS, Retention
from fuseline.events.backend import Backend
from fuseline.events.keys import check_name
from fuseline.events.wire import Command, Wire, translate
from fuseline.schemas.access import MAX_TOKEN_SECONDS
from fuseline.telemetry.logs import get_logger

MAX_LIFE_MS = MAX_TOKEN_SECONDS * 1000
USED_EVERY_MS = 60_000
"""How coarse `last_used` is."""

_CLOCK_SECONDS = 10.0
_PARTS = ("", ":revoked", ":used", ":generation")
_DROPPED_AT_ONCE = 200
_log = get_logger("access")
_TOKEN = re.compile(r"fl_([a-z2-7]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_ID = re.compile(r"[a-z2-7]{12}", re.ASCII)


class TokenNotFoundError(FuselineError, LookupError):
    """There is no token of that id."""

    def __init__(self, token_id: str) -> None:
        self.token_id = token_id
        super().__init__(token_id)

    def __str__(self) -> str:
        return f"there is no token {self.token_id!r}; `fuseline tokens list` shows those there are"


class _Stored(Struct, frozen=True, kw_only=True):
    """The part of a token that never changes, as it stands in Redis."""

    name: str
    role: Role
    hash: str
    created_ms: int
    expires_ms: int | None
    created_by: str


class Token(Struct, frozen=True, kw_only=True):
    """One token, without its secret and without its hash. Times are Redis's, in ms."""

    id: str
    name: str
    role: Role
    created_ms: int
    expires_ms: int | None  # None: it does not expire
    created_by: str
    revoked_ms: int | None = None
    last_used_ms: int | None = None  # to the minute
    generation: int = 0  # grows when all its sessions are ended

    def is_valid(self, now_ms: int) -> bool:
        """Whether it counts at a time."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)

    def ended_before(self, at_ms: int) -> bool:
        """Whether it had been revoked, or had expired, before a time."""
        ends = [end for end in (self.revoked_ms, self.expires_ms) if end is not None]
        return bool(ends) and min(ends) < at_ms


class Found(Struct, frozen=True, kw_only=True):
    """A token with the hash to compare with, and whether it counts now."""

    token: Token
    hash: str
    valid: bool
    now_ms: int

    def __repr__(self) -> str:
        return f"Found({self.token!r})"


class NewToken(Struct, frozen=True, kw_only=True):
    """A token just made. `text` is the token itself, to be shown once and then forgotten."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"NewToken({self.token!r})"


def split_token(text: str) -> tuple[str, str] | None:
    """Id and secret of a text that looks like a token."""
    match = _TOKEN.fullmatch(text)
    return None if match is None else (match[1], match[2])


class TokenStore:
    """The tokens of a namespace.

    Args:
        backend: the namespace.
        wire: connection of its own, so that nobody waits here behind long answers.
        hashing: shared with whoever checks secrets.
        retention: how long tokens that are over stay; None: as the environment says.

    Raises:
        ConfigError: a variable of the retention is not allowed.
    """

    def __init__(
        self,
        backend: Backend,
        wire: Wire | None = None,
        hashing: Hashing | None = None,
        retention: Retention | None = None,
    ):
        self._retention = retention or Retention.from_env(os.environ)
        self._backend = backend
        self._wire = wire or backend.wire
        self._key = backend.keys.access.tokens
        self._hashing = hashing or Hashing()
        self._clock_read = 0.0

    async def create(
        self, name: str, role: Role, *, life_ms: int | None, created_by: str
    ) -> NewToken:
        """Makes a token; those that have been over for long go then.

        Args:
            name: what stands in the history for its changes.
            role: what it allows.
            life_ms: it expires after this long; None: never.
            created_by: who makes it.

        Raises:
            ConfigError: name or life are not allowed.
        """
        check_name("name", name)
        if life_ms is not None and not 1 <= life_ms <= MAX_LIFE_MS:
            raise ConfigError("expires", life_ms, f"1 to {MAX_LIFE_MS} ms, or none")
        now_ms = await self._backend.learn_time(self._wire)
        secret = secrets.token_urlsafe(32)
        stored = _Stored(
            name=name,
            role=role,
            hash=await self._hashing.make(secret),
            created_ms=now_ms,
            expires_ms=None if life_ms is None else now_ms + life_ms,
            created_by=created_by,
        )
        made = 0
        while not made:
            token_id = base64.b32encode(secrets.token_bytes(8)).decode()[:12].lower()
            made = await self._wire.call(
                "HSETNX", self._key, token_id, msgspec.msgpack.encode(stored)
            )
        await self._drop_old(now_ms)
        return NewToken(token=_token(token_id, stored), text=f"fl_{token_id}_{secret}")

    async def _drop_old(self, now_ms: int) -> None:
        """Only what is made lets the hash grow, so that is the time to look."""
        if not (days := self._retention.token_days):
            return
        before_ms = now_ms - int(days * DAY_MS)
        try:
            old = [token.id for token in await self.list() if token.ended_before(before_ms)]
            for start in range(0, len(old), _DROPPED_AT_ONCE):
                some = old[start : start + _DROPPED_AT_ONCE]
                fields = [f"{token_id}{part}" for token_id in some for part in _PARTS]
                await self._wire.call("HDEL", self._key, *fields)
        except BackendError as error:  # the new token is there, and must be shown
            _log.warning("old_tokens_not_dropped", error=str(error))

    async def find(self, token_id: str) -> Found | None:
        """Reads one token as it stands now; None if there is none."""
        fields = [token_id, *(f"{token_id}:{part}" for part in ("revoked", "used", "generation"))]
        commands: list[Command] = [("HMGET", self._key, *fields)]
        # Redis's clock says what has expired; an estimate that is kept fresh on the way will do.
        stale = monotonic() - self._clock_read > _CLOCK_SECONDS
        if stale:
            await self._backend.learn_time(self._wire)
            self._clock_read = monotonic()
        (reply,) = await self._wire.call_many(commands)
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        stored = None if reply[0] is None else _decode(reply[0])
        if stored is None:
            return None
        token = _token(token_id, stored, reply[1:])
        now_ms = self._backend.clock.now_ms()
        return Found(token=token, hash=stored.hash, valid=token.is_valid(now_ms), now_ms=now_ms)

    async def list(self) -> list[Token]:
        """All tokens, also those that are over; the oldest first."""
        flat: Sequence[bytes] = await self._wire.call("HGETALL", self._key)
        fields = dict(zip((name.decode() for name in flat[::2]), flat[1::2], strict=True))
        found = []
        for name, value in fields.items():
            if not _ID.fullmatch(name) or (stored := _decode(value)) is None:
                continue
            parts = [fields.get(f"{name}:{part}") for part in ("revoked", "used", "generation")]
            found.append(_token(name, stored, parts))
        return sorted(found, key=lambda token: (token.created_ms, token.id))

    async def any_valid(self) -> bool:
        """Whether there is a token that counts now."""
        now_ms = await self._backend.learn_time(self._wire)
        return any(token.is_valid(now_ms) for token in await self.list())

    async def revoke(self, token_id: str) -> Token:
        """Ends a token and its sessions, for all processes at once; again changes nothing.

        Raises:
            TokenNotFoundError: there is none.
        """
        await self._find(token_id)
        now_ms = await self._backend.learn_time(self._wire)
        await self._wire.call("HSETNX", self._key, f"{token_id}:revoked", now_ms)
        return (await self._find(token_id)).token

    async def end_sessions(self, token_id: str) -> None:
        """Ends all sessions that were opened with a token; the token itself goes on.

        Raises:
            TokenNotFoundError: there is none.
        """
        await self._find(token_id)
        await self._wire.call("HINCRBY", self._key, f"{token_id}:generation", 1)

    async def note_use(self, found: Found) -> None:
        """Writes down that a token was used, at most once a minute."""
        last = found.token.last_used_ms
        if last is None or found.now_ms - last >= USED_EVERY_MS:
            await self._wire.call("HSET", self._key, f"{found.token.id}:used", found.now_ms)

    async def _find(self, token_id: str) -> Found:
        found = await self.find(token_id) if _ID.fullmatch(token_id) else None
        if found is None:
            raise TokenNotFoundError(token_id)
        return found


def _token(token_id: str, stored: _Stored, parts: Sequence[bytes | None] = (None,) * 3) -> Token:
    revoked, used, generation = (None if part is None else int(part) for part in parts)
    return Token(
        id=token_id,
        name=stored.name,
        role=stored.role,
        created_ms=stored.created_ms,
        expires_ms=stored.expires_ms,
        created_by=stored.created_by,
        revoked_ms=revoked,
        last_used_ms=used,
        generation=generation or 0,
    )


_decoder = msgspec.msgpack.Decoder(_Stored)


def _decode(raw: bytes) -> _Stored | None:
    # What cannot be read lets nobody in.
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError:
        return None
