"""The options of an endpoint that speaks A2A."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError


class A2AOptions(Struct, frozen=True, kw_only=True):
    """What `Endpoint.options` may hold for the protocol "a2a".

    Attributes:
        card_url: where the agent card is, absolute or relative to the endpoint's URL; empty means
            `.well-known/agent-card.json` below the endpoint's URL.
        allow_card_host: the card may stand, and may send calls and their credentials, elsewhere
            than at the scheme, host and port of the endpoint's URL.
        card_seconds: how long a card is kept at most; `Cache-Control` of the answer may shorten it.
        return_immediately: ask the agent to answer at once with a running task and poll it, rather
            than to answer when the task has ended. A call that is cut off can then be canceled
            at the agent, and no proxy in between sees a long silence.
        stream_events: a stream yields each event whole, as a JSON object in the form of A2A 1.0,
            also those about progress; else only what belongs to the answer.
    """

    card_url: Annotated[str, Meta(max_length=2048)] = ""
    allow_card_host: bool = False
    card_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    return_immediately: bool = False
    stream_events: bool = False


_ALLOWED = {
    "card_url": "a URL, or a path on the endpoint's host",
    "allow_card_host": "true or false",
    "card_seconds": "a number from 0 to 86400",
    "return_immediately": "true or false",
    "stream_events": "true or false",
}


def options_of(endpoint: Endpoint) -> A2AOptions:
    """Reads the options.

    Raises:
        ConfigError: an unknown option, or a value that is not allowed.
    """
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(A2AOptions):
        if field.name not in endpoint.options:
            continue
        value = endpoint.options[field.name]
        try:
            values[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            raise ConfigError(f"options.{field.name}", value, _ALLOWED[field.name]) from None
    for name, value in endpoint.options.items():
        if name not in values:
            raise ConfigError(f"options.{name}", value, f"one of the options {', '.join(_ALLOWED)}")
    return A2AOptions(**values)
