"""Rules and channels: what is refused and how, revisions, authors."""

from typing import Any

import pytest

from fuseline.alerts.documents import read_channel, read_rule
from fuseline.alerts.errors import (
    AlertExistsError,
    AlertNotFoundError,
    ChannelInUseError,
    NoNotifierError,
    StaleAlertError,
)
from fuseline.alerts.store import AlertStore
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.schemas.alerts import OpenLonger
from tests.logbook import open_backend

CHANNEL = {
    "name": "ops",
    "to": {"kind": "webhook", "url": "https://x.example", "secret": "${env:S}"},
}
RULE = {"name": "r", "when": {"kind": "opened"}, "channels": ["ops"]}


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> Any:
    async with open_backend(redis_url, namespace) as opened:
        yield opened


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"name": "no spaces"}, "name", "letters, digits"),
        ({"name": "x" * 101}, "name", "100"),
        ({"when": {"kind": "closed"}}, "when.kind", "opened, open_longer, flapping"),
        ({"when": {"kind": "open_longer", "for_seconds": 0}}, "when.for_seconds", "from 1"),
        ({"when": {"kind": "flapping", "times": 1.5}}, "when.times", "a whole number"),
        ({"when": {"kind": "opened", "for_seconds": 3}}, "when.for_seconds", "one of the fields"),
        ({"when": {"kind": "failure_rate", "rate": 1.5}}, "when.rate", "up to 1"),
        ({"severity": "loud"}, "severity", "one of info, warning, critical"),
        ({"channels": "ops"}, "channels", "a list"),
        ({"enabled": "yes"}, "enabled", "true or false"),
        ({"quiet_hours": [{"start": "25:00", "end": "07:00"}]}, "quiet_hours[0].start", "22:00"),
        (
            {"quiet_hours": [{"start": "22:00", "end": "07:00", "time_zone": "Mars/Base"}]},
            "quiet_hours[0].time_zone",
            "Europe/Berlin",
        ),
        (
            {"quiet_hours": [{"start": "22:00", "end": "07:00", "days": ["so"]}]},
            "quiet_hours[0].days[0]",
            "some of mon, tue",
        ),
        ({"colour": "red"}, "colour", "one of the fields"),
    ],
)
def test_a_rule_is_refused_with_field_value_and_what_is_allowed(
    change: dict[str, Any], field: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_rule(RULE | change)
    assert caught.value.field == field
    assert allowed in caught.value.allowed


@pytest.mark.parametrize(
    ("to", "field"),
    [
        ({"secret": "s3cret"}, "to.secret"),
        ({"secret": "Bearer ${env:X}s3cret"}, "to.secret"),
        ({"secret": "${nope:s3cret}"}, "to.secret"),
        ({"url": "https://s3cret@x.example"}, "to.url"),
        ({"url": "https://x.example?token=s3cret"}, "to.url"),
        ({"url": "ftp://s3cret.example"}, "to.url"),
        ({"url": "https://x.example:s3cret"}, "to.url"),
        ({"url": 5}, "to.url"),
        ({"kind": "apprise", "url": "slack://s3cret"}, "to.url"),
        ({"kind": "carrier-pigeon"}, "to.kind"),
    ],
)
def test_secrets_must_be_references_and_are_not_repeated(to: dict[str, Any], field: str) -> None:
    merged = {"kind": "webhook", "url": "https://x.example", "secret": "${env:S}"} | to
    if merged["kind"] == "apprise":
        merged.pop("secret")
    with pytest.raises(ConfigError) as caught:
        read_channel({"name": "ops", "to": merged})
    assert caught.value.field == field
    assert "s3cret" not in str(caught.value)


async def test_revisions_authors_and_audit(backend: Backend) -> None:
    store = AlertStore(backend)
    await store.put_channel(CHANNEL, "ann")
    made = await store.put_rule(RULE, "ann", revision=0)
    with pytest.raises(AlertExistsError):
        await store.put_rule(RULE, "bob", revision=0)
    assert await store.put_rule(RULE, "bob") == made  # says what stands
    longer = RULE | {"when": {"kind": "open_longer"}}
    changed = await store.put_rule(longer, "bob", revision=made.revision)
    assert isinstance(changed.rule.when, OpenLonger)
    assert (changed.created_ms, changed.updated_by) == (made.created_ms, "bob")
    with pytest.raises(StaleAlertError, match=f"at revision {changed.revision}"):
        await store.put_rule(RULE, "eve", revision=made.revision)
    with pytest.raises(ChannelInUseError, match="named by r"):
        await store.delete_channel("ops", "ann")
    with pytest.raises(ConfigError, match=r"channels\[0\]: 'nope'"):
        await store.put_rule(RULE | {"channels": ["nope"]}, "ann")
    await store.delete_rule("r", "ann", changed.revision)
    with pytest.raises(AlertNotFoundError):
        await store.rule("r")
    again = await store.put_rule(RULE, "ann")
    assert again.revision > changed.revision  # an ETag of before fits nothing now
    trail = [(one.action, one.kind, one.name, one.actor) for one in await store.audit()]
    assert trail == [
        ("put", "rule", "r", "ann"),
        ("delete", "rule", "r", "ann"),
        ("put", "rule", "r", "bob"),
        ("put", "rule", "r", "ann"),
        ("put", "channel", "ops", "ann"),
    ]


async def test_of_two_who_change_at_once_one_is_told(backend: Backend) -> None:
    store = AlertStore(backend)
    await store.put_channel(CHANNEL, "ann")
    made = await store.put_rule(RULE, "ann")
    won = 0
    for name in ("a", "b"):
        try:
            await store.put_rule(RULE | {"description": name}, name, revision=made.revision)
            won += 1
        except StaleAlertError:
            pass
    assert won == 1


async def test_a_test_needs_somebody_who_sends_it(backend: Backend) -> None:
    store = AlertStore(backend)
    await store.put_channel(CHANNEL, "ann")
    with pytest.raises(NoNotifierError, match="fuseline alerts run"):
        await store.test("ops", "ann")
    with pytest.raises(AlertNotFoundError):
        await store.test("nope", "ann")
