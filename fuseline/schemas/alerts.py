"""Alert rules and channels as the API takes and shows them, and their changes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from fuseline.schemas.alert_conditions import ClockTrouble as ClockTrouble
from fuseline.schemas.alert_conditions import FailureRate as FailureRate
from fuseline.schemas.alert_conditions import Flapping as Flapping
from fuseline.schemas.alert_conditions import NoTraffic as NoTraffic
from fuseline.schemas.alert_conditions import Opened as Opened
from fuseline.schemas.alert_conditions import OpenLonger as OpenLonger
from fuseline.schemas.alert_conditions import OverrideLonger as OverrideLonger
from fuseline.schemas.alert_conditions import ProjectorLag as ProjectorLag
from fuseline.schemas.alert_conditions import ProjectorStalled as ProjectorStalled
from fuseline.schemas.alert_conditions import RedisLost as RedisLost
from fuseline.schemas.alert_conditions import SpoolHolds as SpoolHolds
from fuseline.schemas.alert_conditions import When as When
from fuseline.schemas.circuits import Millis

_DAY = 86_400
MAX_NAME = 100
MAX_ITEMS = 50

RuleName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        max_length=MAX_NAME,
        extra={"allowed": f"1 to {MAX_NAME} letters, digits and . _ -, a letter or digit first"},
        extra_json_schema={"examples": ["payments-open"]},
    ),
]


class Severity(StrEnum):
    """How much it matters."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


_Clock = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
        extra={"allowed": "a time of day like 22:00"},
        extra_json_schema={"examples": ["22:00"]},
    ),
]


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class QuietHours(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When notices wait; those whose incident is over by the end are never sent.

    Attributes:
        start: when it begins, on the clocks of the time zone.
        end: when it ends; at or before `start`: on the next day.
        time_zone: a name of the IANA database.
        days: on which it begins; empty: on all.
    """

    start: _Clock
    end: _Clock
    time_zone: Annotated[str, Meta(max_length=64, examples=["Europe/Berlin"])] = "UTC"
    days: Annotated[list[Day], Meta(max_length=7)] = []


class AlertRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody is told, and how.

    Attributes:
        name: unique; part of its paths.
        when: what it waits for.
        agents: names of agents, `*` and `?` as in file names; empty: all.
        tags: only agents that have one of these; empty: all.
        severity: stands in the notices.
        channels: names of channels that are told; empty: incidents are only kept.
        quiet_hours: when notices wait.
        group_seconds: notices wait so long for others of the rule and go out as one.
        cooldown_seconds: after a notice, none of another incident of the same rule and agent for
            so long.
        notify_resolved: also say when it is over.
        enabled: false: it waits for nothing.
        description: for people; stands in the notices.
    """

    name: RuleName
    when: When
    agents: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=MAX_ITEMS)
    ] = []
    tags: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=64)]], Meta(max_length=MAX_ITEMS)
    ] = []
    severity: Severity = Severity.WARNING
    channels: Annotated[list[RuleName], Meta(max_length=MAX_ITEMS)] = []
    quiet_hours: Annotated[list[QuietHours], Meta(max_length=20)] = []
    group_seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    cooldown_seconds: Annotated[float, Meta(ge=0, le=30 * _DAY)] = 0.0
    notify_resolved: bool = True
    enabled: bool = True
    description: Annotated[str, Meta(max_length=500)] = ""


_Reference = Annotated[
    str,
    Meta(
        max_length=500,
        description="${env:NAME} or ${file:/path}, resolved by the notifier",
        examples=["${env:OPS_WEBHOOK_SECRET}"],
    ),
]


class _To(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Where notices go."""


class Webhook(_To, frozen=True, tag="webhook"):
    """A signed POST of JSON.

    Attributes:
        url: http or https without a user and a query, or a reference to one with them.
        secret: reference to the key of the signature.
        timeout_seconds: of one attempt.
    """

    url: Annotated[str, Meta(max_length=2000, examples=["https://ops.example.com/hooks/fuseline"])]
    secret: _Reference
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 10.0


class Apprise(_To, frozen=True, tag="apprise"):
    """Slack, mail, PagerDuty, Teams and whatever else Apprise knows; needs the extra `apprise`.

    Attributes:
        url: reference to an Apprise URL, which holds the service's secrets.
        timeout_seconds: of one attempt.
    """

    url: _Reference
    timeout_seconds: Annotated[float, Meta(ge=0.1, le=60)] = 30.0


class AlertChannel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where notices go.

    Attributes:
        name: unique; part of its paths.
        to: the receiver.
        description: for people.
    """

    name: RuleName
    to: Webhook | Apprise
    description: Annotated[str, Meta(max_length=500)] = ""


class StoredRule(Struct, frozen=True, kw_only=True):
    """A rule as it stands.

    Attributes:
        rule: what it says.
        revision: grows with each change; the ETag.
        created_ms: when it was made.
        updated_ms: when it was last changed.
        updated_by: who changed it.
    """

    rule: AlertRule
    revision: int
    created_ms: Millis
    updated_ms: Millis
    updated_by: str


class RuleList(Struct, frozen=True, kw_only=True):
    """All rules, by name."""

    items: list[StoredRule]


class StoredChannel(Struct, frozen=True, kw_only=True):
    """A channel as it stands; secrets are references, so none is in it.

    Attributes:
        channel: where notices go.
        revision: grows with each change; the ETag.
        created_ms: when it was made.
        updated_ms: when it was last changed.
        updated_by: who changed it.
    """

    channel: AlertChannel
    revision: int
    created_ms: Millis
    updated_ms: Millis
    updated_by: str


class ChannelList(Struct, frozen=True, kw_only=True):
    """All channels, by name."""

    items: list[StoredChannel]


class AuditEntry(Struct, frozen=True, kw_only=True):
    """One change of a rule or channel.

    Attributes:
        id: in order of time.
        at_ms: when.
        actor: who.
        action: put or delete.
        kind: rule or channel.
        name: of it.
        revision: it has since.
        after: what it says since; null after a removal.
    """

    id: str
    at_ms: Millis
    actor: str
    action: str
    kind: str
    name: str
    revision: int
    after: dict[str, Any] | None


class AuditList(Struct, frozen=True, kw_only=True):
    """Changes, the newest first."""

    items: list[AuditEntry]
