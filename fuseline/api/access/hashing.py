"""Hashing the secrets of tokens, off the event loop and a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio.to_thread
from anyio import CapacityLimiter
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fuseline.api.access.errors import TooManyAttemptsError

# What OWASP's cheat sheet on password storage asks for at least of argon2id: 19 MiB, 2 passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_AT_ONCE = 2
_WAITING = 32


class Hashing:
    """Makes and checks hashes.

    At most two run at once, so that guesses take neither the processors nor more than 40 MB; and
    few may wait, so that nobody waits long behind guesses.
    """

    def __init__(self) -> None:
        self.checks = 0  # number of secrets checked so far
        self._turns = CapacityLimiter(_AT_ONCE)
        self._threads = CapacityLimiter(_AT_ONCE)

    async def make(self, secret: str) -> str:
        """The argon2id hash of a secret, with its parameters."""
        async with self._turns:
            return await anyio.to_thread.run_sync(_HASHER.hash, secret, limiter=self._threads)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Callable[[str, str], Awaitable[bool]]]:
        """Waits for a turn; what it gives says whether a hash was made of a secret.

        Raises:
            TooManyAttemptsError: too many wait already.
        """
        if self._turns.statistics().tasks_waiting >= _WAITING:
            raise TooManyAttemptsError(1)
        async with self._turns:
            yield self._fits

    async def _fits(self, stored: str, secret: str) -> bool:
        self.checks += 1
        return await anyio.to_thread.run_sync(_check, stored, secret, limiter=self._threads)


def _check(stored: str, secret: str) -> bool:
    try:
        return _HASHER.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False
