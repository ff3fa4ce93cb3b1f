"""What a real run exports: calls, refusals, probes and a projector in one process, and its API."""

import asyncio
import sys
from collections.abc import Sequence

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.api.running import running_api
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.logbook import failing
from tests.waiting import eventually


async def exported(url: str, namespace: str) -> str:
    """The API's `/metrics`, while everything runs that has figures.

    In a process of its own: libraries that other tests use have figures, too.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.telemetry.exported", url, namespace),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def _export(url: str, namespace: str) -> str:
    async with (
        running_api(url, namespace, projector=False, local_mode=False) as api,
        connected(url, namespace) as manager,
    ):
        breaker, callee = manager.get("billing", failing(2, timeout_seconds=0.3)), Callee()
        await breaker.call(callee.ok)
        await fail_times(breaker, callee, 2)
        assert await attempt(breaker, callee.ok) == "rejected"

        async def probed() -> bool:
            return await attempt(breaker, callee.ok) == "ok" and breaker.state.value == "closed"

        await eventually(probed, interval_seconds=0.02)
        await manager.get("search").call(callee.ok)
        await manager.flush()
        client = api.client()

        async def seen() -> str:
            text = (await client.get("metrics")).text
            # A busy machine may take a lease away for a moment.
            told = (
                'fuseline_circuit_state{fuseline_agent="search"',
                'fuseline_circuit_state{fuseline_agent="billing",fuseline_state="closed"} 1.0',
                "fuseline_projector_shards 4.0",
                "http_server_request_duration_seconds",  # of the scrapes before this one
            )
            return text if all(line in text for line in told) else ""

        return str(await eventually(seen))


def families(text: str) -> dict[str, Metric]:
    """By the names that queries use."""
    return {
        f"{one.name}_total" if one.type == "counter" else one.name: one
        for one in text_string_to_metric_families(text)
    }


def value(text: str, name: str, **labels: str) -> float:
    """The one sample with these labels."""
    found = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, (name, labels, found)
    return found[0]


def label_names(family: Metric) -> Sequence[set[str]]:
    return [set(sample.labels) - {"le"} for sample in family.samples]


if __name__ == "__main__":
    print(asyncio.run(_export(*sys.argv[1:])), end="")
