"""Fixtures: topologies of real servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest

from tests.ha.topology import ClusterTopology, SentinelTopology, Topology, closing
from tests.servers import ServerMissingError

TOPOLOGIES = {"sentinel": SentinelTopology, "cluster": ClusterTopology}


def _made(name: str) -> Topology:
    try:
        return TOPOLOGIES[name]()
    except ServerMissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=TOPOLOGIES)
async def topology(request: pytest.FixtureRequest) -> AsyncIterator[Topology]:
    """Servers behind Sentinels, and a cluster, in turn; for one test."""
    with closing(made := _made(request.param)):
        await made.start()
        yield made


@pytest.fixture
async def topologies() -> AsyncIterator[list[Topology]]:
    """Both together: for what takes long, and mostly waits."""
    with ExitStack() as stack:
        made = [_made(name) for name in TOPOLOGIES]
        for topology in made:
            stack.enter_context(closing(topology))
        await asyncio.gather(*(topology.start() for topology in made))
        yield made


@pytest.fixture(scope="session")
def cluster() -> Iterator[ClusterTopology]:
    """A cluster that tests share: leave it whole."""
    made = _made("cluster")
    assert isinstance(made, ClusterTopology)
    with closing(made):
        asyncio.run(made.start())
        yield made
