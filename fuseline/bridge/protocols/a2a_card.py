"""Agent cards: found once for all callers, kept for a while, and not trusted with credentials."""

from __future__ import annotations

from time import monotonic
from urllib.parse import urljoin

import anyio
import httpx2
from msgspec import Struct

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols import a2a_wire as wire
from fuseline.bridge.protocols.a2a_options import A2AOptions
from fuseline.bridge.protocols.a2a_rpc import get_document
from fuseline.bridge.protocols.base import AgentCallError, AgentRequest
from fuseline.core.events import Result

_WELL_KNOWN = "/.well-known/agent-card.json"
_MISSING = frozenset({404, 410})
_PORTS = {"http": 80, "https": 443}


class Card(Struct, frozen=True, kw_only=True):
    """What is needed of an agent card.

    Attributes:
        url: where it was found.
        interfaces: for JSON-RPC, the best first.
        streaming: the agent can answer with a stream.
        etag: by which the server knows this version of it.
        fresh_until: on the process's monotonic clock, in seconds.
    """

    url: str
    interfaces: tuple[wire.Interface, ...]
    streaming: bool
    etag: str = ""
    fresh_until: float = 0.0


class _Flight:
    """One fetch that many callers wait for."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.card: Card | None = None
        self.error: AgentCallError | None = None


class CardCache:
    """The cards of the agents of a process; one fetch at a time for each."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self._flights: dict[tuple[str, str], _Flight] = {}

    async def find(
        self, client: httpx2.AsyncClient, request: AgentRequest, options: A2AOptions
    ) -> Card:
        """The agent's card, from memory while it is fresh.

        A caller that fetches and is cancelled leaves the fetching to the next one that waits.

        Raises:
            AgentCallError: there is no card that can be used; the message has not been sent.
        """
        url = card_url(request, options)
        while True:
            card = self._cards.get(request.agent)
            if card is not None and card.url == url and monotonic() < card.fresh_until:
                return card
            key = (request.agent, url)
            flight = self._flights.get(key)
            if flight is None:
                return await self._lead(key, client, request, options)
            await flight.done.wait()
            if flight.card is not None:
                return flight.card
            if flight.error is not None:
                raise _again(flight.error)

    def forget(self, agent: str) -> None:
        """The card led nowhere, so the next call asks for it anew."""
        self._cards.pop(agent, None)

    async def _lead(
        self,
        key: tuple[str, str],
        client: httpx2.AsyncClient,
        request: AgentRequest,
        options: A2AOptions,
    ) -> Card:
        flight = self._flights[key] = _Flight()
        known = self._cards.get(request.agent)
        try:
            flight.card = await _fetch(client, request, options, key[1], known)
            self._cards[request.agent] = flight.card
        except AgentCallError as error:
            flight.error = error
            raise
        finally:
            del self._flights[key]
            flight.done.set()
        return flight.card


def card_url(request: AgentRequest, options: A2AOptions) -> str:
    """Where the card is.

    Raises:
        AgentCallError: elsewhere than the endpoint, and that is not allowed.
    """
    base = request.endpoint.url
    if not options.card_url:
        parts = httpx2.URL(base)
        path = parts.path.rstrip("/") + _WELL_KNOWN
        return str(parts.copy_with(path=path, query=None, fragment=None))
    url = urljoin(base, options.card_url)
    check_origin(request, options, url, "the agent card")
    return url


def check_origin(request: AgentRequest, options: A2AOptions, url: str, what: str) -> None:
    """Keeps the credentials of an endpoint where its operator has sent them.

    Raises:
        AgentCallError: `url` has another scheme, host or port than the endpoint's, and that is not
            allowed; or it is no HTTP URL.
    """
    origin, allowed = _origin(url), _origin(request.endpoint.url)
    if origin is not None and (origin == allowed or options.allow_card_host):
        return
    if origin is None:
        raise _unusable(
            request, f"{what} is at {_shown(url)!r}, which is no HTTP URL", "a2a_card_url"
        )
    raise _unusable(
        request,
        f"{what} is at {_shown(url)!r}, and the endpoint at {_shown(request.endpoint.url)!r}; the "
        "option allow_card_host allows another scheme, host or port",
        "a2a_card_host",
    )


def lifetime_seconds(cache_control: str, limit_seconds: float) -> float:
    """How long an answer may be kept without asking again, in seconds."""
    for directive in cache_control.lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in ("no-store", "no-cache"):
            return 0.0
        if name == "max-age" and value.strip('"').isdigit():
            return min(float(value.strip('"')), limit_seconds)
    return limit_seconds


async def _fetch(
    client: httpx2.AsyncClient,
    request: AgentRequest,
    options: A2AOptions,
    url: str,
    known: Card | None,
) -> Card:
    etag = known.etag if known is not None and known.url == url else ""
    headers = {**request.headers, "Accept": "application/json"}
    if etag:
        headers["If-None-Match"] = etag
    try:
        document, answer = await get_document(client, request, url, headers)
    except AgentCallError as error:
        if error.status in _MISSING:
            raise _unusable(
                request,
                f"there is no agent card at {_shown(url)}",
                "a2a_card_missing",
                error.status,
            ) from error
        # The message has not been sent, whatever became of the card.
        raise _again(error) from error
    fresh_until = monotonic() + lifetime_seconds(
        answer.headers.get("cache-control", ""), options.card_seconds
    )
    if answer.status_code == 304 and known is not None:
        interfaces, streaming = known.interfaces, known.streaming
    else:
        interfaces, streaming = _read(request, url, document, answer.status_code)
        etag = answer.headers.get("etag", "")
    return Card(
        url=url, interfaces=interfaces, streaming=streaming, etag=etag, fresh_until=fresh_until
    )


def _read(
    request: AgentRequest, url: str, document: object, status: int
) -> tuple[tuple[wire.Interface, ...], bool]:
    try:
        interfaces, streaming = wire.read_card(document)
    except wire.UnreadableError as error:
        text = f"the agent card at {_shown(url)} cannot be read: {error}"
        raise _unusable(request, text, "a2a_card_malformed", status) from error
    if not interfaces:
        known = " or ".join(wire.Version)
        text = f"the agent card at {_shown(url)} offers no JSON-RPC of version {known}"
        raise _unusable(request, text, "a2a_card_interface", status)
    return tuple(interfaces), streaming


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        return None
    if parts.scheme not in _PORTS or not parts.host:
        return None
    return parts.scheme, parts.host, parts.port or _PORTS[parts.scheme]


def _shown(url: str) -> str:
    # A query may hold a key, and an URL that an agent makes up may be of any length.
    return url.partition("?")[0][:200]


def _unusable(request: AgentRequest, text: str, kind: str, status: int = 0) -> AgentCallError:
    verdict = Verdict(Result.FAILURE, kind)
    return AgentCallError(request.agent, text, verdict, sent=False, status=status)


def _again(error: AgentCallError) -> AgentCallError:
    """The same error as a fresh exception; the message itself has not been sent."""
    # Not by the constructor: those of the subclasses differ.
    fresh = type(error).__new__(type(error), *error.args)
    fresh.__dict__.update(error.__dict__)
    fresh.sent = False
    return fresh
