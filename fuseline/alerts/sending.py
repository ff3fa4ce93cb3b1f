"""One attempt to deliver a notice, over a webhook or Apprise."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Self

import anyio
import httpx2
import msgspec

from fuseline.alerts.messages import document, text, title
from fuseline.alerts.model import Incident, Notice
from fuseline.alerts.signing import sign
from fuseline.bridge.outbound.backend import GuardedBackend
from fuseline.bridge.outbound.client import make_client
from fuseline.bridge.outbound.policy import OutboundPolicy, OutboundRefusedError
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.bridge.secrets import SecretMissingError, SecretSource
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError, FuselineError
from fuseline.schemas.alerts import (
    AlertChannel,
    AlertRule,
    Apprise,
    Severity,
    Webhook,
)

_CONNECTIONS = 8


class DeliveryError(FuselineError):
    """An attempt failed; the message holds no secret."""


class Sender:
    """Sends notices from this process.

    Args:
        namespace: stands in the notices.
        secrets: resolves references of channels.
        policy: which addresses webhooks may be sent to.
        ssl_context: for TLS to receivers; None: the system's certificates.
    """

    def __init__(
        self,
        namespace: str,
        secrets: SecretSource,
        policy: OutboundPolicy,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._given_ssl = ssl_context
        self._namespace = namespace
        self._secrets = secrets
        self._policy = policy
        self._clients: dict[str, httpx2.AsyncClient] = {}

    @classmethod
    def from_env(cls, namespace: str, environ: Mapping[str, str] = os.environ) -> Self:
        """A sender under FUSELINE_OUTBOUND_* and FUSELINE_SECRET_DIRS.

        Raises:
            ConfigError: naming the variable.
        """
        return cls(namespace, SecretSource.from_env(environ), OutboundPolicy.from_env(environ))

    async def prepare(self) -> None:
        """Reads the certificates; it takes a while, and nobody shall wait for that later."""
        await anyio.to_thread.run_sync(lambda: self._ssl)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def send(
        self,
        channel: AlertChannel,
        notice: Notice,
        incidents: Sequence[Incident],
        rule: AlertRule | None,
        timestamp: int,
    ) -> None:
        """Delivers a notice, once.

        Args:
            channel: where to.
            notice: which.
            incidents: what it tells of.
            rule: whose; None: a test, or it is gone.
            timestamp: now, in seconds since 1970.

        Raises:
            DeliveryError: it was not taken, or that is not known.
        """
        try:
            with anyio.fail_after(channel.to.timeout_seconds):
                if isinstance(channel.to, Webhook):
                    body = document(notice, incidents, rule, self._namespace)
                    await self._post(
                        channel.name, channel.to, notice, msgspec.json.encode(body), timestamp
                    )
                else:
                    await self._notify(channel.name, channel.to, notice, incidents, rule)
        except TimeoutError:
            raise DeliveryError(f"no answer within {channel.to.timeout_seconds:g} s") from None

    async def _post(
        self, name: str, to: Webhook, notice: Notice, body: bytes, timestamp: int
    ) -> None:
        url = self._resolve(name, "the URL", to.url)
        secret = self._resolve(name, "the secret", to.secret)
        try:
            signature = sign(secret, notice.id, timestamp, body)
            client = self._client(name, to, url)
        except (ValueError, ConfigError) as error:
            reason = error.allowed if isinstance(error, ConfigError) else str(error)
            raise DeliveryError(f"the channel's secrets cannot be used: {reason}") from None
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "fuseline-alerts",
            "webhook-id": notice.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature,
        }
        try:
            # What it answers besides its status is of no use, however much it is.
            async with client.stream("POST", url, content=body, headers=headers) as answer:
                status = answer.status_code
        except OutboundRefusedError as error:
            raise DeliveryError(_reason(error)) from None
        except httpx2.HTTPError as error:
            # Its text may hold the URL, and that a secret.
            raise DeliveryError(f"the request failed: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise DeliveryError(f"the receiver answered {status}")

    def _client(self, name: str, to: Webhook, url: str) -> httpx2.AsyncClient:
        key = f"{name} {to.timeout_seconds}"
        if key not in self._clients:
            endpoint = Endpoint(
                url=url.partition("?")[0], attempt_timeout_seconds=to.timeout_seconds
            )
            self._clients[key] = make_client(
                endpoint, self._ssl, GuardedBackend(name, self._policy), _CONNECTIONS
            )
        return self._clients[key]

    @cached_property
    def _ssl(self) -> ssl.SSLContext:
        return self._given_ssl or httpx2.create_ssl_context()

    async def _notify(
        self,
        name: str,
        to: Apprise,
        notice: Notice,
        incidents: Sequence[Incident],
        rule: AlertRule | None,
    ) -> None:
        try:
            import apprise
        except ImportError:
            raise DeliveryError(
                "this channel needs Apprise: pip install 'fuseline[apprise]'"
            ) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines may hold URLs
        target = apprise.Apprise()
        if not target.add(self._resolve(name, "the URL", to.url)):
            raise DeliveryError("the secret is no URL that Apprise knows")
        kinds: dict[Any, Any] = {
            Severity.INFO: apprise.NotifyType.INFO,
            Severity.WARNING: apprise.NotifyType.WARNING,
            Severity.CRITICAL: apprise.NotifyType.FAILURE,
        }
        kind = apprise.NotifyType.SUCCESS
        if notice.event == "opened":
            kind = kinds[rule.severity if rule else Severity.WARNING]
        sent = await anyio.to_thread.run_sync(
            partial(
                target.notify,
                title=title(notice, incidents, rule),
                body=text(notice, incidents, rule),
                notify_type=kind,
            ),
            abandon_on_cancel=True,
        )
        if not sent:
            raise DeliveryError("the service did not take it")

    def _resolve(self, channel: str, what: str, reference: str) -> str:
        try:
            return self._secrets.resolve(channel, what, reference)
        except SecretMissingError as error:
            raise DeliveryError(_reason(error)) from None


def _reason(error: AgentCallError) -> str:
    """What went wrong, without whose agent it was: it is none."""
    return str(error).partition(": ")[2]
