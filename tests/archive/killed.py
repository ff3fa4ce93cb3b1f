"""Archives in children that are killed at random moments; forked, because starting costs more.

``python -m tests.archive.killed URL NAMESPACE FOLDER AGENT KILLS SEED``
"""

import asyncio
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import obstore  # noqa: F401 - imported before the fork
import pyarrow.parquet  # noqa: F401

from fuseline.archive.archiving import Archiver
from fuseline.archive.store import Store
from tests.logbook import open_backend


class Mortal:
    """Kills the process before or after one of its steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def mortal(self, call: Callable[..., Any]) -> Callable[..., Any]:
        async def stepping(*args: Any, **options: Any) -> Any:
            self.step()
            result = await call(*args, **options)
            self.step()
            return result

        return stepping


async def archive(url: str, namespace: str, folder: str, agent: str, steps: int, told: int) -> None:
    """Archives until it is killed: at a step, or by its parent, which is told of the first one."""
    async with open_backend(url, namespace) as backend:
        store = Store(folder)
        os.write(told, b".")
        if steps:
            mortal = Mortal(steps)
            store.put = mortal.mortal(store.put)  # type: ignore[method-assign]
            backend.fcall = mortal.mortal(backend.fcall)  # type: ignore[method-assign]
        await Archiver(backend, store, rows=40).archive([backend.keys.agent(agent)])


def main() -> None:
    url, namespace, folder, agent, kills, seed = sys.argv[1:]
    chance = random.Random(int(seed))
    gc.disable()  # a collection in a child would copy every page
    gc.freeze()
    killed = 0
    while killed < int(kills):
        steps = chance.choice([0, chance.randrange(1, 14)])
        hears, told = os.pipe()
        child = os.fork()
        if child == 0:
            asyncio.run(archive(url, namespace, folder, agent, steps, told))
            os._exit(0)
        os.close(told)
        os.read(hears, 1)
        os.close(hears)
        if not steps:
            time.sleep(chance.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break  # it has archived everything, or failed
        killed += 1
    print(killed, flush=True)


if __name__ == "__main__":
    main()
