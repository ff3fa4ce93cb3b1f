"""Alerts: rules, channels, incidents, deliveries."""

from __future__ import annotations

from fuseline.client.agents import if_match
from fuseline.client.operation import Operation
from fuseline.client.transport import Transport
from fuseline.schemas.alerts import (
    AlertChannel,
    AlertRule,
    AuditList,
    ChannelList,
    RuleList,
    StoredChannel,
    StoredRule,
)
from fuseline.schemas.incidents import DeliveryList, DeliveryResponse, IncidentList, NotifierState

LIST_RULES = Operation("listAlertRules", "GET", "/alerts/rules", RuleList)
CREATE_RULE = Operation("createAlertRule", "POST", "/alerts/rules", StoredRule)
GET_RULE = Operation("getAlertRule", "GET", "/alerts/rules/{name}", StoredRule)
REPLACE_RULE = Operation("replaceAlertRule", "PUT", "/alerts/rules/{name}", StoredRule)
DELETE_RULE = Operation("deleteAlertRule", "DELETE", "/alerts/rules/{name}", type(None))
LIST_CHANNELS = Operation("listAlertChannels", "GET", "/alerts/channels", ChannelList)
CREATE_CHANNEL = Operation("createAlertChannel", "POST", "/alerts/channels", StoredChannel)
GET_CHANNEL = Operation("getAlertChannel", "GET", "/alerts/channels/{name}", StoredChannel)
REPLACE_CHANNEL = Operation("replaceAlertChannel", "PUT", "/alerts/channels/{name}", StoredChannel)
DELETE_CHANNEL = Operation("deleteAlertChannel", "DELETE", "/alerts/channels/{name}", type(None))
TEST_CHANNEL = Operation(
    "testAlertChannel", "POST", "/alerts/channels/{name}/test", DeliveryResponse
)
LIST_INCIDENTS = Operation("listAlertIncidents", "GET", "/alerts/incidents", IncidentList)
LIST_DELIVERIES = Operation("listAlertDeliveries", "GET", "/alerts/deliveries", DeliveryList)
LIST_CHANGES = Operation("listAlertChanges", "GET", "/alerts/audit", AuditList)
NOTIFIER = Operation("getNotifier", "GET", "/alerts/notifier", NotifierState)


class Alerts:
    """`client.alerts`. Each method raises `ClientError`; see `fuseline.client.errors`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def rules(self) -> RuleList:
        """All rules."""
        return await self._transport.call(LIST_RULES)

    async def rule(self, name: str) -> StoredRule:
        """One rule."""
        return await self._transport.call(GET_RULE, path={"name": name})

    async def create_rule(self, rule: AlertRule) -> StoredRule:
        """Makes a rule that is not there yet."""
        return await self._transport.call(CREATE_RULE, body=rule)

    async def replace_rule(self, rule: AlertRule, *, revision: int | None = None) -> StoredRule:
        """Changes all of a rule.

        Args:
            rule: all of it, under the name it has.
            revision: the one it is based on; None: whatever stands.
        """
        return await self._transport.call(
            REPLACE_RULE, path={"name": rule.name}, body=rule, headers=if_match(revision)
        )

    async def delete_rule(self, name: str, *, revision: int | None = None) -> None:
        """Removes a rule; its open incidents end, and nobody is told of that."""
        await self._transport.call(DELETE_RULE, path={"name": name}, headers=if_match(revision))

    async def channels(self) -> ChannelList:
        """All channels."""
        return await self._transport.call(LIST_CHANNELS)

    async def channel(self, name: str) -> StoredChannel:
        """One channel."""
        return await self._transport.call(GET_CHANNEL, path={"name": name})

    async def create_channel(self, channel: AlertChannel) -> StoredChannel:
        """Makes a channel that is not there yet."""
        return await self._transport.call(CREATE_CHANNEL, body=channel)

    async def replace_channel(
        self, channel: AlertChannel, *, revision: int | None = None
    ) -> StoredChannel:
        """Changes all of a channel; see `replace_rule`."""
        return await self._transport.call(
            REPLACE_CHANNEL, path={"name": channel.name}, body=channel, headers=if_match(revision)
        )

    async def delete_channel(self, name: str, *, revision: int | None = None) -> None:
        """Removes a channel that no rule names."""
        await self._transport.call(DELETE_CHANNEL, path={"name": name}, headers=if_match(revision))

    async def test(self, channel: str, *, wait_seconds: float = 15.0) -> DeliveryResponse:
        """Has the notifier send a test notice, and says what came of it.

        Args:
            channel: where to.
            wait_seconds: answer when it is sent, or after this long with the result "waiting".
        """
        return await self._transport.call(
            TEST_CHANNEL,
            path={"name": channel},
            query={"wait_seconds": wait_seconds},
            wait_seconds=wait_seconds,
        )

    async def incidents(
        self, *, state: str = "all", subject: str = "", rule: str = "", limit: int = 100
    ) -> IncidentList:
        """Incidents, the newest first.

        Args:
            state: all, open or resolved.
            subject: only about this agent or part; "": all.
            rule: only of this rule; "": all.
            limit: at most so many.
        """
        return await self._transport.call(
            LIST_INCIDENTS,
            query={
                "state": state,
                "subject": subject or None,
                "rule": rule or None,
                "limit": limit,
            },
        )

    async def deliveries(self, *, channel: str = "", limit: int = 100) -> DeliveryList:
        """Attempts to deliver, the newest first; of one channel, or of all."""
        return await self._transport.call(
            LIST_DELIVERIES, query={"channel": channel or None, "limit": limit}
        )

    async def audit(self, *, limit: int = 100) -> AuditList:
        """Who changed which rule or channel, the newest first."""
        return await self._transport.call(LIST_CHANGES, query={"limit": limit})

    async def notifier(self) -> NotifierState:
        """The process that watches and tells now."""
        return await self._transport.call(NOTIFIER)
