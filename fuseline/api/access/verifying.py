"""Proving that a token is good: cheap for good ones, dear for guessers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from msgspec import Struct

from fuseline.api.access.attempts import Attempts
from fuseline.api.access.errors import NotAuthenticatedError
from fuseline.api.access.hashing import Hashing
from fuseline.api.access.tokens import Found, TokenStore, split_token

_REFUSED = "the token is not valid, or no longer"


class _Known(Struct, frozen=True):
    """A secret that was found to be right: its SHA-256, and the hash it was compared with."""

    digest: bytes
    hash: str


class _Flight:
    """Requests with one secret that is being checked."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.users = 0


class TokenVerifier:
    """Checks tokens.

    A secret is hashed once a process; then its SHA-256 is remembered (256 random bits need no slow
    hash, argon2 is for whoever steals the data). The record is read for every request
    all the same, so revoking, expiry and a changed role act at once, in every process.
    """

    def __init__(self, store: TokenStore, hashing: Hashing, attempts: Attempts) -> None:
        self._store = store
        self._hashing = hashing
        self._attempts = attempts
        self._known: dict[str, _Known] = {}
        self._flights: dict[bytes, _Flight] = {}

    async def verify(self, text: str, client: str) -> Found:
        """The token as it stands now.

        Args:
            text: what the client sent.
            client: its address.

        Raises:
            NotAuthenticatedError: no such token, a wrong secret, or it is revoked or expired.
            TooManyAttemptsError: too many have failed of late.
        """
        parts = split_token(text)
        found = None if parts is None else await self._store.find(parts[0])
        if parts is None or found is None:
            await self._attempts.failed(client, guess=False)
            raise NotAuthenticatedError(_REFUSED)
        if not found.valid:
            # Not counted: no guess at it can succeed, and a program left running with it shall not
            # keep out others behind the same address.
            self._known.pop(found.token.id, None)
            raise NotAuthenticatedError(_REFUSED)
        digest = hashlib.sha256(parts[1].encode()).digest()
        if not self._knows(found, digest):
            async with self._alone(digest):
                if not self._knows(found, digest):
                    await self._prove(found, parts[1], digest, client)
        return found

    def _knows(self, found: Found, digest: bytes) -> bool:
        known = self._known.get(found.token.id)
        return (
            known is not None
            and hmac.compare_digest(known.digest, digest)
            and hmac.compare_digest(known.hash, found.hash)
        )

    async def _prove(self, found: Found, secret: str, digest: bytes, client: str) -> None:
        async with self._hashing.turn() as fits:
            # Asked when it is its turn: guesses sent all at once do not slip by together.
            await self._attempts.check(client)
            if not await fits(found.hash, secret):
                await self._attempts.failed(client, guess=True)
                raise NotAuthenticatedError(_REFUSED)
        self._known[found.token.id] = _Known(digest, found.hash)

    @asynccontextmanager
    async def _alone(self, digest: bytes) -> AsyncIterator[None]:
        """One at a time of those with the same secret: the others then find it remembered."""
        flight = self._flights.setdefault(digest, _Flight())
        flight.users += 1
        try:
            async with flight.lock:
                yield
        finally:
            flight.users -= 1
            if not flight.users:
                self._flights.pop(digest, None)
