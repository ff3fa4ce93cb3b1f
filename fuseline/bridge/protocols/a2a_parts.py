"""Which of the things that a streaming A2A agent says belong to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fuseline.bridge.protocols.a2a_answer import Answer, part_value


class PartFilter:
    """Gives the parts of the answer in an event; keeps what it has given already.

    The answer is what stands in messages and artifacts. What an agent says along with a state is
    progress, and is left out, unless it is the last word and nothing else has come, or asks
    something of the caller.

    Args:
        whole_events: give each event as it is instead.
    """

    def __init__(self, *, whole_events: bool) -> None:
        self._whole_events = whole_events
        self._artifacts: set[str] = set()
        self._given = False

    def of(self, answer: Answer) -> Iterator[Any]:
        """The parts of one event."""
        if self._whole_events:
            yield answer.document
            return
        for artifact in answer.artifacts:
            # A task tells all its artifacts again; an update, without a state, only what is new.
            if answer.state is not None and artifact.artifact_id in self._artifacts:
                continue
            self._artifacts.add(artifact.artifact_id)
            for part in artifact.parts:
                self._given = True
                yield part_value(part)
        if answer.is_message or answer.asks or (answer.ended and not self._given):
            for part in answer.parts:
                self._given = True
                yield part_value(part)
