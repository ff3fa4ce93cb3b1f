"""The breaker told a second time: slow, obvious, nothing kept that can be counted again.

It shares only names with `fuseline.core`: no running sums, no buckets, no derived deadline; what is
usual it learns call by call, and how sure a rate is it finds by bisection. Laws compare the fold
with it on random logs.
"""

from dataclasses import dataclass, field
from statistics import NormalDist

from fuseline.core import baseline
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import (
    AgentRemoved,
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
)


def width_and_count(config: CircuitBreakerConfig) -> tuple[int, int]:
    """The bucket rule: the narrowest whole ms that cover the window with at most 60 buckets."""
    window_ms = round(config.window_size_seconds * 1000)
    width = 1
    while width * 60 < window_ms:
        width += 1
    count = 1
    while count * width < window_ms:
        count += 1
    return width, count


def recount(
    config: CircuitBreakerConfig,
    since_ms: int,
    outcomes: list[tuple[int, Outcome]],
    now_ms: int,
) -> tuple[int, int, int, int]:
    """Calls, failures, slow calls and streak from the raw outcomes of one CLOSED period."""
    width, count = width_and_count(config)
    calls = failures = slow = streak = 0
    for ms, outcome in outcomes:
        index = max(ms - outcome.age_ms, since_ms) // width
        if outcome.result not in (Result.SUCCESS, Result.FAILURE, Result.TIMEOUT):
            continue
        if index <= ms // width - count:  # too old when it came
            continue
        failed = outcome.result is not Result.SUCCESS
        streak = streak + 1 if failed else 0
        if index <= now_ms // width - count:  # has left the window since
            continue
        calls += 1
        failures += failed
        limit = config.slow_call_seconds
        slow += limit is not None and outcome.duration_ms >= limit * 1000
    return calls, failures, slow, streak


@dataclass
class Call:
    """A call the window has counted."""

    index: int
    failed: bool
    slow: bool


@dataclass
class Learned:
    """A call that is part of what is usual."""

    weight: float
    hour: int
    failed: bool


def lower_bound(failures: int, calls: int, confidence: float) -> float:
    """The smallest rate whose own chance interval reaches up to what was seen."""
    z = NormalDist().inv_cdf(confidence)
    seen, low, high = failures / calls, 0.0, failures / calls
    for _ in range(200):
        rate = (low + high) / 2
        if seen - rate > z * (rate * (1 - rate) / calls) ** 0.5:
            low = rate
        else:
            high = rate
    return high


@dataclass
class NaiveBreaker:
    """The table of design section 3, row by row."""

    config: CircuitBreakerConfig
    state: str = "closed"
    since: int = 0
    opens: int = 0
    open_until: int = 0
    story: list[tuple[int, str, str, str, int]] = field(default_factory=list)
    window: list[Call] = field(default_factory=list)
    results: list[bool] = field(default_factory=list)  # failed?, in stream order
    trouble: list[tuple[int, int]] = field(default_factory=list)  # worker, bucket
    asked: list[int] = field(default_factory=list)  # moments named by Retry-After
    out: dict[str, int] = field(default_factory=dict)
    good_probes: int = 0
    lost_probes: int = 0
    mode: Mode = Mode.AUTO
    mode_until: int | None = None
    removed: bool = False
    learned: list[Learned] = field(default_factory=list)
    step: int = 0

    @property
    def epoch(self) -> int:
        return len(self.story)

    def streak(self) -> int:
        number = 0
        for failed in reversed(self.results):
            if not failed:
                break
            number += 1
        return number

    def seen(self, now: int) -> tuple[int, int, int]:
        width, count = width_and_count(self.config)
        calls = [call for call in self.window if call.index > now // width - count]
        return len(calls), sum(c.failed for c in calls), sum(c.slow for c in calls)

    def workers(self, now: int) -> int:
        width, count = width_and_count(self.config)
        return len({worker for worker, index in self.trouble if index > now // width - count})

    # What is usual

    def learn(self, calls: list[Call]) -> None:
        if not self.config.adaptive:
            return
        width, _ = width_and_count(self.config)
        for call in sorted(calls, key=lambda call: call.index):
            at = call.index * width
            step = at // self.step_ms(self.config)
            weight = 1.0
            if step > self.step:
                for one in self.learned:
                    one.weight *= 0.5 ** ((step - self.step) / 64)
                self.step = step
            else:
                weight = 0.5 ** ((self.step - step) / 64)
            self.learned.append(Learned(weight, at // 3_600_000 % 24, call.failed))

    def step_ms(self, config: CircuitBreakerConfig) -> int:
        return round(config.adaptive_half_life_seconds * 1000 / 64)

    def usual(self, now: int) -> float | None:
        if not self.config.adaptive:
            return None
        calls = [one for one in self.learned if one.hour == now // 3_600_000 % 24]
        if sum(one.weight for one in calls) < baseline.ENOUGH_IN_SLOT:
            calls = self.learned
        weight = sum(one.weight for one in calls)
        if weight < baseline.ENOUGH_CALLS:
            return None
        return (sum(one.weight for one in calls if one.failed) + 1) / (weight + 2)

    # Time

    def time_passes(self, now: int) -> None:
        while True:
            due: list[tuple[int, int, str]] = []
            if self.mode_until is not None:
                due.append((self.mode_until, 0, ""))
            if self.state == "open":
                due.append((self.open_until, 1, ""))
            if self.state == "half_open":
                due += [(deadline, 2, permit) for permit, deadline in self.out.items()]
            if not due or min(due)[0] > now:
                return
            at, what, permit = min(due)
            if what == 0:
                self.mode, self.mode_until = Mode.AUTO, None
            elif what == 1:
                self.good_probes = self.lost_probes = 0
                self.become("half_open", "open_time_over", at)
            else:
                del self.out[permit]
                self.lose_probe(at)

    # Events

    def event(self, ms: int, seq: int, event: AnyEvent) -> None:
        self.time_passes(ms)
        match event:
            case Outcome() if event.epoch == self.epoch and self.state == "closed":
                self.call_ended(ms, event)
            case Outcome() if event.epoch == self.epoch and self.state == "half_open":
                self.probe_ended(ms, event)
            case ProbeStarted():
                taken = len(self.out) + self.good_probes
                if (
                    self.state == "half_open"
                    and event.epoch == self.epoch
                    and taken < self.config.half_open_max_calls
                ):
                    self.out[f"{ms}-{seq}"] = ms + event.lease_ms
            case ConfigChanged():
                self.configured(ms, event)
            case AgentRemoved():
                self.close("removed", ms)
                self.config = CircuitBreakerConfig(enabled=False)
                self.mode, self.mode_until, self.removed = Mode.AUTO, None, True
            case OverrideSet():
                self.overridden(ms, event)
        self.time_passes(ms)

    def call_ended(self, ms: int, event: Outcome) -> None:
        if event.result in (Result.ABANDONED, Result.IGNORED, Result.NOT_SENT):
            return
        width, count = width_and_count(self.config)
        index = max(ms - event.age_ms, self.since) // width
        if index <= ms // width - count:
            return
        self.learn([call for call in self.window if call.index <= ms // width - count])
        self.window = [call for call in self.window if call.index > ms // width - count]
        limit = self.config.slow_call_seconds
        slow = limit is not None and event.duration_ms >= limit * 1000
        failed = event.result is not Result.SUCCESS
        self.window.append(Call(index, failed, slow))
        self.results.append(failed)
        if failed:
            self.hear(ms, event)
        if failed or slow:
            self.trouble.append((event.worker, index))
            cause = self.tripped(ms)
            if cause:
                self.open(cause, ms)

    def tripped(self, now: int) -> str:
        config = self.config
        calls, failures, slow = self.seen(now)
        causes = []
        usual, fixed = self.usual(now), config.failure_threshold
        chance = 0.0 if usual is None else usual ** self.streak()
        unlikely = chance <= 1 - config.adaptive_confidence or self.streak() >= 1000
        if fixed is not None and self.streak() >= fixed and unlikely:
            causes.append("consecutive_failures")
        rate = config.failure_rate_threshold
        if rate is not None and usual is not None:
            held = min(rate, max(config.adaptive_floor, usual + config.adaptive_margin))
            if calls and lower_bound(failures, calls, config.adaptive_confidence) >= held:
                causes.append("failure_rate")
        elif rate is not None and calls >= config.minimum_calls and failures / calls >= rate:
            causes.append("failure_rate")
        slow_calls = config.slow_call_seconds is not None and calls >= config.minimum_calls
        if slow_calls and slow / calls >= config.slow_call_rate_threshold:
            causes.append("slow_call_rate")
        if not config.enabled or self.workers(now) < config.minimum_workers:
            return ""
        return causes[0] if causes else ""

    def probe_ended(self, ms: int, event: Outcome) -> None:
        if event.permit not in self.out:
            return
        del self.out[event.permit]
        if event.result is Result.SUCCESS:
            self.good_probes += 1
            if self.good_probes >= self.config.half_open_max_calls:
                self.close("probes_succeeded", ms)
        elif event.result in (Result.FAILURE, Result.TIMEOUT):
            self.hear(ms, event)
            self.open("probe_failed", ms)
        else:
            self.lose_probe(ms)

    def lose_probe(self, at: int) -> None:
        self.lost_probes += 1
        if self.lost_probes >= 3 * self.config.half_open_max_calls:
            self.open("probes_inconclusive", at)

    def hear(self, ms: int, event: Outcome) -> None:
        if event.retry_after_ms:
            self.asked.append(ms - event.age_ms + event.retry_after_ms)

    def configured(self, ms: int, event: ConfigChanged) -> None:
        try:
            config = CircuitBreakerConfig.from_wire(event.config)
        except ConfigError:
            return
        (old, _), (new, _) = width_and_count(self.config), width_and_count(config)
        if not config.adaptive:
            self.learned, self.step = [], 0
        else:
            self.step = self.step * self.step_ms(self.config) // self.step_ms(config)
        self.config = config
        if old != new:
            for call in self.window:
                call.index = call.index * old // new
            self.trouble = [(worker, index * old // new) for worker, index in self.trouble]
        if self.removed:
            self.forget()
            self.learned, self.step = [], 0
            self.removed = False
        if not config.enabled and self.state != "closed":
            self.close("disabled", ms)
        elif self.state == "open":
            self.open_until = max(ms, self.since + self.open_length(self.since))
        elif self.state == "half_open" and self.good_probes >= config.half_open_max_calls:
            self.close("probes_succeeded", ms)

    def overridden(self, ms: int, event: OverrideSet) -> None:
        self.mode, self.mode_until = event.mode, None
        if event.mode is not Mode.AUTO and event.expires_in_ms:
            self.mode_until = ms + event.expires_in_ms
        if event.mode is Mode.AUTO and event.reset:
            if self.state == "closed":
                self.forget()
            else:
                self.close("reset", ms)

    # Transitions

    def open_length(self, opened_at: int) -> int:
        length = self.config.timeout_seconds * 1000
        cap = max(self.config.timeout_max_seconds * 1000, length)
        for _ in range(self.opens - 1):
            length *= self.config.timeout_multiplier
        return round(min(cap, max([length, *(moment - opened_at for moment in self.asked)])))

    def open(self, cause: str, at: int) -> None:
        self.opens += 1
        self.open_until = at + self.open_length(at)
        if self.state == "closed":
            self.learn(self.window)
        self.become("open", cause, at)

    def close(self, cause: str, at: int) -> None:
        self.opens = 0
        self.become("closed", cause, at)
        self.good_probes = self.lost_probes = 0
        self.forget()

    def forget(self) -> None:
        self.window, self.results, self.trouble, self.asked = [], [], [], []

    def become(self, state: str, cause: str, at: int) -> None:
        until = self.open_until if state == "open" else 0
        self.story.append((at, self.state, state, cause, until))
        self.state, self.since, self.out = state, at, {}
