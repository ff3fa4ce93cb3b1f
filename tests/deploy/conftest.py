"""Fixtures of the tests of what is deployed."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.acl_support import Users
from tests.deploy.compose_support import dotenv
from tests.deploy.settings_support import ROOT
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


@pytest.fixture(scope="session")
def passwords(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What deploy/compose/passwords.sh writes."""
    file = write_passwords(tmp_path_factory.mktemp("compose") / ".env")
    return dotenv(file.read_text())


def write_passwords(file: Path) -> Path:
    """Runs the script on a file."""
    subprocess.run([ROOT / "deploy/compose/passwords.sh", file], check=True)
    return file
