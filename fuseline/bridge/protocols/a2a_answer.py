"""What an A2A agent's answer means: which states are final, which are failures, what the result is.

Pure: takes answers in the plain form that `a2a_wire` reads them into, whatever the protocol
version on the wire.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from fuseline.bridge.classify import PLAIN_SUCCESS, Verdict
from fuseline.bridge.protocols.base import AgentCallError, AgentReply
from fuseline.core.events import Result

JsonPart = dict[str, Any]
"""A part of a message or artifact in the JSON form of A2A 1.0: text, data, raw or url."""

_MAX_QUOTE = 200
_CALLERS_FAULT = frozenset({*range(-32602, -32599), *range(-32009, -32000)} - {-32006})
"""Codes that say the request is wrong: of JSON-RPC, and of A2A but for an agent's bad answer."""

TASK_LOST = "a2a_task_lost"
"""Kind of the failure of an agent that does not know a task that it has named itself."""

_TASK_NOT_FOUND = -32001


class TaskState(StrEnum):
    """States of a task."""

    SUBMITTED = "submitted"
    WORKING = "working"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    INPUT_REQUIRED = "input-required"
    AUTH_REQUIRED = "auth-required"


_RUNNING = frozenset({TaskState.SUBMITTED, TaskState.WORKING})


class Artifact(Struct, frozen=True):
    """A result of a task, or a piece of one."""

    artifact_id: str
    parts: list[JsonPart]
    document: dict[str, Any]


class Answer(Struct, frozen=True, kw_only=True):
    """A message, a task, or a change of a task.

    Attributes:
        task_id: empty for a message outside of any task.
        context_id: the conversation, which the agent names.
        state: the task's; None where the answer does not tell.
        parts: of the message, or of the message that comes with the state.
        artifacts: what the task has made so far, or the piece that it has made now.
        is_message: the answer is a message, so all there is.
        document: the answer as JSON, in the form of A2A 1.0.
    """

    task_id: str = ""
    context_id: str = ""
    state: TaskState | None = None
    parts: Sequence[JsonPart] = ()
    artifacts: Sequence[Artifact] = ()
    is_message: bool = False
    document: dict[str, Any] = {}

    @property
    def running(self) -> bool:
        """The agent is at work, so there will be more."""
        return self.state in _RUNNING

    @property
    def asks(self) -> bool:
        """The agent needs something of the caller before it can go on."""
        return self.state in (TaskState.INPUT_REQUIRED, TaskState.AUTH_REQUIRED)

    @property
    def ended(self) -> bool:
        """Nothing more will come; the agent may even be waiting for the caller's next message."""
        return self.is_message or (
            self.state is not None
            and self.state not in _RUNNING
            # Authorization may be given past this call, and the task then goes on by itself.
            and self.state is not TaskState.AUTH_REQUIRED
        )


class RpcError(AgentCallError):
    """The agent answered with the error object of JSON-RPC.

    Attributes:
        code: as JSON-RPC or A2A defines it.
    """

    def __init__(
        self, agent: str, message: str, verdict: Verdict, *, code: int, status: int
    ) -> None:
        super().__init__(agent, message, verdict, status=status)
        self.code = code


def reply_to(agent: str, answer: Answer, status: int = 200) -> AgentReply:
    """The reply to a call whose task is not running any more.

    Raises:
        AgentCallError: the task failed, or was rejected or canceled.
    """
    check_state(agent, answer)
    return AgentReply(
        result=result_of(answer),
        status=status,
        details={
            "task_id": answer.task_id,
            "context_id": answer.context_id,
            "state": answer.state.value if answer.state else "",
        },
    )


def check_state(agent: str, answer: Answer) -> None:
    """Raises for a state that is no answer.

    A task that is rejected or canceled says that the agent is alive; that it did not want this
    task is between it and the caller.

    Raises:
        AgentCallError: the task failed, or was rejected or canceled.
    """
    if answer.state is TaskState.FAILED:
        verdict = Verdict(Result.FAILURE, "a2a_failed")
    elif answer.state in (TaskState.REJECTED, TaskState.CANCELED):
        verdict = PLAIN_SUCCESS
    else:
        return
    said = quote(value_of(answer.parts))
    raise AgentCallError(
        agent, f"task {answer.task_id} is {answer.state.value}{said}", verdict, status=200
    )


def rpc_error(agent: str, error: Any, status: int, *, polling: bool = False) -> AgentCallError:
    """The exception for the error object of a JSON-RPC response.

    Args:
        agent: name of the agent.
        error: the object, as it came.
        status: HTTP status of the response.
        polling: the request was about a task that the agent itself has named, so that not to know
            the task is its own fault.
    """
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int) or isinstance(code, bool):
        return malformed(agent, "an error without a code", status)
    message = f"it answered with error {code}{quote(error.get('message'))}"
    if polling and code == _TASK_NOT_FOUND:
        verdict = Verdict(Result.FAILURE, TASK_LOST)
    elif code in _CALLERS_FAULT:
        verdict = PLAIN_SUCCESS
    else:
        verdict = Verdict(Result.FAILURE, f"a2a_rpc_{code}")
    return RpcError(agent, message, verdict, code=code, status=status)


def malformed(agent: str, what: str, status: int) -> AgentCallError:
    """The exception for an answer that is none."""
    return AgentCallError(
        agent, f"it answered with {what}", Verdict(Result.FAILURE, "malformed"), status=status
    )


def result_of(answer: Answer) -> Any:
    """What the agent made, as a caller wants it.

    One artifact stands for itself; of several each is given whole, with its id and name. What the
    agent says with its state counts where there is no artifact, or where it asks for something.
    """
    if not answer.artifacts or (answer.asks and answer.parts):
        return value_of(answer.parts)
    if len(answer.artifacts) == 1:
        return value_of(answer.artifacts[0].parts)
    return [artifact.document for artifact in answer.artifacts]


def value_of(parts: Sequence[JsonPart]) -> Any:
    """Text where all parts are text (lines), the value where the only part is one; else a list."""
    if not parts:
        return None
    if len(parts) == 1:
        return part_value(parts[0])
    if all("text" in part for part in parts):
        return "\n".join(part["text"] for part in parts)
    return list(parts)


def part_value(part: JsonPart) -> Any:
    """The text or the data of a part; files as they are, an object with `raw` or `url`."""
    if "text" in part:
        return part["text"]
    return part.get("data", part)


def quote(said: Any) -> str:
    """The agent's words, for an error message."""
    if not isinstance(said, str) or not said.strip():
        return ""
    return f": {said.strip()[:_MAX_QUOTE]}"
