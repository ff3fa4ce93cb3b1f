"""Whatever an agent answers is either read or said to be unreadable."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseline.bridge.protocols import a2a_wire as wire

_NAMES = [
    *("task", "message", "statusUpdate", "artifactUpdate", "kind", "id", "taskId", "contextId"),
    *("status", "state", "timestamp", "parts", "text", "data", "raw", "url", "artifacts", "final"),
    *("artifact", "artifactId", "messageId", "role", "metadata", "data_part_compat", "file"),
    *("bytes", "supportedInterfaces", "protocolBinding", "protocolVersion", "capabilities"),
    *("skills", "securitySchemes", "security", "additionalInterfaces", "streaming", "type"),
]
_WORDS = [
    *("task", "message", "status-update", "artifact-update", "text", "data", "file", "agent"),
    *("working", "completed", "TASK_STATE_WORKING", "ROLE_AGENT", "JSONRPC", "1.0", "0.3.0"),
]
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 1 << 65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
    | st.sampled_from(_WORDS)
)
documents = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(documents)
def test_any_answer_is_read_or_unreadable(document: Any) -> None:
    for version in wire.Version:
        with suppress(wire.UnreadableError):
            wire.read_answer(document, version)
        with suppress(wire.UnreadableError):
            wire.read_task(document, version)


@given(documents)
def test_any_card_is_read_or_unreadable(document: Any) -> None:
    with suppress(wire.UnreadableError):
        for interface in wire.read_card(document)[0]:
            assert interface.version in wire.Version


@given(documents)
def test_any_json_can_be_sent(payload: Any) -> None:
    for version in wire.Version:
        interface = wire.Interface("http://a", version)
        try:
            message = wire.message_from(payload, "m")
            call = wire.send_call(message, interface, return_immediately=True, stream=False)
        except wire.UnreadableError:
            # Only a request in the form of A2A itself can be wrong.
            assert isinstance(payload, dict)
            assert isinstance(payload.get("message"), dict)
        else:
            assert call.params["message"]["messageId"]


def test_whole_numbers_stay_whole() -> None:
    call = wire.send_call(
        wire.message_from({"n": 7, "big": (1 << 53) + 1}, "m"),
        wire.Interface("http://a", wire.Version.V1_0),
        return_immediately=False,
        stream=False,
    )
    assert call.params["message"]["parts"][0]["data"] == {"n": 7, "big": (1 << 53) + 1}
    said = {"message": {"messageId": "m", "parts": [{"data": [7, 0.5, -3]}]}}
    assert repr(wire.read_answer(said, wire.Version.V1_0).parts) == "[{'data': [7, 0.5, -3]}]"


@pytest.mark.parametrize("return_immediately", [False, True])
def test_0_3_is_told_whether_to_wait(return_immediately: bool) -> None:
    call = wire.send_call(
        wire.message_from("x", "m"),
        wire.Interface("http://a", wire.Version.V0_3),
        return_immediately=return_immediately,
        stream=False,
    )
    assert call.params["configuration"]["blocking"] is not return_immediately
