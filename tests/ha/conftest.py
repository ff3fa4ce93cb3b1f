"""Fixtures: topologies of real servers, for one test each."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.ha.topology import ClusterTopology, SentinelTopology, Topology, closing
from tests.servers import ServerMissingError

TOPOLOGIES = {"sentinel": SentinelTopology, "cluster": ClusterTopology}


@pytest.fixture(params=TOPOLOGIES)
async def topology(request: pytest.FixtureRequest) -> AsyncIterator[Topology]:
    """Servers behind Sentinels, and a cluster, in turn."""
    try:
        made = await asyncio.to_thread(TOPOLOGIES[request.param])
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with closing(made):
        await made.start()
        yield made
