"""Tasks and their results: what they hold, and how that stands in Redis."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.endpoint import WhenOpen
from fuseline.core.errors import ConfigError

MAX_PAYLOAD_BYTES = 1 << 20
"""Largest payload of a task, as JSON."""

MAX_RESULT_BYTES = 10 << 20
"""Largest result of a task, as JSON."""

MAX_ATTEMPTS = 3
"""How often a task is tried, unless it says otherwise."""

_MOST_ATTEMPTS = 1000
_MAX_DEADLINE_SECONDS = 30 * 86_400.0
_MAX_ERROR = 500


class Priority(IntEnum):
    """Which queue a task waits in; a worker empties the more urgent ones first."""

    HIGH = 1
    NORMAL = 2
    LOW = 3

    @classmethod
    def parse(cls, word: str) -> Priority:
        """The priority of that name.

        Raises:
            ConfigError: there is none.
        """
        try:
            return cls[word.upper()]
        except (KeyError, AttributeError):
            names = ", ".join(member.name.lower() for member in cls)
            raise ConfigError("priority", word, f"one of {names}") from None


def parse_when_open(word: str) -> WhenOpen:
    """The policy of that name.

    Raises:
        ConfigError: there is none.
    """
    if word not in set(WhenOpen):
        raise ConfigError("when_open", word, f"one of {', '.join(WhenOpen)}")
    return WhenOpen(word)


class TaskStatus(StrEnum):
    """How a task ended.

    `failed`: the agent was called and failed, and calling again was not safe. `rejected`: its
    circuit was open. `expired`: the deadline came first. `dead`: all attempts failed or ended with
    their workers; it is a dead letter.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DEAD = "dead"


class TaskBody(Struct, frozen=True, array_like=True):
    """What was submitted; never changes.

    Fields are only ever added at the end: Redis holds them by position.

    Attributes:
        payload: JSON.
        max_attempts: failed calls and dead workers together.
        when_open: None: as the agent says.
        idempotent: whether calling twice is safe; None: as the agent says.
        trace: W3C traceparent of whoever submitted it; "" if there was none.
    """

    payload: bytes
    max_attempts: int = MAX_ATTEMPTS
    when_open: WhenOpen | None = None
    idempotent: bool | None = None
    trace: str = ""


class Task(Struct, frozen=True, kw_only=True):
    """A task as its handler sees it.

    Attributes:
        attempts: failed calls so far.
        crashes: workers that ended while they had it.
        submitted_ms: Redis's time.
        deadline_ms: Redis's time; 0: none.
        error: what the last failed call said.
        token: grows with each worker that takes it; says whether a worker still has it.
    """

    id: str
    agent: str
    payload: Any
    priority: Priority
    attempts: int
    crashes: int
    submitted_ms: int
    deadline_ms: int
    error: str
    max_attempts: int
    when_open: WhenOpen | None
    idempotent: bool | None
    trace: str
    token: int


class TaskResult(Struct, frozen=True, kw_only=True):
    """How a task ended.

    Attributes:
        result: what the agent answered; None unless it succeeded.
        error_kind: short name of what went wrong, e.g. "http_503"; "" if nothing did.
        error: the same in words.
        attempts: calls made.
        submitted_ms: when it was submitted, Redis's time.
        started_ms: when the worker began with it for the last time; 0: never.
        ended_ms: when it ended.
        worker: who brought the result.
    """

    id: str
    agent: str
    status: TaskStatus
    result: Any = None
    error_kind: str = ""
    error: str = ""
    attempts: int = 0
    submitted_ms: int = 0
    started_ms: int = 0
    ended_ms: int = 0
    worker: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether there is an answer."""
        return self.status is TaskStatus.SUCCEEDED

    @property
    def waited_ms(self) -> int:
        """How long it waited before the last call began, in ms."""
        return max(0, (self.started_ms or self.ended_ms) - self.submitted_ms)

    @property
    def ran_ms(self) -> int:
        """How long the last call took, in ms."""
        return max(0, self.ended_ms - self.started_ms) if self.started_ms else 0


_body_encoder = msgspec.msgpack.Encoder()
_body_decoder = msgspec.msgpack.Decoder(TaskBody)
_result_decoder = msgspec.json.Decoder(TaskResult)

encode_body = _body_encoder.encode
decode_result = _result_decoder.decode


def encode_result(result: TaskResult) -> tuple[TaskResult, bytes]:
    """The result and how Redis holds it: JSON. One that cannot be written becomes a failure.

    What an agent of the user's own returns may be anything.
    """
    try:
        encoded = msgspec.json.encode(result)
    except (TypeError, ValueError, RecursionError) as error:
        return _without_answer(result, "result_not_json", f"the result is no JSON: {error}")
    if len(encoded) > MAX_RESULT_BYTES:
        text = f"the result has {len(encoded):,} bytes; at most {MAX_RESULT_BYTES:,} are kept"
        return _without_answer(result, "result_too_large", text)
    return result, encoded


def _without_answer(result: TaskResult, kind: str, text: str) -> tuple[TaskResult, bytes]:
    failed = msgspec.structs.replace(
        result, status=TaskStatus.FAILED, result=None, error_kind=kind, error=shorten(text)
    )
    return failed, msgspec.json.encode(failed)


def encode_payload(payload: Any, limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """The payload as JSON.

    Raises:
        ConfigError: it is no JSON value, or too large.
    """
    try:
        encoded = msgspec.json.encode(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError("payload", type(payload).__name__, f"a JSON value ({error})") from None
    if len(encoded) > limit:
        raise ConfigError(
            "payload",
            f"{len(encoded):,} bytes",
            f"at most {limit:,} bytes of JSON; pass a reference to what is larger",
        )
    return encoded


def check_attempts(value: int | None) -> int:
    """The number of attempts; the default for None.

    Raises:
        ConfigError: not a number of attempts.
    """
    if value is None:
        return MAX_ATTEMPTS
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_ATTEMPTS:
        raise ConfigError("max_attempts", value, f"a whole number from 1 to {_MOST_ATTEMPTS}")
    return value


def check_deadline(seconds: float | None) -> int:
    """The time until a deadline in ms; 0 for None.

    Raises:
        ConfigError: not a length of time that is allowed.
    """
    if seconds is None:
        return 0
    if not 0.001 <= seconds <= _MAX_DEADLINE_SECONDS:
        allowed = f"seconds from 0.001 to {_MAX_DEADLINE_SECONDS:.0f}, or none"
        raise ConfigError("deadline_seconds", seconds, allowed)
    return round(seconds * 1000)


def shorten(text: str) -> str:
    """An error's text as results and dead letters hold it."""
    clean = text.encode(errors="replace").decode()
    return clean if len(clean) <= _MAX_ERROR else clean[: _MAX_ERROR - 1] + "…"


def decode_body(raw: bytes) -> TaskBody:
    """Reads what `encode_body` wrote.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    return _body_decoder.decode(raw)
