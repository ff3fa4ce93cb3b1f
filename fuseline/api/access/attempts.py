"""Failed attempts to sign in, counted in Redis, so that all processes of the API count together."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fuseline.api.access.addresses import group_of
from fuseline.api.access.errors import TooManyAttemptsError
from fuseline.events.backend import Backend
from fuseline.events.wire import Command, Wire, translate

_ALL = "all"


class Limits(Struct, frozen=True, kw_only=True):
    """How many attempts may fail in a window.

    Attributes:
        per_client: of one address (of one /64 with IPv6).
        guesses: of secrets of tokens that there are, from all addresses together.
        window_seconds: counted from the first failure.
    """

    per_client: int = 10
    guesses: int = 200
    window_seconds: float = 60.0


class Attempts:
    """Counts failed attempts and says when there were too many.

    Only guesses at a token that is there count towards the limit of all addresses: whoever
    knows none cannot keep the others out.
    """

    def __init__(self, backend: Backend, wire: Wire, limits: Limits | None = None) -> None:
        self._wire = wire
        self._prefix = backend.keys.access.attempts_prefix
        self._limits = limits or Limits()
        self._window_ms = round(self._limits.window_seconds * 1000)

    async def check(self, client: str) -> None:
        """Lets a guess pass if there were few enough.

        Raises:
            TooManyAttemptsError: there were too many.
        """
        limits = self._limits
        keys = (self._key(client), limits.per_client), (self._prefix + _ALL, limits.guesses)
        # NX: a window that a cut connection has left without an end gets one.
        commands: list[Command] = []
        for key, _ in keys:
            commands += (("GET", key), ("PEXPIRE", key, self._window_ms, "NX"), ("PTTL", key))
        replies = await self._send(commands)
        waits = [
            replies[3 * n + 2]
            for n, (_, limit) in enumerate(keys)
            if int(replies[3 * n] or 0) >= limit
        ]
        if waits:
            raise TooManyAttemptsError(max(waits) / 1000)

    async def failed(self, client: str, *, guess: bool) -> None:
        """Counts a failed attempt.

        Args:
            client: its address.
            guess: it named a token that is there.

        Raises:
            TooManyAttemptsError: there were too many before.
        """
        keys = [self._key(client), self._prefix + _ALL][: 1 + guess]
        # NX: the window begins with the first failure.
        commands: list[Command] = []
        for key in keys:
            commands += (("INCR", key), ("PEXPIRE", key, self._window_ms, "NX"), ("PTTL", key))
        replies = await self._send(commands)
        if replies[0] > self._limits.per_client:
            raise TooManyAttemptsError(replies[2] / 1000)

    def _key(self, client: str) -> str:
        return self._prefix + group_of(client)

    async def _send(self, commands: Sequence[Command]) -> list[int]:
        replies = await self._wire.call_many(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        return replies
