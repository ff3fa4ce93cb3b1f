"""Without tokens: whoever is at this machine is admin, and nobody else is let in."""

from collections.abc import AsyncIterator

import pytest

from fuseline.api.access.errors import CsrfError, ForbiddenError, NotAuthenticatedError
from fuseline.api.access.roles import Role
from tests.api.access.support import HOST, ORIGIN, Door, open_door

ME = "127.0.0.1"


@pytest.fixture
async def local(redis_url: str, namespace: str) -> AsyncIterator[Door]:
    async with open_door(redis_url, namespace, local_mode=True) as opened:
        yield opened


async def test_everybody_is_admin_and_called_local(local: Door) -> None:
    for client in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "127.9.9.9"):
        caller = await local.ask(client=client)
        assert (caller.role, caller.kind, caller.actor) == (Role.ADMIN, "local", "local")
        assert caller.token_id is None


async def test_it_asks_redis_nothing(local: Door) -> None:
    sent = local.backend.commands_sent
    await local.ask(client=ME)
    assert local.backend.commands_sent == sent


@pytest.mark.parametrize("client", ["198.51.100.7", "10.0.0.1", "::2", "", None, "unix"])
async def test_no_other_machine_is_let_in(local: Door, client: str | None) -> None:
    with pytest.raises(ForbiddenError, match="this machine"):
        await local.ask(client=client)


async def test_a_strange_name_that_leads_here_is_not_answered(local: Door) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        with pytest.raises(ForbiddenError):
            await local.ask(client=ME, method=method, host="evil.example:8787", origin=ORIGIN)


async def test_a_page_of_its_own_changes_things(local: Door) -> None:
    assert await local.ask(client=ME, method="POST", origin=ORIGIN)
    assert await local.ask(client=ME, method="POST", sec_fetch_site="same-origin")


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "null"}, {"origin": "http://evil.example"},
                {"origin": "http://localhost:3000"}, {"sec_fetch_site": "same-site"},
                {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "none"}], ids=repr,
)  # fmt: skip
async def test_another_page_changes_nothing(local: Door, headers: dict[str, str]) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(CsrfError):
            await local.ask(client=ME, method=method, **headers)


async def test_what_a_program_has_to_send_is_said(local: Door) -> None:
    with pytest.raises(CsrfError, match=f"'Origin: {ORIGIN}'"):
        await local.ask(client=ME, method="POST")
    assert HOST in ORIGIN


async def test_a_token_that_is_sent_counts_here_too(local: Door) -> None:
    made = await local.token(Role.VIEWER)
    caller = await local.ask(made.text, client=ME, method="POST")
    assert (caller.role, caller.kind) == (Role.VIEWER, "token")
    with pytest.raises(NotAuthenticatedError):
        await local.ask("fl_wrong", client=ME)
