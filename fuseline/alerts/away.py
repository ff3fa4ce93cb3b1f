"""Alerts of a server that is lost: told from memory, because there is nowhere to write.

The process that notified when the server went is the one that tells. What it told is written down
when the server is back; if it is killed before, nobody says that the server is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
import msgspec

from fuseline.alerts.book import Book
from fuseline.alerts.courier import MOST_ATTEMPTS, pause_ms, take_due
from fuseline.alerts.deciding import observe
from fuseline.alerts.ledger import Write, delivery_write, incident_writes, write_unfenced
from fuseline.alerts.model import Incident, Notice
from fuseline.alerts.planning import plan
from fuseline.alerts.samples import Machine, read_away, read_spool
from fuseline.alerts.sending import DeliveryError, Sender
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire
from fuseline.schemas.alerts import RedisLost, SpoolHolds

_LOOK_SECONDS = 0.25


class AwayWatch:
    """One absence of the server, as one process sees it.

    Args:
        backend: its clock goes on.
        sender: delivers.
        known: rules and channels when the server went.
        host: this machine.
        spool_bytes: what waits in its spools now.
        error: why the server is away.
    """

    def __init__(
        self,
        backend: Backend,
        sender: Sender,
        known: Book,
        host: str,
        spool_bytes: Callable[[], int],
        error: str,
    ) -> None:
        self._backend = backend
        self._sender = sender
        self._book = Book(
            # What is told of already goes on; the server will be back to tell of its end.
            rules={
                name: stored
                for name, stored in known.rules.items()
                if (name, host) not in known.standing
            },
            channels=known.channels,
        )
        self._host = host
        self._spool_bytes = spool_bytes
        self._error = error
        self._since_ms = backend.clock.now_ms()
        self._incidents: dict[str, Incident] = {}
        self._records: list[dict[str, object]] = []

    async def run(self) -> None:
        """Watches and tells until cancelled."""
        while True:
            await self._look(away=True)
            await anyio.sleep(_LOOK_SECONDS)

    async def end(self, wire: Wire) -> None:
        """The server is back: tells so, and writes down what was told.

        Raises:
            BackendError: it is away again.
        """
        await self._look(away=False)
        writes: list[Write] = []
        for incident in self._incidents.values():
            writes += incident_writes(self._backend.keys.alerts, incident)
        writes += [delivery_write(self._backend.keys.alerts, one) for one in self._records]
        if writes:
            await write_unfenced(wire, writes)

    async def _look(self, *, away: bool) -> None:
        now_ms = self._backend.clock.now_ms()
        changed: list[Incident] = []
        for stored in self._book.rules.values():
            when = stored.rule.when
            if not stored.rule.enabled:
                continue
            if isinstance(when, RedisLost):
                reading = read_away(when, self._host, self._since_ms, self._error)
            elif isinstance(when, SpoolHolds):
                machine = Machine(at_ms=now_ms, spool_bytes=self._spool_bytes())
                reading = read_spool(when, self._host, machine)
            else:
                continue
            if not away:
                reading = msgspec.structs.replace(reading, holds=False)
            changed += observe(self._book, stored, self._host, reading, now_ms)
        self._incidents.update({one.id: one for one in changed})
        plan(self._book, changed, now_ms)
        for notice in take_due(self._book, now_ms, set(), len(self._book.outbox)):
            await self._deliver(notice)
        if not away:
            # What had to wait for the first to be over.
            for notice in take_due(self._book, now_ms, set(), len(self._book.outbox)):
                await self._deliver(notice)

    async def _deliver(self, notice: Notice) -> None:
        began = time.monotonic()
        notice.attempts += 1
        stored = self._book.rules[notice.rule]
        error = ""
        try:
            await self._sender.send(
                self._book.channels[notice.channel],
                notice,
                [self._incidents[name] for name in notice.incidents],
                stored.rule,
                self._backend.clock.now_ms() // 1000,
            )
        except DeliveryError as failure:
            error = str(failure)
        retrying = bool(error) and notice.attempts < MOST_ATTEMPTS
        if retrying:
            notice.due_ms = self._backend.clock.now_ms() + pause_ms(notice.attempts)
        else:
            del self._book.outbox[notice.id]
        self._records.append(
            {
                "notice": notice.id,
                "channel": notice.channel,
                "event": notice.event,
                "incidents": notice.incidents,
                "attempt": notice.attempts,
                "at_ms": self._backend.clock.now_ms(),
                "took_ms": round((time.monotonic() - began) * 1000),
                "result": "retrying" if retrying else "failed" if error else "delivered",
                "error": error,
            }
        )
