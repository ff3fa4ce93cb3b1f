"""A2A on the wire, by the types of the official SDK; only imported when an agent speaks it.

Speaks 1.0 and 0.3 over JSON-RPC. The SDK's own client is made for the package `httpx` and its
exceptions, while all traffic must go through the executor's guarded connections of `httpx2`; so
only the SDK's types and conversions are used, and the requests are made in `a2a_rpc`.
"""

from __future__ import annotations

import binascii
from enum import StrEnum
from typing import Any

from a2a.client.card_resolver import parse_agent_card
from a2a.compat.v0_3 import conversions
from a2a.compat.v0_3 import types as v0_3
from a2a.types import a2a_pb2 as v1
from a2a.utils.proto_utils import parse_lenient
from google.protobuf.json_format import Error as JsonFormatError
from google.protobuf.json_format import MessageToDict, ParseDict
from msgspec import Struct

from fuseline.bridge.protocols.a2a_answer import Answer, Artifact, TaskState

# pydantic's ValidationError is a ValueError, and so is that of a date that is none.
_UNREADABLE = (
    JsonFormatError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    binascii.Error,
)
_EXACT = 1 << 53  # below, a float holds every whole number
_STATES = {
    number: TaskState(name.removeprefix("TASK_STATE_").lower().replace("_", "-"))
    for name, number in v1.TaskState.items()
    if number != v1.TASK_STATE_UNSPECIFIED
}


class Message(Struct, frozen=True):
    """A message to send: as it goes out in 1.0, and as the SDK understands it."""

    document: dict[str, Any]
    request: v1.SendMessageRequest


class UnreadableError(Exception):
    """What came, or what shall be sent, has not the form that the protocol asks for."""


class Version(StrEnum):
    """Versions of the protocol; the value goes into the header `A2A-Version`."""

    V1_0 = "1.0"
    V0_3 = "0.3"


class Interface(Struct, frozen=True):
    """Where an agent takes JSON-RPC requests, and in which version."""

    url: str
    version: Version
    tenant: str = ""


class Call(Struct, frozen=True):
    """Method and parameters of a JSON-RPC request."""

    method: str
    params: dict[str, Any]


# --- requests ---


def message_from(payload: Any, message_id: str) -> Message:
    """The request that asks for `payload`.

    A text becomes a text part and any other JSON value a data part. An object with an object
    `message` is a request already, in the JSON form of A2A 1.0; only `messageId` and `role` are
    added where they are missing.

    Raises:
        UnreadableError: such a request is not one.
    """
    if not (isinstance(payload, dict) and isinstance(payload.get("message"), dict)):
        part = {"text": payload} if isinstance(payload, str) else {"data": payload}
        payload = {"message": {"parts": [part]}}
    defaults = {"messageId": message_id, "role": "ROLE_USER"}
    document = payload | {"message": defaults | payload["message"]}
    try:
        return Message(document, ParseDict(document, v1.SendMessageRequest()))
    except _UNREADABLE as error:
        raise UnreadableError(str(error)) from error


def send_call(
    message: Message, interface: Interface, *, return_immediately: bool, stream: bool
) -> Call:
    """Asks for an answer, whole or as a stream.

    Raises:
        UnreadableError: the message has something that 0.3 does not know.
    """
    if interface.version is Version.V1_0:
        # The caller's own document, because numbers of the SDK's types are all floats.
        params = message.document
        if interface.tenant:
            params = {"tenant": interface.tenant} | params
        if return_immediately:
            asked = params.get("configuration") or {}
            params = params | {"configuration": asked | {"returnImmediately": True}}
        return Call("SendStreamingMessage" if stream else "SendMessage", params)
    try:
        old = conversions.to_compat_send_message_request(message.request, request_id=0)
    except _UNREADABLE as error:
        raise UnreadableError(str(error)) from error
    params = _whole(old.params.model_dump(by_alias=True, exclude_none=True, mode="json"))
    # Leaving it out would leave the choice to the agent.
    blocking = {"blocking": not return_immediately}
    params["configuration"] = blocking | params.get("configuration", {})
    if return_immediately:
        params["configuration"] |= blocking
    return Call("message/stream" if stream else "message/send", params)


def get_call(task_id: str, interface: Interface) -> Call:
    """Asks how a task is; without its history where that can be left out."""
    if interface.version is Version.V1_0:
        request = v1.GetTaskRequest(tenant=interface.tenant, id=task_id, history_length=0)
        return Call("GetTask", MessageToDict(request))
    return Call("tasks/get", {"id": task_id})


def cancel_call(task_id: str, interface: Interface) -> Call:
    """Asks to give a task up."""
    if interface.version is Version.V1_0:
        request = v1.CancelTaskRequest(tenant=interface.tenant, id=task_id)
        return Call("CancelTask", MessageToDict(request))
    return Call("tasks/cancel", {"id": task_id})


# --- answers ---


def read_answer(result: Any, version: Version) -> Answer:
    """Reads the result of a sent message, or an event of a stream.

    Raises:
        UnreadableError: it is none.
    """
    try:
        if version is Version.V1_0:
            return _answer(parse_lenient(_object(result), v1.StreamResponse()))
        model = _kind_of_0_3(_object(result)).model_validate(result)
        return _answer(
            conversions.to_core_stream_response(
                v0_3.SendStreamingMessageSuccessResponse(result=model)
            )
        )
    except _UNREADABLE as error:
        raise UnreadableError(str(error)) from error


def read_task(result: Any, version: Version) -> Answer:
    """Reads a task.

    Raises:
        UnreadableError: it is none.
    """
    try:
        if version is Version.V1_0:
            task = parse_lenient(_object(result), v1.Task())
        else:
            task = conversions.to_core_task(v0_3.Task.model_validate(result))
        return _answer(v1.StreamResponse(task=task))
    except _UNREADABLE as error:
        raise UnreadableError(str(error)) from error


def read_card(document: Any) -> tuple[list[Interface], bool]:
    """Reads an agent card, of 1.0 or 0.3: the JSON-RPC interfaces, and whether it streams.

    Of several interfaces those of 1.0 come first.

    Raises:
        UnreadableError: it is none.
    """
    try:
        card = parse_agent_card(_object(document))
    except _UNREADABLE as error:
        raise UnreadableError(str(error)) from error
    found = [
        Interface(interface.url, version, interface.tenant)
        for version in Version
        for interface in card.supported_interfaces
        if interface.protocol_binding == "JSONRPC"
        and _major_minor(interface.protocol_version or Version.V1_0) == version
    ]
    return found, card.capabilities.streaming


def _object(document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise UnreadableError(f"a JSON object is expected, not {type(document).__name__}")
    return document


def _major_minor(version: str) -> str:
    major, _, rest = version.partition(".")
    return f"{major}.{rest.partition('.')[0] or '0'}"


def _json(message: Any) -> dict[str, Any]:
    document: dict[str, Any] = _whole(MessageToDict(message))
    return document


def _whole(value: Any) -> Any:
    """Numbers as JSON means them: the SDK's types make a float of each, also of 7."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value


def _kind_of_0_3(result: dict[str, Any]) -> Any:
    kinds = {
        "task": v0_3.Task,
        "message": v0_3.Message,
        "status-update": v0_3.TaskStatusUpdateEvent,
        "artifact-update": v0_3.TaskArtifactUpdateEvent,
    }
    return kinds[result["kind"]]


def _answer(response: v1.StreamResponse) -> Answer:
    document = _json(response)
    match response.WhichOneof("payload"):
        case "message":
            message = response.message
            return Answer(
                task_id=message.task_id,
                context_id=message.context_id,
                parts=_parts(message),
                is_message=True,
                document=document,
            )
        case "task":
            task = response.task
            return Answer(
                task_id=task.id,
                context_id=task.context_id,
                state=_state(task.status),
                parts=_parts(task.status.message),
                artifacts=[_artifact(artifact) for artifact in task.artifacts],
                document=document,
            )
        case "status_update":
            update = response.status_update
            return Answer(
                task_id=update.task_id,
                context_id=update.context_id,
                state=_state(update.status),
                parts=_parts(update.status.message),
                document=document,
            )
        case "artifact_update":
            made = response.artifact_update
            return Answer(
                task_id=made.task_id,
                context_id=made.context_id,
                artifacts=[_artifact(made.artifact)],
                document=document,
            )
    raise UnreadableError("neither a message nor a task nor an update of one")


def _state(status: v1.TaskStatus) -> TaskState:
    state = _STATES.get(status.state)
    if state is None:
        raise UnreadableError("a task without a known state")
    return state


def _parts(source: v1.Message | v1.Artifact) -> list[dict[str, Any]]:
    return [_json(part) for part in source.parts]


def _artifact(artifact: v1.Artifact) -> Artifact:
    return Artifact(artifact.artifact_id, _parts(artifact), _json(artifact))
