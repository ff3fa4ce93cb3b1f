"""Whether rejecting costs memory: the resident size of a fresh process before and after.

A child process for each subject (``python -m benchmarks.memory SUBJECT URL REJECTIONS``), because
what one library leaks must not stand in another one's figure.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import BY_KEY
from benchmarks.subjects import Settings, Subject, noop

WARM = 20_000  # arenas, caches and the recorder's buffers reach their size in here


@dataclass(frozen=True)
class Growth:
    """What ``rejections`` rejections added to the process."""

    subject: str
    rejections: int
    megabytes: float


def resident() -> int:
    """Bytes of this process in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def reject(subject: Subject, times: int) -> None:
    """Be rejected ``times`` times, with a turn of the loop every hundred."""
    call, rejection = subject.guard(noop), subject.rejection
    for done in range(times):
        try:
            await call()
        except rejection:
            pass
        else:
            raise RuntimeError(f"{subject.key} let a call through while OPEN")
        if done % 100 == 0:
            await asyncio.sleep(0)


async def child(key: str, url: str, rejections: int) -> float:
    """The growth in megabytes, measured in this process."""
    subject = BY_KEY[key](Settings())
    await subject.setup(url)
    await subject.trip()
    await reject(subject, WARM)
    gc.collect()
    before = resident()
    await reject(subject, rejections)
    gc.collect()
    grown = resident() - before
    await subject.close()
    return grown / 1e6


async def measure_growth(kind: type[Subject], url: str, rejections: int) -> Growth:
    """Run the child and read its answer."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.memory",
        kind.key,
        url,
        str(rejections),
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the memory run of {kind.key} failed")
    return Growth(kind.key, rejections, round(json.loads(answer), 2))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(child(sys.argv[1], sys.argv[2], int(sys.argv[3])))), flush=True)
    os._exit(0)  # unwinding a million-deep traceback is not part of the measurement
