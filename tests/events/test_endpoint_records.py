"""Records of agents with an endpoint: kept by changes of the breaker, old ones stay readable."""

import msgspec
import pytest

from fuseline import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import RevisionConflictError
from fuseline.events.agents import AgentRecord, configure, decode_record, read_agent, register
from tests.logbook import open_backend

CONFIG = CircuitBreakerConfig(failure_threshold=7)
HERE = Endpoint(url="http://here.example/", headers={"X": "${env:X}"})
THERE = Endpoint(url="http://there.example/")


def test_a_record_without_endpoint_is_read() -> None:
    """As the version before endpoints wrote it: an array of the configuration alone."""
    stored = b"3 " + msgspec.msgpack.encode([CONFIG.to_wire()])
    assert decode_record("a", stored) == AgentRecord(name="a", config=CONFIG, revision=3)


async def test_an_endpoint_is_kept_until_it_is_changed(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        assert (await register(backend, "a", CONFIG, "ada", endpoint=HERE)).endpoint == HERE
        # Registering again changes nothing, and says what is in force.
        assert (await register(backend, "a", CONFIG, "bob", endpoint=THERE)).endpoint == HERE
        other = CircuitBreakerConfig()
        for revision, change, after in [
            (1, {}, HERE),
            (2, {"endpoint": THERE}, THERE),
            (3, {"endpoint": None}, None),
        ]:
            made = await configure(
                backend,
                "a",
                other,
                revision=revision,
                actor="ada",
                **change,  # type: ignore[arg-type]
            )
            expected = AgentRecord(name="a", config=other, revision=revision + 1, endpoint=after)
            assert made.same_settings(expected)
            assert made.revision == expected.revision
            assert made == await read_agent(backend, "a")
        with pytest.raises(RevisionConflictError):
            await configure(backend, "a", other, revision=3, actor="ada")
