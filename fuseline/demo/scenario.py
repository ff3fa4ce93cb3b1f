"""The agents of the demonstration: how each behaves, and the settings of its breaker."""

from __future__ import annotations

import os
import random
from enum import StrEnum

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError

# Short times, so that a minute shows everything.
CONFIG = CircuitBreakerConfig(
    failure_threshold=5,
    failure_rate_threshold=0.5,
    minimum_calls=10,
    window_size_seconds=30.0,
    timeout_seconds=5.0,
    half_open_max_calls=2,
    probe_lease_seconds=10.0,
)

AGENTS_VARIABLE = "FUSELINE_DEMO_AGENTS"
HANG_SECONDS = 5.0

_FINE_SECONDS = 4.0  # before the first outage: enough to see the circuit closed
_PERIOD_SECONDS = 30.0
_OUTAGE_SECONDS = 10.0
_BURST_SECONDS = 2.0


class Behaviour(StrEnum):
    """How an agent of the demonstration behaves; each has one agent, named like it."""

    STEADY = "steady"
    FLAKY = "flaky"
    OUTAGE = "outage"


class Answer(StrEnum):
    """What an agent does with a request."""

    FINE = "fine"
    FAIL = "fail"
    HANG = "hang"


class Script:
    """Decides about each request of one agent.

    Args:
        behaviour: which of the three.
        seed: the same seed gives the same bursts.
    """

    def __init__(self, behaviour: Behaviour, seed: int = 7) -> None:
        self._behaviour = behaviour
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._requests = 0

    def answer(self, seconds: float) -> Answer:
        """What happens to a request `seconds` after the start."""
        self._requests += 1
        match self._behaviour:
            case Behaviour.STEADY:
                return Answer.FINE
            case Behaviour.FLAKY:
                return self._flaky(seconds)
            case Behaviour.OUTAGE:
                phase = (seconds - _FINE_SECONDS) % _PERIOD_SECONDS
                if seconds < _FINE_SECONDS or phase >= _OUTAGE_SECONDS:
                    return Answer.FINE
                return Answer.HANG if self._requests % 4 == 0 else Answer.FAIL

    def delay_seconds(self) -> float:
        """How long a good answer takes."""
        return self._random.uniform(0.005, 0.03)

    def _flaky(self, seconds: float) -> Answer:
        """A quarter of the calls fails, most of them in bursts."""
        slot = random.Random(f"{self._seed}:{seconds // _BURST_SECONDS}")  # noqa: S311
        burst = slot.random() < 0.35
        failed = self._random.random() < (0.65 if burst else 0.03)
        return Answer.FAIL if failed else Answer.FINE


def agents_from_env(text: str | None = None) -> dict[str, str]:
    """Names and URLs of the agents, e.g. "steady=http://steady:8080,flaky=http://flaky:8080".

    Raises:
        ConfigError: FUSELINE_DEMO_AGENTS is no such list.
    """
    text = os.environ.get(AGENTS_VARIABLE, "") if text is None else text
    agents = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, url = part.partition("=")
        if not name or not url.startswith("http://"):
            raise ConfigError(AGENTS_VARIABLE, part, "name=http://host:port, separated by commas")
        agents[name] = url
    return agents
