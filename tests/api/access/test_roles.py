"""Roles: each may do what those before it may, and nothing more."""

import pickle

import pytest

from fuseline.api.access.access import require
from fuseline.api.access.errors import (
    AccessError,
    CsrfError,
    ForbiddenError,
    NotAuthenticatedError,
    RoleError,
    TooManyAttemptsError,
)
from fuseline.api.access.roles import LOCAL, Caller, Role, allows
from fuseline.core.errors import FuselineError


def test_the_table_of_roles() -> None:
    table = {(role, needed): allows(role, needed) for role in Role for needed in Role}
    refused = {pair for pair, allowed in table.items() if not allowed}
    assert refused == {
        (Role.VIEWER, Role.CALLER), (Role.VIEWER, Role.OPERATOR), (Role.VIEWER, Role.ADMIN),
        (Role.CALLER, Role.OPERATOR), (Role.CALLER, Role.ADMIN), (Role.OPERATOR, Role.ADMIN),
    }  # fmt: skip


def test_a_role_that_is_not_enough_is_named_with_the_one_that_is() -> None:
    viewer = Caller(name="ci", role=Role.VIEWER, kind="token", token_id="x")
    require(viewer, Role.VIEWER)
    require(LOCAL, Role.ADMIN)
    with pytest.raises(RoleError, match="role operator; yours is viewer"):
        require(viewer, Role.OPERATOR)


def test_the_actor_says_how_the_caller_came_in() -> None:
    assert Caller(name="ci", role=Role.ADMIN, kind="token").actor == "token:ci"
    assert Caller(name="ci", role=Role.ADMIN, kind="session").actor == "session:ci"
    assert LOCAL.actor == "local"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotAuthenticatedError(), 401),
        (ForbiddenError("no"), 403),
        (RoleError(Role.VIEWER, Role.ADMIN), 403),
        (CsrfError("no"), 403),
        (TooManyAttemptsError(1.2), 429),
    ],
)
def test_errors_say_their_status_and_survive_pickling(error: AccessError, status: int) -> None:
    assert error.status == status
    assert isinstance(error, FuselineError)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (type(error), str(error))


def test_waiting_is_told_in_whole_seconds_and_never_none() -> None:
    waits = [TooManyAttemptsError(s).retry_after_seconds for s in (-1, 0, 0.1, 1, 1.2)]
    assert waits == [1, 1, 1, 1, 2]
