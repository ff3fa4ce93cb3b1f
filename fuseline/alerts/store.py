"""Rules and channels in Redis, with revision, time and author; and what came of them."""

from __future__ import annotations

import uuid
from typing import Any

import anyio
import msgspec

from fuseline.alerts.changes import Changes
from fuseline.alerts.documents import read_channel, read_rule
from fuseline.alerts.errors import AlertNotFoundError, ChannelInUseError, NoNotifierError
from fuseline.alerts.model import Incident, Notice, digest
from fuseline.alerts.planning import TEST
from fuseline.alerts.records import (
    as_channel,
    as_rule,
    load_channels,
    load_rules,
    stored_channel,
    stored_rule,
)
from fuseline.core.errors import ConfigError
from fuseline.core.texts import check_text
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.wire import translate
from fuseline.schemas.alerts import AuditEntry, StoredChannel, StoredRule
from fuseline.schemas.incidents import DeliveryResponse, IncidentResponse

MOST_LISTED = 500
_POLL_SECONDS = 0.05
MOST_NAMES = 500
"""Rules, and channels, of a namespace."""

_incidents = msgspec.msgpack.Decoder(Incident)
_said = msgspec.json.Decoder(dict[str, Any])


class AlertStore:
    """What people do with alerts: rules and channels changed, incidents and deliveries read."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._keys = backend.keys.alerts
        self._changes = Changes(backend)

    async def rules(self) -> list[StoredRule]:
        """All rules, by name."""
        return list((await load_rules(self._backend)).values())

    async def rule(self, name: str) -> StoredRule:
        """One rule.

        Raises:
            AlertNotFoundError: there is none.
        """
        raw = await self._backend.wire.call("HGET", self._keys.rules, name)
        found = stored_rule(raw) if raw and name else None
        if found is None:
            raise AlertNotFoundError("rule", name)
        return found

    async def channels(self) -> list[StoredChannel]:
        """All channels, by name."""
        return list((await load_channels(self._backend)).values())

    async def channel(self, name: str) -> StoredChannel:
        """One channel.

        Raises:
            AlertNotFoundError: there is none.
        """
        raw = await self._backend.wire.call("HGET", self._keys.channels, name)
        found = stored_channel(raw) if raw and name else None
        if found is None:
            raise AlertNotFoundError("channel", name)
        return found

    async def put_rule(
        self, document: Any, actor: str, *, name: str | None = None, revision: int | None = None
    ) -> StoredRule:
        """Makes or replaces a rule; one that says what stands already changes nothing.

        Args:
            document: all of it, plain JSON; absent members are at their defaults.
            actor: who says it.
            name: the rule it is for; None: the document says so.
            revision: the one it is based on; 0: there must be none; None: whatever stands.

        Raises:
            ConfigError: a value is not allowed, or a channel is not there.
            AlertExistsError, StaleAlertError: see `revision`.
        """
        rule = read_rule(document, name)
        known = await load_channels(self._backend)
        for place, channel in enumerate(rule.channels):
            if channel not in known:
                allowed = ", ".join(known) or "none yet: make one first"
                raise ConfigError(f"channels[{place}]", channel, f"a channel ({allowed})")
        rules = await load_rules(self._backend)
        before = rules.get(rule.name)
        if before is not None and before.rule == rule and revision in (None, before.revision):
            return before
        if before is None and len(rules) >= MOST_NAMES:
            raise ConfigError("name", rule.name, f"at most {MOST_NAMES} rules")
        record, new = await self._changes.put(
            "rule", rule.name, rule, before.created_ms if before else 0, actor, revision
        )
        return as_rule(new, record)

    async def put_channel(
        self, document: Any, actor: str, *, name: str | None = None, revision: int | None = None
    ) -> StoredChannel:
        """Makes or replaces a channel; see `put_rule`.

        Raises:
            ConfigError: a value is not allowed.
            AlertExistsError, StaleAlertError: see `revision`.
        """
        channel = read_channel(document, name)
        channels = await load_channels(self._backend)
        before = channels.get(channel.name)
        if before is not None and before.channel == channel and revision in (None, before.revision):
            return before
        if before is None and len(channels) >= MOST_NAMES:
            raise ConfigError("name", channel.name, f"at most {MOST_NAMES} channels")
        record, new = await self._changes.put(
            "channel", channel.name, channel, before.created_ms if before else 0, actor, revision
        )
        return as_channel(new, record)

    async def delete_rule(self, name: str, actor: str, revision: int | None = None) -> None:
        """Removes a rule; its open incidents end, and nobody is told of that.

        Raises:
            AlertNotFoundError: there is none.
            StaleAlertError: it stands at another revision.
        """
        await self.rule(name)
        await self._changes.remove("rule", name, actor, revision)

    async def delete_channel(self, name: str, actor: str, revision: int | None = None) -> None:
        """Removes a channel that no rule names.

        Raises:
            AlertNotFoundError: there is none.
            ChannelInUseError: rules name it.
            StaleAlertError: it stands at another revision.
        """
        await self.channel(name)
        used = [one.rule.name for one in await self.rules() if name in one.rule.channels]
        if used:
            raise ChannelInUseError(name, used)
        await self._changes.remove("channel", name, actor, revision)

    async def incidents(
        self, *, state: str = "all", subject: str = "", rule: str = "", limit: int = 100
    ) -> list[IncidentResponse]:
        """Incidents, the newest first: all, open or resolved; of one subject, of one rule."""
        found: list[IncidentResponse] = []
        if state == "open":
            ids = list(await self._backend.wire.call("SMEMBERS", self._keys.standing))
        else:
            ids = await self._backend.wire.call("ZRANGE", self._keys.order, 0, -1, "REV")
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            for raw in await self._backend.wire.call("HMGET", self._keys.incidents, *part):
                if raw is None:
                    continue
                one = _incidents.decode(raw)
                if (
                    (not subject or one.subject == subject)
                    and (not rule or one.rule == rule)
                    and (state == "all" or (state == "open") == (not one.resolved_ms))
                ):
                    found.append(IncidentResponse(**msgspec.structs.asdict(one)))
            if state != "open" and len(found) >= limit:
                break
        found.sort(key=lambda one: (-one.opened_ms, one.id))
        return found[:limit]

    async def deliveries(self, *, channel: str = "", limit: int = 100) -> list[DeliveryResponse]:
        """Attempts to deliver, the newest first."""
        count = limit if not channel else MOST_LISTED * 10
        rows = await self._backend.wire.call(
            "XREVRANGE", self._keys.deliveries, "+", "-", "COUNT", count
        )
        found = (
            msgspec.convert(_said.decode(fields[1]) | {"id": raw.decode()}, DeliveryResponse)
            for raw, fields in rows
        )
        return [one for one in found if not channel or one.channel == channel][:limit]

    async def audit(self, limit: int = 100) -> list[AuditEntry]:
        """Changes of rules and channels, the newest first."""
        rows = await self._backend.wire.call(
            "XREVRANGE", self._keys.audit, "+", "-", "COUNT", limit
        )
        return [
            msgspec.convert(
                _said.decode(fields[3])
                | {
                    "id": raw.decode(),
                    "at_ms": parse_id(raw)[0],
                    "revision": int(fields[1]),
                },
                AuditEntry,
            )
            for raw, fields in rows
        ]

    async def notifier(self) -> str:
        """Who notifies now; "" if nobody does."""
        raw = await self._backend.wire.call("GET", self._keys.lease)
        return raw.decode().partition(" ")[2] if raw else ""

    async def test(self, channel: str, actor: str) -> str:
        """Hands a test notice to the notifier; returns the notice's id.

        Raises:
            AlertNotFoundError: there is no such channel.
            NoNotifierError: nobody would deliver it.
        """
        await self.channel(channel)
        if not await self.notifier():
            raise NoNotifierError
        notice = Notice(
            id=digest(TEST, uuid.uuid4().hex),
            rule="",
            channel=channel,
            event=TEST,
            actor=check_text("actor", actor),
        )
        replies = await self._backend.wire.call_many(
            [
                ("HSET", self._keys.outbox, notice.id, msgspec.msgpack.encode(notice)),
                ("XADD", self._keys.wake, "MAXLEN", "~", 100, "*", "w", "1"),
            ]
        )
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        return notice.id

    async def tried(self, channel: str, actor: str, wait_seconds: float) -> DeliveryResponse:
        """Sends a test notice and waits for what comes of it; see `test`."""
        notice = await self.test(channel, actor)
        with anyio.move_on_after(wait_seconds):
            while True:
                if (found := await self.delivery_of(notice)) is not None:
                    return found
                await anyio.sleep(_POLL_SECONDS)
        return DeliveryResponse(
            id="",
            notice=notice,
            channel=channel,
            event=TEST,
            incidents=[],
            attempt=0,
            at_ms=self._backend.clock.now_ms(),
            took_ms=0,
            result="waiting",
            error="",
        )

    async def delivery_of(self, notice: str) -> DeliveryResponse | None:
        """The last attempt to deliver a notice, if it is among the newest."""
        found = await self.deliveries(limit=MOST_LISTED)
        return next((one for one in found if one.notice == notice), None)
