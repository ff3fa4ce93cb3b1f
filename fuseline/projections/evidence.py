"""What made a circuit change: the events behind the figures of a transition."""

from __future__ import annotations

from msgspec import Struct

from fuseline.core.circuit import Cause, ConfigApplied, ModeChanged, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ
from fuseline.events.streams import read_stream
from fuseline.projections.causes import Causes
from fuseline.projections.explain import config_of
from fuseline.projections.history import changes, last_change
from fuseline.projections.timeline import Item, item_of, read_change
from fuseline.projections.workers import WorkerNames

MAX_EVENTS = 200


class Evidence(Struct, frozen=True, kw_only=True):
    """A transition or override with what led to it.

    Attributes:
        item: the transition or override itself.
        config: the settings in force; None if nothing tells them any more.
        configured: the change that put them in force, with its author.
        events: what made the count, oldest first: the failures in a row, the failed or slow calls
            of the window, or the results of a round's probes (of one that vanished, its start).
        total: how many there are; only the newest `MAX_EVENTS` are in `events`.
        complete: whether `total` is all; otherwise the log has lost some, or there was too much
            to read.
        opened: for the end of an open time, the transition that opened.
        workers: names of the workers of the events, by their id, where they are known.
    """

    item: Item
    config: CircuitBreakerConfig | None
    configured: ConfigApplied | None
    events: list[Item]
    total: int
    complete: bool
    opened: Item | None
    workers: dict[int, str]


async def evidence(backend: Backend, name: str, transition: str | int) -> Evidence | None:
    """What led to a transition; None if the history does not have it.

    Args:
        backend: the namespace.
        name: of the agent.
        transition: its id in the history (of an override too), or its epoch.

    Raises:
        ConfigError: the name or id is not allowed.
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    agent = backend.keys.agent(name)
    item = await _find(backend, agent, transition)
    if item is None:
        return None
    causes = Causes(backend, agent, item)
    await causes.look_back()
    change = item.content
    if isinstance(change, Transition):
        configured = await causes.configured(change.revision)
        config = await causes.book.get(change.revision)
        entries = await causes.entries(change)
    else:
        configured = await causes.configured(None)
        config, entries = config_of(configured) if configured else None, []
    opened = isinstance(change, Transition) and change.cause is Cause.OPEN_TIME_OVER
    events = [found for entry in entries[-MAX_EVENTS:] if (found := item_of(entry))]
    return Evidence(
        item=item,
        config=config,
        configured=configured,
        events=events,
        total=len(entries),
        complete=causes.complete,
        opened=causes.previous if opened else None,
        workers=await _workers(backend, name, events),
    )


async def _find(backend: Backend, agent: AgentKeys, transition: str | int) -> Item | None:
    allowed = "the id of an entry of the history, e.g. 1700000000000-0, or an epoch from 1 on"
    text = str(transition)
    ms, dash, seq = text.partition("-")
    is_number = ms.isascii() and ms.isdigit() and len(text) <= 41
    if not is_number or (dash and not (seq.isascii() and seq.isdigit())) or text == "0":
        raise ConfigError("transition", transition, allowed)
    if dash:
        if max(int(ms), int(seq)) > MAX_SEQ:
            raise ConfigError("transition", transition, allowed)
        raw = await read_stream(backend, agent, "history", text, text, 1)
        item = read_change(raw[0]) if raw else None
        is_known = item is not None and isinstance(item.content, Transition | ModeChanged)
        return item if is_known else None
    epoch = int(text)
    top = await last_change(backend, agent, None)
    async for _, item in changes(backend, agent, (0, 0), top, newest_first=True):
        if isinstance(item.content, Transition) and item.content.epoch <= epoch:
            return item if item.content.epoch == epoch else None
    return None


async def _workers(backend: Backend, agent: str, events: list[Item]) -> dict[int, str]:
    names = WorkerNames(backend, agent)
    found: dict[int, str] = {}
    for number in {getattr(item.content, "worker", 0) for item in events}:
        if (name := await names.get(number)) is not None:
            found[number] = name
    return found
