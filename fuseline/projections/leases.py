"""Shard leases: who may project which shard, with a fencing token for each."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.events.keys import ShardKeys
from fuseline.events.wire import Wire
from fuseline.telemetry.logs import get_logger

LEASE_MS = 2000
"""How long a lease lasts without renewal. A dead owner is replaced within this and one round."""

RENEW_SECONDS = 0.5

SILENT_SECONDS = 3.0
"""Without an answer to a renewal for this long, whoever keeps leases says that it is not ready."""

_log = get_logger("projector")


class LostLeaseError(BackendError):
    """A shard's lease is another's by now; nothing was done under it."""


def lease_call(
    shard: ShardKeys, owner: str, token: int, *, by_force: bool = False
) -> tuple[str, tuple[str, ...], tuple[str | int, ...]]:
    """The call that takes or renews a shard's lease; token 0 if none is held."""
    return "lease", (shard.lease, shard.fence), (owner, LEASE_MS, token, int(by_force))


async def projected_shards(backend: Backend, wire: Wire) -> set[int]:
    """The shards whose lease somebody holds now."""
    shards = backend.keys.shards
    replies = await wire.call_many([("EXISTS", shard.lease) for shard in shards])
    return {shard.shard for shard, held in zip(shards, replies, strict=True) if held == 1}


def silence(answered: float | None) -> list[str]:
    """Why a process that keeps leases is not ready, as far as its server is concerned.

    Args:
        answered: when the server last answered a renewal, as `monotonic` says; None: not yet.
    """
    if answered is None:
        return ["starting: no lease has been asked for yet"]
    silent = monotonic() - answered
    if silent > SILENT_SECONDS:
        return [f"server away: it last answered {silent:.0f} s ago"]
    return []


class Leases:
    """Takes free leases of all shards and keeps those it has.

    Attributes:
        answered: when the server last answered, as `monotonic` says; None: not yet.
        refused: shards whose lease could not even be asked for, in the last round.
    """

    def __init__(self, backend: Backend, owner: str, wire: Wire) -> None:
        self._backend = backend
        self.wire = wire
        self.owner = owner
        self.tokens: dict[int, int] = {}
        self.answered: float | None = None
        self.refused: list[int] = []
        self._renewed: dict[int, float] = {}

    async def renew(self) -> tuple[list[int], list[int]]:
        """Renews and takes what is free; returns the shards won and those lost."""
        sent = monotonic()
        shards = self._backend.keys.shards
        replies = await self._backend.fcall_many(
            [lease_call(keys, self.owner, self.tokens.get(keys.shard, 0)) for keys in shards],
            self.wire,
        )
        won, lost, refused = [], [], []
        for keys, reply in zip(shards, replies, strict=True):
            token = reply if isinstance(reply, int) else 0
            held = self.tokens.get(keys.shard)
            if isinstance(reply, BackendUnavailableError):
                continue  # one server of a cluster: as if none had answered
            if isinstance(reply, Exception):
                refused.append(keys.shard)
                _log.error("lease_refused", shard=keys.shard, error=str(reply))
            if held and token != held:
                self.drop(keys.shard)
                lost.append(keys.shard)
            if token and token != held:
                self.tokens[keys.shard] = token
                won.append(keys.shard)
            if token:
                self._renewed[keys.shard] = sent
        self.answered, self.refused = monotonic(), refused
        return won, lost

    def drop(self, shard: int) -> None:
        """Forgets a lease that was found to be another's."""
        self.tokens.pop(shard, None)
        self._renewed.pop(shard, None)

    async def release(self) -> None:
        """Gives all leases back, so that another projector takes over at once."""
        shards = self._backend.keys.shards
        held: Sequence[tuple[int, int]] = list(self.tokens.items())
        self.tokens.clear()
        self._renewed.clear()
        if held:
            await self._backend.fcall_many(
                [("release", (shards[shard].lease,), (token,)) for shard, token in held],
                self.wire,
            )
