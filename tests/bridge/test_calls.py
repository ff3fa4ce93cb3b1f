"""The ways to guard a call, and what each kind of end counts as."""

import asyncio
import contextlib
import gc
import pickle
import tracemalloc

import pytest

from fuseline import (
    BulkheadFullError,
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    CircuitState,
    ConfigError,
    Result,
    Verdict,
)
from fuseline.core.events import Outcome
from fuseline.events.agents import configure, read_agent
from fuseline.events.backend import Backend
from tests.bridge.support import Boom, Callee, attempt, connected, fail_times
from tests.logbook import failing, outcomes_of, projection_of
from tests.waiting import eventually


async def recorded(manager: CircuitBreakerManager, backend: Backend) -> list[Outcome]:
    await manager.flush()
    return await outcomes_of(backend, "a")


async def results(manager: CircuitBreakerManager, backend: Backend) -> list[Result]:
    return [outcome.result for outcome in await recorded(manager, backend)]


@pytest.fixture
def breaker(manager: CircuitBreakerManager) -> CircuitBreaker:
    return manager.get("a", failing(3))


# --- call ---


async def test_arguments_and_results_pass_through(breaker: CircuitBreaker) -> None:
    async def echo(*args: object, **kwargs: object) -> tuple[object, object]:
        return args, kwargs

    assert await breaker.call(echo, 1, "b", c=3) == ((1, "b"), {"c": 3})
    assert await breaker.call(lambda: echo(5)) == ((5,), {})


async def test_exceptions_pass_through_unchanged(breaker: CircuitBreaker) -> None:
    error = Boom("as it was")

    async def raising() -> None:
        raise error

    with pytest.raises(Boom) as caught:
        await breaker.call(raising)
    assert caught.value is error


async def test_the_same_name_gives_the_same_breaker(manager: CircuitBreakerManager) -> None:
    assert manager.get("a") is manager.get("a")
    assert manager.get("a") is not manager.get("b")
    with pytest.raises(ConfigError, match="agent"):
        manager.get("a:b")


async def test_outcomes_carry_kind_duration_and_worker(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    async def slow_failure() -> None:
        await asyncio.sleep(0.05)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await breaker.call(slow_failure)
    (outcome,) = await recorded(manager, backend)
    assert outcome.failure_kind == "ConnectionResetError"
    assert 45 <= outcome.duration_ms < 500
    assert (outcome.worker, outcome.seq) == (manager.recorder.producer, 1)


async def test_a_time_out_of_the_callee_is_a_time_out(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    async def timing_out() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)

    with pytest.raises(TimeoutError):
        await breaker.call(timing_out)
    assert await results(manager, backend) == [Result.TIMEOUT]


async def test_cancellation_is_abandonment(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    for _ in range(10):
        started = asyncio.Event()

        async def hang(started: asyncio.Event = started) -> None:
            started.set()
            await asyncio.sleep(10)

        task = asyncio.create_task(breaker.call(hang))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert breaker.state is CircuitState.CLOSED
    assert await results(manager, backend) == [Result.ABANDONED] * 10
    assert await attempt(breaker, Callee().ok) == "ok"


async def test_a_caller_s_own_time_limit_is_abandonment(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await breaker.call(asyncio.sleep, 10)
    assert await results(manager, backend) == [Result.ABANDONED]


async def test_a_call_that_another_breaker_refused_was_not_sent(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend, callee: Callee
) -> None:
    inner = manager.get("inner", failing(1))
    await fail_times(inner, callee, 1)
    with pytest.raises(CircuitBreakerOpenError):
        await breaker.call(inner.call, callee.ok)
    assert await results(manager, backend) == [Result.NOT_SENT]


async def test_each_rejection_is_a_fresh_exception(breaker: CircuitBreaker, callee: Callee) -> None:
    await fail_times(breaker, callee, 3)
    refusals = []
    for _ in range(3):
        with pytest.raises(CircuitBreakerOpenError) as caught:
            await breaker.call(callee.ok)
        refusals.append(caught.value)
    assert len({id(refusal) for refusal in refusals}) == 3
    copy = pickle.loads(pickle.dumps(refusals[0]))
    assert (copy.agent, copy.state, copy.cause) == ("a", CircuitState.OPEN, "consecutive_failures")
    assert "'a' is open (consecutive_failures); retry in" in str(copy)


async def test_memory_stays_flat_over_a_hundred_thousand_rejections(
    breaker: CircuitBreaker, callee: Callee
) -> None:
    await fail_times(breaker, callee, 3)

    async def reject(count: int) -> None:
        for n in range(count):
            with contextlib.suppress(CircuitBreakerOpenError):
                await breaker.call(callee.ok)
            if n % 1000 == 0:
                await asyncio.sleep(0)

    await reject(1000)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await reject(100_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
    assert callee.calls == 3


# --- fallback ---


async def test_a_fallback_answers_for_a_refused_call(
    breaker: CircuitBreaker, callee: Callee
) -> None:
    seen = []

    def plain(refusal: Exception) -> str:
        seen.append(refusal)
        return "instead"

    async def asynchronous(refusal: Exception) -> str:
        return plain(refusal)

    assert await breaker.call(callee.ok, fallback=plain) == "ok"  # not asked while admitted
    with pytest.raises(Boom):
        await breaker.call(callee.fail, fallback=plain)
    await fail_times(breaker, callee, 2)
    assert seen == []
    assert await breaker.call(callee.ok, fallback=plain) == "instead"
    assert await breaker.call(callee.ok, fallback=asynchronous) == "instead"
    assert [type(refusal) for refusal in seen] == [CircuitBreakerOpenError] * 2


# --- decorator ---


async def test_a_decorated_function_is_guarded(breaker: CircuitBreaker) -> None:
    @breaker
    async def ask(question: str, *, loud: bool = False) -> str:
        """Asks."""
        if question == "bad":
            raise Boom
        return question.upper() if loud else question

    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    assert await ask("hello", loud=True) == "HELLO"
    for _ in range(3):
        with pytest.raises(Boom):
            await ask("bad")
    with pytest.raises(CircuitBreakerOpenError):
        await ask("hello")


async def test_a_decorator_may_have_a_fallback(breaker: CircuitBreaker, callee: Callee) -> None:
    @breaker(fallback=lambda refusal: refusal.cause)
    async def ask() -> str:
        return "asked"

    assert await ask() == "asked"
    await fail_times(breaker, callee, 3)
    assert await ask() == "consecutive_failures"


async def test_a_plain_function_cannot_be_decorated(breaker: CircuitBreaker) -> None:
    with pytest.raises(TypeError, match="coroutine function"):
        breaker(lambda: 1)


# --- context manager ---


async def test_a_block_is_guarded(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    async with breaker as entered:
        assert entered is breaker
    for _ in range(3):
        with pytest.raises(Boom):
            async with breaker:
                raise Boom
    with pytest.raises(CircuitBreakerOpenError):
        async with breaker:
            raise AssertionError("not reached")
    assert await results(manager, backend) == [Result.SUCCESS] + [Result.FAILURE] * 3


async def test_blocks_may_be_nested_and_run_together(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    with pytest.raises(Boom):  # noqa: PT012
        async with breaker:
            async with breaker:
                pass
            raise Boom
    assert await results(manager, backend) == [Result.SUCCESS, Result.FAILURE]
    assert breaker.in_flight == 0

    async def one(n: int) -> None:
        with contextlib.suppress(Boom):
            async with breaker:
                await asyncio.sleep(0.001 * (n % 7))
                if n % 10 == 0:
                    raise Boom

    await asyncio.gather(*(one(n) for n in range(50)))
    ends = (await results(manager, backend))[2:]
    assert (ends.count(Result.SUCCESS), ends.count(Result.FAILURE)) == (45, 5)


async def test_a_cancelled_block_is_abandoned(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        async with breaker:
            entered.set()
            await asyncio.sleep(10)

    task = asyncio.create_task(hang())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await results(manager, backend) == [Result.ABANDONED]


async def test_a_block_left_in_another_task_says_so(breaker: CircuitBreaker) -> None:
    await breaker.__aenter__()
    with pytest.raises(RuntimeError, match="another task"):
        await asyncio.create_task(breaker.__aexit__(None, None, None))
    await breaker.__aexit__(None, None, None)


# --- streams ---


async def numbers(count: int, fail_at: int = -1):
    for n in range(count):
        if n == fail_at:
            raise Boom
        yield n


async def test_a_stream_counts_when_it_ends(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    stream = await breaker.call(numbers, 3)
    assert await anext(stream) == 0
    assert await results(manager, backend) == []
    assert [n async for n in stream] == [1, 2]
    assert await results(manager, backend) == [Result.SUCCESS]


async def test_a_stream_that_fails_on_the_way_counts_as_failed(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    decorated = breaker(numbers)
    for _ in range(3):
        got = []
        with pytest.raises(Boom):  # noqa: PT012
            async for n in decorated(5, fail_at=2):
                got.append(n)  # noqa: PERF401 - what came before the failure is kept
        assert got == [0, 1]
    assert await results(manager, backend) == [Result.FAILURE] * 3
    with pytest.raises(CircuitBreakerOpenError):
        await anext(decorated(5))


async def test_a_stream_closed_early_is_abandoned(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    closed = 0

    async def endless():
        nonlocal closed
        try:
            while True:
                yield 1
        finally:
            closed += 1

    for stream in (await breaker.call(endless), breaker(endless)()):
        async with contextlib.aclosing(stream):
            async for _ in stream:
                break
    assert closed == 2
    assert await results(manager, backend) == [Result.ABANDONED] * 2
    assert breaker.in_flight == 0


async def test_a_stream_that_nobody_reads_is_no_outcome(
    manager: CircuitBreakerManager, breaker: CircuitBreaker, backend: Backend
) -> None:
    stream = await breaker.call(numbers, 3)
    await stream.aclose()
    assert await results(manager, backend) == []
    assert breaker.in_flight == 0


async def test_a_stream_may_have_a_fallback(breaker: CircuitBreaker, callee: Callee) -> None:
    async def instead(refusal: Exception):
        yield "instead"

    decorated = breaker(fallback=instead)(numbers)
    await fail_times(breaker, callee, 3)
    assert [item async for item in decorated(3)] == ["instead"]


# --- classifier ---


async def test_a_classifier_says_what_results_and_errors_mean(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    def http(result: object, error: BaseException | None) -> Verdict | Result | None:
        if isinstance(error, KeyError):
            return Result.IGNORED
        if isinstance(result, int) and result >= 500:
            return Verdict(Result.FAILURE, f"http_{result}", retry_after_seconds=7)
        return None

    breaker = manager.get("a", failing(3), classifier=http)

    async def missing() -> None:
        raise KeyError

    for _ in range(5):
        with pytest.raises(KeyError):
            await breaker.call(missing)
    assert await breaker.call(callee.ok, 200) == 200
    with pytest.raises(Boom):
        await breaker.call(callee.fail)
    assert await breaker.call(callee.ok, 503) == 503
    outcomes = await recorded(manager, backend)
    assert [outcome.result for outcome in outcomes] == [
        *[Result.IGNORED] * 5, Result.SUCCESS, Result.FAILURE, Result.FAILURE
    ]  # fmt: skip
    assert (outcomes[-1].failure_kind, outcomes[-1].retry_after_ms) == ("http_503", 7000)


async def test_a_classifier_that_raises_has_found_nothing(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    def broken(result: object, error: BaseException | None) -> Result:
        raise ZeroDivisionError

    breaker = manager.get("a", failing(3), classifier=broken)
    assert await attempt(breaker, callee.ok) == "ok"
    await fail_times(breaker, callee, 3)
    assert await attempt(breaker, callee.ok) == "rejected"
    assert await results(manager, backend) == [Result.SUCCESS] + [Result.FAILURE] * 3


@pytest.mark.parametrize(
    "nonsense",
    ["no verdict", 17, object(), Verdict("?"), Verdict(Result.FAILURE, 5, 5)],  # type: ignore[arg-type]
)
async def test_a_classifier_that_answers_nonsense_has_found_nothing(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee, nonsense: object
) -> None:
    breaker = manager.get("a", failing(3), classifier=lambda result, error: nonsense)
    assert await breaker.call(callee.ok) == "ok"
    with pytest.raises(Boom):
        await breaker.call(callee.fail)
    assert await results(manager, backend) == [Result.SUCCESS, Result.FAILURE]


async def test_a_kind_of_failure_may_be_any_text(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    kinds = iter(["x" * 10_000, "\ud800", "é\n\x00"])
    breaker = manager.get(
        "a", failing(9), classifier=lambda r, e: Verdict(Result.FAILURE, next(kinds))
    )
    for _ in range(3):
        await breaker.call(callee.ok)
    kept = [outcome.failure_kind for outcome in await recorded(manager, backend)]
    assert kept == ["x" * 40, "?", "é\n\x00"]


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -5.0, 1e300])
async def test_a_retry_after_beyond_reason_does_no_harm(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee, seconds: float
) -> None:
    breaker = manager.get(
        "a", failing(1), classifier=lambda r, e: Verdict(Result.FAILURE, "x", seconds)
    )
    assert await breaker.call(callee.ok) == "ok"
    assert await attempt(breaker, callee.ok) == "rejected"
    assert await results(manager, backend) == [Result.FAILURE]
    await eventually(lambda: opened(backend))
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert circuit.open_until_ms - circuit.since_ms in (60_000, 600_000)


async def opened(backend: Backend) -> bool:
    circuit = await projection_of(backend, "a")
    return circuit is not None and circuit.state is CircuitState.OPEN


async def test_retry_after_lengthens_open(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get(
        "a", failing(2), classifier=lambda r, e: Verdict(Result.FAILURE, "http_429", 120)
    )
    await breaker.call(callee.ok)
    await breaker.call(callee.ok)
    with pytest.raises(CircuitBreakerOpenError) as caught:
        await breaker.call(callee.ok)
    assert 115 < caught.value.retry_after_seconds <= 120
    await eventually(lambda: opened(backend))
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert circuit.open_until_ms - circuit.since_ms == pytest.approx(120_000, abs=1000)


# --- bulkhead ---


async def test_a_full_bulkhead_refuses_and_is_no_outcome(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3, max_concurrent_calls=2))
    release = asyncio.Event()
    holding = [asyncio.create_task(breaker.call(release.wait)) for _ in range(2)]
    await eventually(lambda: breaker.in_flight == 2)
    with pytest.raises(BulkheadFullError, match="2 calls in flight"):
        await breaker.call(callee.ok)
    with pytest.raises(BulkheadFullError):
        async with breaker:
            pass
    assert await breaker.call(callee.ok, fallback=lambda refusal: "full") == "full"
    release.set()
    await asyncio.gather(*holding)
    assert await breaker.call(callee.ok) == "ok"
    assert await results(manager, backend) == [Result.SUCCESS] * 3


async def test_a_bulkhead_counts_every_way_out(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(None, max_concurrent_calls=3))
    for n in range(30):
        match n % 4:
            case 0:
                await attempt(breaker, callee.fail)
            case 1:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.001):
                        await breaker.call(asyncio.sleep, 10)
            case 2:
                assert [i async for i in await breaker.call(numbers, 2)] == [0, 1]
            case 3:
                async with breaker:
                    assert breaker.in_flight == 1
        assert breaker.in_flight == 0


# --- configuration ---


async def test_config_registers_an_agent_that_is_not_there(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    await manager.get("a", failing(7)).call(callee.ok)
    record = await read_agent(backend, "a")
    assert record is not None
    assert (record.config, record.revision) == (failing(7), 1)


async def test_config_never_changes_an_agent_that_is_there(
    manager: CircuitBreakerManager, redis_url: str, namespace: str, callee: Callee
) -> None:
    await manager.get("a", failing(2)).call(callee.ok)
    async with connected(redis_url, namespace) as other:
        breaker = other.get("a", failing(50))
        await breaker.call(callee.ok)
        assert breaker.config == failing(2)
        await fail_times(breaker, callee, 2)
        assert await attempt(breaker, callee.ok) == "rejected"
    record = await read_agent(manager.backend, "a")
    assert record is not None
    assert (record.config, record.revision) == (failing(2), 1)


async def test_managers_that_register_together_agree(redis_url: str, namespace: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        managers = [
            await stack.enter_async_context(connected(redis_url, namespace)) for _ in range(5)
        ]
        breakers = [m.get("a", failing(n + 1)) for n, m in enumerate(managers)]
        await asyncio.gather(*(breaker.call(Callee().ok) for breaker in breakers))
        configs = {breaker.config.failure_threshold for breaker in breakers}
        assert len(configs) == 1
        record = await read_agent(managers[0].backend, "a")
        assert record is not None
        assert {record.config.failure_threshold} == configs


async def test_changed_settings_reach_running_workers(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(50))
    await breaker.call(callee.ok)
    await configure(backend, "a", failing(2), revision=1, actor="ada")
    await eventually(lambda: breaker.config.failure_threshold == 2)
    await fail_times(breaker, callee, 2)
    assert await attempt(breaker, callee.ok) == "rejected"


async def test_a_breaker_that_is_not_enabled_admits_and_records(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(2, enabled=False))
    await fail_times(breaker, callee, 20)
    assert await attempt(breaker, callee.ok) == "ok"
    await manager.flush()
    assert len(await outcomes_of(backend, "a")) == 21
    await eventually(lambda: figures(backend, 21))
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert (circuit.state, circuit.failures) == (CircuitState.CLOSED, 20)


async def figures(backend: Backend, calls: int) -> bool:
    circuit = await projection_of(backend, "a")
    return circuit is not None and circuit.calls == calls


async def test_disabling_an_open_breaker_lets_calls_through(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(2))
    await fail_times(breaker, callee, 2)
    await eventually(lambda: opened(backend))
    await configure(backend, "a", failing(2, enabled=False), revision=1, actor="ada")
    await eventually(lambda: not breaker.config.enabled)
    await fail_times(breaker, callee, 5)


async def test_variables_are_the_defaults_of_new_agents(
    redis_url: str, namespace: str, callee: Callee
) -> None:
    environ = {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "2", "CIRCUIT_BREAKER_TIMEOUT_SECONDS": "9"}
    async with connected(redis_url, namespace, environ=environ) as manager:
        breaker = manager.get("a")
        await fail_times(breaker, callee, 2)
        assert await attempt(breaker, callee.ok) == "rejected"
        assert breaker.config == CircuitBreakerConfig(failure_threshold=2, timeout_seconds=9)


async def test_the_failure_rate_opens_too(manager: CircuitBreakerManager, callee: Callee) -> None:
    config = CircuitBreakerConfig(failure_threshold=None, minimum_calls=10)
    breaker = manager.get("a", config)
    for n in range(10):
        assert await attempt(breaker, callee.ok if n % 2 == 0 else callee.fail) != "rejected"
    assert await attempt(breaker, callee.ok) == "rejected"


async def test_slow_calls_open_too(manager: CircuitBreakerManager, callee: Callee) -> None:
    config = CircuitBreakerConfig(
        failure_threshold=None,
        failure_rate_threshold=None,
        minimum_calls=3,
        slow_call_seconds=0.01,
    )
    breaker = manager.get("a", config)
    for _ in range(3):
        await breaker.call(asyncio.sleep, 0.02)
    with pytest.raises(CircuitBreakerOpenError) as caught:
        await breaker.call(callee.ok)
    assert caught.value.cause == "slow_call_rate"
