"""One attempt at an A2A agent: find its card, send the message, follow the task to its end.

An attempt that is given up gives the task up too, so that nobody works for nobody.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any
from uuid import uuid4

import anyio
import httpx2

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols import a2a_rpc as rpc
from fuseline.bridge.protocols import a2a_wire as wire
from fuseline.bridge.protocols.a2a_answer import (
    TASK_LOST,
    Answer,
    RpcError,
    TaskState,
    check_state,
    malformed,
    reply_to,
    result_of,
)
from fuseline.bridge.protocols.a2a_card import Card, CardCache, check_origin
from fuseline.bridge.protocols.a2a_options import A2AOptions, options_of
from fuseline.bridge.protocols.a2a_parts import PartFilter
from fuseline.bridge.protocols.base import AgentCallError, AgentReply, AgentRequest
from fuseline.core.errors import ConfigError
from fuseline.core.events import Result
from fuseline.telemetry.logs import get_logger

CANCEL_SECONDS = 2.0
"""Longest wait for the agent to hear that its task is not wanted any more."""

_POLL_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0, 5.0)
_POLLS_IN_VAIN = 3  # a task must not fail because one look at it did
_DRAIN_SECONDS = 0.2
_MOVED = frozenset({404, 405, 410})
_OTHER_VERSION = frozenset({-32601, -32009})  # method not found, version not supported

_log = get_logger("a2a")


class A2AClient:
    """Speaks to all A2A agents of a process; holds their cards, and no connection."""

    def __init__(self) -> None:
        self._cards = CardCache()

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        """Makes one attempt.

        Raises:
            AgentCallError: it failed, or the agent says that the request is wrong.
        """
        options = _options(request)
        message = _message(request)
        card = await self._cards.find(client, request, options)
        return reply_to(request.agent, await self._ask(client, request, options, card, message))

    async def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[Any, None]:
        """Makes one attempt whose answer comes in parts.

        Raises:
            AgentCallError: as `send`, also in the middle.
        """
        options = _options(request)
        message = _message(request)
        card = await self._cards.find(client, request, options)
        if not card.streaming:
            answer = await self._ask(client, request, options, card, message)
            check_state(request.agent, answer)
            yield answer.document if options.stream_events else result_of(answer)
            return
        interface = _interface(request, options, card)
        call = _send_call(request, message, interface, options, stream=True)
        parts = PartFilter(whole_events=options.stream_events)
        task = Answer()
        with self._card_led(request):
            try:
                async with aclosing(rpc.events(client, request, interface, call)) as results:
                    async for result in results:
                        answer = _read(request, wire.read_answer, result, interface)
                        task = answer if answer.ended else _newest(task, answer)
                        check_state(request.agent, answer)
                        for part in parts.of(answer):
                            yield part
                        if answer.ended:
                            await _drain(results)
                            return
                if task.state is not TaskState.AUTH_REQUIRED:
                    raise rpc.broken(request, "the stream of its answer ended before its task did")
            except BaseException:
                if not task.ended:
                    await _cancel(client, request, interface, task.task_id)
                raise

    async def _ask(
        self,
        client: httpx2.AsyncClient,
        request: AgentRequest,
        options: A2AOptions,
        card: Card,
        message: wire.Message,
    ) -> Answer:
        """Sends the message; the answer that comes in the end, whatever its state."""
        interface = _interface(request, options, card)
        call = _send_call(request, message, interface, options, stream=False)
        with self._card_led(request):
            result = await rpc.call(client, request, interface, call)
        answer = _read(request, wire.read_answer, result, interface)
        if answer.state is None and not answer.is_message:
            raise malformed(request.agent, "neither a message nor a task", 200)
        return await _follow(client, request, interface, answer)

    @contextmanager
    def _card_led(self, request: AgentRequest) -> Iterator[None]:
        """Forgets a card that led nowhere, so that an agent that has moved is found again."""
        try:
            yield
        except AgentCallError as error:
            moved = error.status in _MOVED or not error.sent
            if moved or (isinstance(error, RpcError) and error.code in _OTHER_VERSION):
                self._cards.forget(request.agent)
            raise


async def _follow(
    client: httpx2.AsyncClient, request: AgentRequest, interface: wire.Interface, answer: Answer
) -> Answer:
    """Looks at a running task at growing intervals until it runs no more."""
    if answer.running and not answer.task_id:
        raise malformed(request.agent, "a task without an id", 200)
    call = wire.get_call(answer.task_id, interface)
    looks = in_vain = 0
    try:
        while answer.running:
            await anyio.sleep(_POLL_SECONDS[min(looks, len(_POLL_SECONDS) - 1)])
            looks += 1
            try:
                result = await rpc.call(client, request, interface, call, polling=True)
            except AgentCallError as error:
                in_vain += 1
                if in_vain >= _POLLS_IN_VAIN or isinstance(error, RpcError):
                    raise
                continue
            in_vain = 0
            answer = _read(request, wire.read_task, result, interface)
    except AgentCallError as error:
        error.sent = True  # the message was, even if this look at its task was not
        if error.verdict.failure_kind != TASK_LOST:
            await _cancel(client, request, interface, answer.task_id)
        raise
    except BaseException:
        await _cancel(client, request, interface, answer.task_id)
        raise
    return answer


async def _drain(results: AsyncGenerator[Any, None]) -> None:
    """Lets a stream that is over come to its end, so that its connection can be used again."""
    with anyio.move_on_after(_DRAIN_SECONDS), suppress(AgentCallError):
        async for _ in results:
            pass


async def _cancel(
    client: httpx2.AsyncClient, request: AgentRequest, interface: wire.Interface, task_id: str
) -> None:
    """Tells the agent that nobody waits for the task any more; best effort, and bounded."""
    if not task_id:
        return
    with anyio.move_on_after(CANCEL_SECONDS, shield=True) as scope:
        try:
            await rpc.call(client, request, interface, wire.cancel_call(task_id, interface))
        except AgentCallError as error:
            _log.info("task_not_canceled", agent=request.agent, task=task_id, error=str(error))
    if scope.cancelled_caught:
        _log.info("task_not_canceled", agent=request.agent, task=task_id, error="no answer")


def _options(request: AgentRequest) -> A2AOptions:
    try:
        return options_of(request.endpoint)
    except ConfigError as error:
        # Found inside the breaker, where a plain ConfigError would count against the agent.
        raise AgentCallError(
            request.agent, str(error), Verdict(Result.NOT_SENT, "bad_options"), sent=False
        ) from error


def _message(request: AgentRequest) -> wire.Message:
    """The message to send; the idempotency key is its id, by which agents know a repeated one."""
    key = next((v for n, v in request.headers.items() if n.lower() == "idempotency-key"), "")
    try:
        return wire.message_from(request.payload, key or str(uuid4()))
    except wire.UnreadableError as error:
        raise _not_sent(request, error) from error


def _send_call(
    request: AgentRequest,
    message: wire.Message,
    interface: wire.Interface,
    options: A2AOptions,
    *,
    stream: bool,
) -> wire.Call:
    try:
        return wire.send_call(
            message, interface, return_immediately=options.return_immediately, stream=stream
        )
    except wire.UnreadableError as error:
        raise _not_sent(request, error) from error


def _not_sent(request: AgentRequest, error: Exception) -> AgentCallError:
    text = f"the payload cannot be sent as an A2A message: {error}"
    return AgentCallError(request.agent, text, Verdict(Result.NOT_SENT, "bad_payload"), sent=False)


def _interface(request: AgentRequest, options: A2AOptions, card: Card) -> wire.Interface:
    interface = card.interfaces[0]
    check_origin(request, options, interface.url, "the interface that the agent card names")
    return interface


def _read(request: AgentRequest, read: Any, result: Any, interface: wire.Interface) -> Answer:
    try:
        answer: Answer = read(result, interface.version)
    except wire.UnreadableError as error:
        raise malformed(request.agent, f"what A2A does not know: {error}", 200) from error
    return answer


def _newest(task: Answer, answer: Answer) -> Answer:
    """What is known of the task after an event that may tell only a part of it."""
    return Answer(
        task_id=answer.task_id or task.task_id,
        context_id=answer.context_id or task.context_id,
        state=answer.state or task.state,
    )
