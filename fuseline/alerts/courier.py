"""Delivers the notices of the outbox: each is claimed before it is sent and settled afterwards.

Whoever dies in between leaves a claim whose end nobody knows. The next process sends that notice
again, under the same id: a person is told twice rather than never, and a receiver that looks at the
id drops the second.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup

from fuseline.alerts.book import Book
from fuseline.alerts.ledger import Ledger, Write, delivery_write
from fuseline.alerts.model import Incident, Notice
from fuseline.alerts.planning import TEST
from fuseline.alerts.sending import DeliveryError, Sender
from fuseline.core.circuit import NEVER_MS
from fuseline.telemetry.logs import get_logger

MOST_ATTEMPTS = 15
"""With the pauses between them about 40 minutes."""

_AT_ONCE = 8
_LONGEST_PAUSE_MS = 300_000
_FIRST_PAUSE_MS = 1000

_log = get_logger("alerts")


def pause_ms(attempts: int) -> int:
    """How long to wait after so many failed attempts: 1 s, doubled each time, 5 minutes at most."""
    return min(_LONGEST_PAUSE_MS, _FIRST_PAUSE_MS << max(0, min(attempts - 1, 20)))


def next_due(book: Book, in_flight: set[str]) -> int:
    """When the next notice is due, in ms."""
    return min(
        (n.due_ms for n in book.outbox.values() if n.id not in in_flight and _is_free(book, n)),
        default=NEVER_MS,
    )


def take_due(book: Book, now_ms: int, in_flight: set[str], limit: int) -> list[Notice]:
    """The notices to send now, the longest due first. Pure."""
    due = [
        notice
        for notice in book.outbox.values()
        if notice.due_ms <= now_ms and notice.id not in in_flight and _is_free(book, notice)
    ]
    due.sort(key=lambda notice: (notice.due_ms, notice.id))
    return due[:limit]


def _is_free(book: Book, notice: Notice) -> bool:
    """Nobody shall read that an incident is over before having read of it."""
    return not notice.after or notice.after not in book.outbox


class Courier:
    """Delivers while one process has the lease.

    Args:
        book: holds the outbox.
        ledger: writes claims and ends.
        sender: does one attempt.
        now_ms: Redis's time.
    """

    def __init__(
        self, book: Book, ledger: Ledger, sender: Sender, now_ms: Callable[[], int]
    ) -> None:
        self._book = book
        self._ledger = ledger
        self._sender = sender
        self._now_ms = now_ms
        self._in_flight: set[str] = set()
        self._scopes: set[anyio.CancelScope] = set()
        self._news = anyio.Event()

    def notice(self) -> None:
        """Something in the outbox changed."""
        self._news.set()

    async def run(self, drain_seconds: float) -> None:
        """Delivers until it is cancelled; attempts under way may end within the time given.

        Raises:
            BackendError: a claim or an end could not be written.
        """
        for notice in self._book.outbox.values():
            if notice.sending:  # whoever claimed it is gone
                notice.sending, notice.due_ms = False, 0
        async with anyio.create_task_group() as attempts:
            try:
                while True:
                    self._news = anyio.Event()
                    await self._begin(attempts)
                    if len(self._in_flight) >= _AT_ONCE:
                        await self._news.wait()
                        continue
                    wait = (next_due(self._book, self._in_flight) - self._now_ms()) / 1000
                    with anyio.move_on_after(max(0.0, min(wait, 60.0))):
                        await self._news.wait()
            finally:
                with anyio.move_on_after(drain_seconds, shield=True):
                    while self._scopes:
                        self._news = anyio.Event()
                        await self._news.wait()
                for scope in list(self._scopes):
                    scope.cancel()

    async def _begin(self, attempts: TaskGroup) -> None:
        free = _AT_ONCE - len(self._in_flight)
        due = take_due(self._book, self._now_ms(), self._in_flight, free)
        if not due:
            return
        for notice in due:
            self._in_flight.add(notice.id)
            notice.attempts += 1
            notice.sending = True
        await self._ledger.write(self._ledger.notices(self._book, [one.id for one in due]))
        for notice in due:
            attempts.start_soon(self._attempt, notice)

    async def _attempt(self, notice: Notice) -> None:
        with anyio.CancelScope(shield=True) as scope:
            self._scopes.add(scope)
            try:
                await self._send(notice)
            finally:
                self._scopes.discard(scope)
                self._in_flight.discard(notice.id)
                self._news.set()

    async def _send(self, notice: Notice) -> None:
        began = time.monotonic()
        error = await self._try(notice)
        now_ms = self._now_ms()
        given_up = bool(error) and (notice.attempts >= MOST_ATTEMPTS or notice.event == TEST)
        result = "failed" if given_up else "retrying" if error else "delivered"
        record: dict[str, object] = {
            "notice": notice.id,
            "channel": notice.channel,
            "event": notice.event,
            "incidents": notice.incidents,
            "attempt": notice.attempts,
            "at_ms": now_ms,
            "took_ms": round((time.monotonic() - began) * 1000),
            "result": result,
            "error": error,
        }
        log = _log.warning if error else _log.info
        log("alert_notice", **{n: value for n, value in record.items() if n != "event"})
        if result == "retrying":
            notice.due_ms = now_ms + pause_ms(notice.attempts)
            notice.sending = False
        else:
            self._book.outbox.pop(notice.id, None)
        writes: list[Write] = self._ledger.notices(self._book, [notice.id])
        await self._ledger.write([*writes, delivery_write(self._ledger.keys, record)])

    async def _try(self, notice: Notice) -> str:
        """What went wrong; "" if nothing."""
        channel = self._book.channels.get(notice.channel)
        if channel is None:
            return "the channel is not there any more"
        stored = self._book.rules.get(notice.rule)
        incidents: list[Incident] = await self._ledger.incidents(notice.incidents)
        try:
            await self._sender.send(
                channel,
                notice,
                incidents,
                stored.rule if stored else None,
                self._now_ms() // 1000,
            )
        except DeliveryError as error:
            return str(error)
        return ""
