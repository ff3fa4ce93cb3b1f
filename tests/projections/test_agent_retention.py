"""How long outcomes are kept may be said of a single agent."""

import random

import msgspec

from fuseline.core.circuit import ConfigApplied
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.retention import AgentRetention
from fuseline.events.agents import AgentRecord, change, enroll, read_agent
from fuseline.events.backend import Backend
from fuseline.projections.timeline import Kind, query
from fuseline.projections.verify import verify
from tests.archive.support import trim
from tests.projections.tally_support import fill, fold, lively_log

AGENT = "a"


async def test_an_agent_may_keep_more_or_less_than_the_others(
    backend: Backend, redis_url: str
) -> None:
    await fill(backend, AGENT, lively_log(random.Random(5), 900))
    record = AgentRecord(name=AGENT, config=CircuitBreakerConfig(), revision=0)
    keys = backend.keys.agent(AGENT)
    for retention, outcomes, kept in (
        (AgentRetention(outcomes=0, days=0.0), 100, 900),
        (AgentRetention(outcomes=500), 0, 500),
        (AgentRetention(), 300, 300),
    ):
        before = await read_agent(backend, AGENT)
        said = msgspec.structs.replace(before or record, retention=retention)
        if before is None:
            said, _ = await enroll(backend, said, actor="ada")
        else:
            said = await change(backend, before, said, actor="ada")
        assert said.retention == retention
        assert await read_agent(backend, AGENT) == said
        await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
        await trim(backend, AGENT, outcomes=outcomes)
        length = await backend.wire.call("XLEN", keys.events)
        assert kept <= length <= kept * 1.05 + 5
        assert (await verify(backend, keys)).ok
    configs = [
        item.content.details
        for item in await query(backend, AGENT, kinds={Kind.CONFIG})
        if isinstance(item.content, ConfigApplied)
    ]
    assert configs[-2:] == [
        {"retention.outcomes": [0, 500], "retention.days": [0.0, None]},
        {"retention.outcomes": [500, None]},
    ]
