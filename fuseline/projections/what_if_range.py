"""The range of a log that a what-if folds: reading it, and holding the history against it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from fuseline.core.circuit import Rebuilt, Transition
from fuseline.core.errors import ConfigError, NotReproducedError
from fuseline.core.what_if.block import DAY_MS
from fuseline.core.what_if.comparing import Record
from fuseline.core.what_if.recorded import key_of, position_of
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, read_all
from fuseline.projections.buckets import check_range
from fuseline.projections.history import changes, last_change
from fuseline.projections.what_if_start import Start, find_start
from fuseline.schemas.moments import iso

MAX_DAYS = 400
"""The longest range; histories are kept as long."""


class Range:
    """A range of an agent's log; made by `find`.

    Attributes:
        start: where to begin reading for it.
        since_ms: where it begins, as far as the log reaches back.
        until_ms: where it ends.
    """

    def __init__(
        self, backend: Backend, agent: AgentKeys, start: Start, until_ms: int, checkpoint: str
    ) -> None:
        self._backend, self._agent = backend, agent
        self.start = start
        self.since_ms = min(start.since_ms, until_ms - 1)
        self.until_ms = until_ms
        self._folded = parse_id(checkpoint)

    @classmethod
    async def find(
        cls, backend: Backend, name: str, since_ms: int, until_ms: int, *, exact: bool
    ) -> Range:
        """Finds where to begin reading for a range.

        Args:
            backend: the namespace.
            name: of the agent.
            since_ms: where the range begins.
            until_ms: where it ends; the future is left out.
            exact: only a start of which everything is known.

        Raises:
            ConfigError: the range is not allowed.
            WrongKeyTypeError: a key is not what it should be.
            BackendUnavailableError: the server does not answer.
        """
        check_range(since_ms, until_ms)
        agent = backend.keys.agent(name)
        now_ms = await backend.learn_time()
        until_ms = min(until_ms, now_ms)
        if until_ms <= since_ms:
            raise ConfigError("since", iso(since_ms), "a time that is not in the future")
        if until_ms - since_ms > MAX_DAYS * DAY_MS:
            raise ConfigError("since", iso(since_ms), f"at most {MAX_DAYS} days before the end")
        # Before the log, so that everything the history tells of is read.
        stored = await backend.wire.call("HGET", agent.circuit, "checkpoint")
        start = await find_start(backend, agent, since_ms, exact=exact)
        if start.since_ms >= until_ms:
            raise ConfigError(
                "until", iso(until_ms), f"a time after {iso(start.since_ms)}, where the log begins"
            )
        return cls(backend, agent, start, until_ms, (stored or b"0-0").decode())

    async def pages(self, most: int) -> AsyncGenerator[list[Entry], None]:
        """The entries, a page at a time.

        Raises:
            ConfigError: there are more than `most`.
        """
        read = 0
        end = str(self.until_ms - 1)
        entries = read_all(self._backend, self._agent, self.start.start_id, end)
        async with aclosing(entries):
            async for page in entries:
                read += len(page)
                if read > most:
                    raise ConfigError(
                        "since",
                        iso(self.since_ms),
                        f"a shorter range: at most {most:,} events are folded for one answer, and "
                        f"those up to {iso(page[-1][0])} are more",
                    )
                yield page

    async def check(self, record: Record) -> int:
        """How many transitions of the history the log gave again.

        Raises:
            NotReproducedError: it gave others.
        """
        told, whole_from = await self._history()
        folded = {
            (change.epoch, *key_of(change)): change
            for change in record.transitions()
            if position_of(change) <= self._folded
        }
        for change in folded.values():
            if change.at_ms >= whole_from and (change.epoch, *key_of(change)) not in told:
                raise _not_reproduced(self._agent.name, change, "is not in the history")
        for key, change in told.items():
            if key not in folded and change.at_ms >= whole_from:
                raise _not_reproduced(self._agent.name, change, "does not follow from the log")
        return len(folded)

    async def _history(self) -> tuple[dict[tuple[object, ...], Transition], int]:
        """The transitions of the range, and from when on they can be held against the log."""
        told: dict[tuple[object, ...], Transition] = {}
        whole_from = self.since_ms
        top = await last_change(self._backend, self._agent, self.until_ms - 1)
        async for _, item in changes(self._backend, self._agent, (0, 0), top, newest_first=True):
            change = item.content
            if isinstance(change, Rebuilt):
                # What was written before it may be of a log that is lost.
                whole_from = max(whole_from, change.at_ms)
            elif item.at_ms < self.since_ms:
                break
            elif isinstance(change, Transition) and position_of(change) <= self._folded:
                told[change.epoch, *key_of(change)] = change
        return told, whole_from


def _not_reproduced(agent: str, change: Transition, what: str) -> NotReproducedError:
    return NotReproducedError(
        f"the log of agent {agent!r} does not give its history again: the transition to "
        f"{change.to_state.value} at {iso(change.at_ms)} {what}; "
        f"take a range that begins later, and see `fuseline verify {agent}`"
    )
