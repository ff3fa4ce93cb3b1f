"""Fixtures of the tests of what is deployed."""

from collections.abc import Iterator

import pytest

from tests.deploy.acl_support import Users
from tests.servers import SERVER_KINDS, RealServer, ServerMissingError


@pytest.fixture(scope="module", params=SERVER_KINDS)
def acl_server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    try:
        made = RealServer(request.param)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with made as started:
        yield started


@pytest.fixture
def users(acl_server: RealServer, namespace: str) -> Iterator[Users]:
    made = Users(acl_server, namespace)
    made.admin.execute_command("FUNCTION", "FLUSH")
    yield made
    made.close()
