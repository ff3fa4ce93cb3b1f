"""The other libraries, each in its own idiom, read from its source and documentation.

Lua, locks and look-ups are theirs; nothing is tuned for or against them. Where a setting has no
counterpart the adapter's ``note`` says so.
"""

from __future__ import annotations

from benchmarks.peers.aiobreaker import AiobreakerMemory, AiobreakerRedis
from benchmarks.peers.aiobreaker_redis import AiobreakerRedisPackage
from benchmarks.peers.asyncbreaker import AsyncbreakerMemory, AsyncbreakerRedis
from benchmarks.peers.circuitbreaker import CircuitBreakerMemory
from benchmarks.peers.interlock import InterlockMemory, InterlockRedis
from benchmarks.peers.purgatory import PurgatoryMemory, PurgatoryRedis
from benchmarks.peers.pybreaker import PybreakerRedis
from benchmarks.subjects import BareAwait, Fuseline, Subject

ALL: tuple[type[Subject], ...] = (
    BareAwait,
    Fuseline,
    CircuitBreakerMemory,
    AiobreakerMemory,
    PurgatoryMemory,
    AsyncbreakerMemory,
    InterlockMemory,
    InterlockRedis,
    PurgatoryRedis,
    PybreakerRedis,
    AsyncbreakerRedis,
    AiobreakerRedis,
    AiobreakerRedisPackage,
)
BY_KEY: dict[str, type[Subject]] = {subject.key: subject for subject in ALL}


def installed() -> list[type[Subject]]:
    """The subjects that can be measured in this environment."""
    return [subject for subject in ALL if subject.installed()]


__all__ = [
    "ALL",
    "BY_KEY",
    "AiobreakerMemory",
    "AiobreakerRedis",
    "AiobreakerRedisPackage",
    "AsyncbreakerMemory",
    "AsyncbreakerRedis",
    "CircuitBreakerMemory",
    "InterlockMemory",
    "InterlockRedis",
    "PurgatoryMemory",
    "PurgatoryRedis",
    "PybreakerRedis",
    "installed",
]
