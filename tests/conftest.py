"""Fixtures every test may use: real servers, and a namespace of its own on them."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from fuseline.events.backend import Backend
from tests.faults.nursery import nursery
from tests.ha.topology import ClusterTopology, SentinelTopology, closing
from tests.leftovers import run_folder
from tests.logbook import open_backend
from tests.servers import SERVER_KINDS, RealServer, ServerKind, ServerMissingError


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, or one process waits for the other at the end."""
    items.sort(key=lambda item: "/faults/" not in item.path.as_posix())


@pytest.fixture(scope="session", autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The run fails if it leaves a folder or a process behind."""
    tmp_path_factory.getbasetemp()  # pytest's own stays where it is, for looking at what failed
    with run_folder():
        yield


@pytest.fixture(scope="session", autouse=True)
def _data_home(_temporary: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spools that tests leave behind lie in a folder of the run, also those of processes."""
    before = os.environ.get("XDG_DATA_HOME")
    os.environ["XDG_DATA_HOME"] = str(tmp_path_factory.mktemp("data"))
    yield
    if before is None:
        del os.environ["XDG_DATA_HOME"]
    else:
        os.environ["XDG_DATA_HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def _nursery(_temporary: None) -> Iterator[None]:
    """The process that forks workers ends with the run."""
    yield
    if nursery.cache_info().currsize:
        nursery().close()
        nursery.cache_clear()


@pytest.fixture(scope="session")
def server() -> Iterator[RealServer]:
    """A Valkey 9 that all tests share; keep to your `namespace`, and never FLUSHALL it."""
    with _real_server("valkey9") as started:
        yield started


@pytest.fixture(scope="session")
def _topology() -> Iterator[str]:
    """With FUSELINE_TEST_TOPOLOGY=sentinel or cluster: its URL; else nothing."""
    name = os.environ.get("FUSELINE_TEST_TOPOLOGY", "")
    if not name:
        yield ""
        return
    topology = {"sentinel": SentinelTopology, "cluster": ClusterTopology}[name]()
    with closing(topology):
        asyncio.run(topology.start())
        yield topology.url


@pytest.fixture
def redis_url(server: RealServer, _topology: str) -> str:
    """The URL of the shared server, or of the topology that the tests shall run on."""
    return _topology or server.url


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session", params=SERVER_KINDS)
def any_server(request: pytest.FixtureRequest) -> Iterator[RealServer]:
    """Each server of the matrix in turn, shared by the tests; skips one that is not installed."""
    with _real_server(request.param) as started:
        yield started


@pytest.fixture
def fresh_server() -> Iterator[RealServer]:
    """A Valkey 9 for this test alone, with AOF: kill it, pause it, fill it."""
    with _real_server("valkey9", appendonly=True) as started:
        yield started


def _real_server(kind: ServerKind, *, appendonly: bool = False) -> RealServer:
    try:
        return RealServer(kind, appendonly=appendonly)
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> AsyncIterator[Backend]:
    """A look at the namespace from outside, patient: a busy disk holds a server up for seconds."""
    async with open_backend(redis_url, namespace, timeout_seconds=15.0) as opened:
        yield opened
