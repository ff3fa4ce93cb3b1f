"""What lists need of agents' records, read without the rest: thousands in a few milliseconds."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate


class _Where(Struct, frozen=True, gc=False):
    url: str = ""
    protocol: str = "http"


class About(Struct, frozen=True, gc=False):
    """What people say of an agent, and when it changed."""

    description: str = ""
    tags: tuple[str, ...] = ()
    created_ms: int = 0
    updated_ms: int = 0


class Glance(Struct, frozen=True, array_like=True, gc=False):
    """A stored record as far as lists ask; the layout is that of `agents`.

    Attributes:
        config: not read.
        endpoint: None: it is called by code of the worker's own.
        about: what else it holds.
    """

    config: msgspec.Raw
    endpoint: _Where | None = None
    about: About = About()


_decoder = msgspec.msgpack.Decoder(Glance)


def glance_at(stored: bytes) -> Glance:
    """Reads what lists need.

    Raises:
        msgspec.MsgspecError: it is no record.
    """
    return _decoder.decode(stored.partition(b" ")[2])


async def read_stored(backend: Backend, wire: Wire | None = None) -> list[tuple[str, bytes]]:
    """All registered agents with their records as they are stored, in one round trip.

    Raises:
        BackendError: the server cannot say.
    """
    commands = [("HGETALL", shard.agents) for shard in backend.keys.shards]
    found: list[tuple[str, bytes]] = []
    for flat in await (wire or backend.wire).call_many(commands):
        if isinstance(flat, Exception):
            raise translate(flat) from flat
        names = list(backend.keys.names(flat[::2]))
        if len(names) * 2 == len(flat):
            found += zip(names, flat[1::2], strict=True)
            continue
        for raw, stored in zip(flat[::2], flat[1::2], strict=True):  # some are no names of ours
            found += ((name, stored) for name in backend.keys.names([raw]))
    return found
