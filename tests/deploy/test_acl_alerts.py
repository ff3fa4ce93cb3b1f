"""A notifier does all its work under `notifier.acl`, and the API's user gives it that work."""

import pytest

from fuseline.alerts import watch
from fuseline.alerts.notifier import Notifier
from fuseline.projections.projector import Projector
from tests.alerts.support import World, receiving, running, sender
from tests.deploy.acl_support import Users
from tests.logbook import open_backend
from tests.waiting import eventually


async def test_a_notifier_works_under_its_file(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SAMPLE_SECONDS", 0.05)
    monkeypatch.setattr("fuseline.alerts.ledger.MOST_INCIDENTS", 1)
    async with (
        receiving() as receiver,
        open_backend(users.server.url, users.namespace) as own,
        open_backend(users.url("api"), users.namespace) as api,
        open_backend(users.url("notifier"), users.namespace) as backend,
    ):
        as_api, alerts = World(api, receiver), World(own, receiver)
        await as_api.channel()
        for kind in ("opened", "failure_rate", "projector_lag", "spool", "clock"):
            await as_api.rule(kind)
        notifier = Notifier(backend, "n", sender(), lease_ms=500)
        async with running(Projector(own, "p").run(), notifier.run()):
            await eventually(lambda: notifier.notifies)
            for name in ("a", "b"):
                await alerts.agent(name)
                await alerts.fail(name)
                await as_api.until_notices(1 if name == "a" else 3)
                await alerts.close_circuit(name)
            await as_api.until_notices(4)
            await as_api.store.test("ops", "t")
            await as_api.until_notices(5)
            await alerts.until_settled()
        assert await as_api.store.deliveries()
    assert users.denied() <= {(role, "command", "info") for role in ("api", "notifier")}
