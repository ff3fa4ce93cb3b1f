"""``python -m benchmarks``: run the benchmarks side by side on a private server."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import redis

from benchmarks import (
    adaptive,
    alerts,
    away,
    browser,
    executor,
    hot_path,
    kept,
    listing,
    probes,
    reaction,
    stream,
    tasks,
    telemetry,
    throughput,
    timeline,
    what_if,
)
from benchmarks.report import machine, write_json
from benchmarks.server import private_server

PARTS: dict[str, Callable[..., Coroutine[Any, Any, dict[str, Any]]]] = {
    "adaptive": adaptive.run,
    "alerts": alerts.run,
    "away": away.run,
    "browser": browser.run,
    "executor": executor.run,
    "hot-path": hot_path.run,
    "listing": listing.run,
    "memory": kept.run,
    "probes": probes.run,
    "reaction": reaction.run,
    "stream": stream.run,
    "tasks": tasks.run,
    "telemetry": telemetry.run,
    "throughput": throughput.run,
    "timeline": timeline.run,
    "what-if": what_if.run,
}


def refuse_data(parser: argparse.ArgumentParser, url: str) -> None:
    """A server named by the user is flushed on the way, so it must hold nothing."""
    with redis.Redis.from_url(url) as client:
        if client.dbsize():
            parser.error(f"{url} holds keys; the benchmarks flush their server: name an empty one")


def main() -> None:
    """Parse the command line and run what it names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("part", nargs="?", default="all", choices=[*PARTS, "all"])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a smoke test")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    parser.add_argument("--url", help="use this server instead of a private Valkey")
    parser.add_argument("--uvloop", action="store_true", help="run the event loops on uvloop")
    chosen = parser.parse_args()
    loop_factory = None
    if chosen.uvloop:
        import uvloop

        loop_factory = uvloop.new_event_loop
    if chosen.url:
        refuse_data(parser, chosen.url)
    document: dict[str, Any] = {}
    print("; ".join(f"{key}: {value}" for key, value in machine().items()))
    for name, run in PARTS.items():
        if chosen.part not in (name, "all"):
            continue
        # A server for each part: what one wrote must not weigh on the next.
        server = nullcontext(chosen.url) if chosen.url else private_server()
        with server as url, asyncio.Runner(loop_factory=loop_factory) as runner:
            document[name] = runner.run(run(url, quick=chosen.quick))
    if chosen.json:
        write_json(chosen.json, document)


if __name__ == "__main__":
    main()
