"""The adapters side by side with the libraries whose interface they have."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import circuitbreaker
import purgatory
import pytest
from purgatory.domain.model import OpenedState as TheirOpenedState

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError
from fuseline.integrations.compat import circuitbreaker as our_circuitbreaker
from fuseline.integrations.compat import purgatory as our_purgatory
from tests.bridge.support import Boom
from tests.integrations.support import ends, once_admitted

BOTH = ("theirs", "ours")


class Callee:
    """Fails as told; tells how it was called."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: type[BaseException] | None = None

    async def __call__(self, value: str = "ok") -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return value


@pytest.fixture
def remote() -> Callee:
    return Callee()


async def seen(call: Callable[[], Awaitable[Any]]) -> str:
    """How a call ends, in one word."""
    try:
        return str(await call())
    except (circuitbreaker.CircuitBreakerError, TheirOpenedState, CircuitBreakerOpenError):
        return "open"
    except Exception as error:  # noqa: BLE001 - its name is the answer
        return type(error).__name__


# --- purgatory ---


@pytest.fixture
def factories(manager: CircuitBreakerManager) -> dict[str, Callable[..., Any]]:
    def ours(*args: Any, **options: Any) -> Any:
        return our_purgatory.AsyncCircuitBreakerFactory(*args, **options, manager=manager)

    return {"theirs": purgatory.AsyncCircuitBreakerFactory, "ours": ours}


Factories = dict[str, Callable[..., Any]]


async def through(factory: Any, callee: Callee, *args: Any, **options: Any) -> str:
    async def call() -> str:
        async with await factory.get_breaker("billing", *args, **options):
            return await callee()

    return await seen(call)


@pytest.mark.parametrize("whose", BOTH)
async def test_purgatory_opens_at_its_threshold(
    factories: Factories, remote: Callee, whose: str
) -> None:
    factory = factories[whose](3, 60)
    await factory.initialize()
    told = []
    for error in (Boom, Boom, None, Boom, Boom, Boom, Boom):
        remote.error = error
        told.append(await through(factory, remote))
    assert told == ["Boom", "Boom", "ok", "Boom", "Boom", "Boom", "open"]
    assert remote.calls == 6


@pytest.mark.parametrize("whose", BOTH)
async def test_purgatory_closes_after_one_success(
    factories: Factories, remote: Callee, whose: str
) -> None:
    factory = factories[whose](1, 0.05)
    remote.error = Boom
    assert await through(factory, remote) == "Boom"

    async def admitted() -> str:
        async with await factory.get_breaker("billing"):
            return await remote()

    refused = (TheirOpenedState, CircuitBreakerOpenError)
    with pytest.raises(Boom):  # the trial fails, so it is open again
        await once_admitted(admitted, refused=refused)
    remote.error = None
    assert await once_admitted(admitted, refused=refused) == "ok"
    remote.error = Boom
    # Closed: a call is let through.
    before = remote.calls
    with suppress(Boom):
        await once_admitted(admitted, refused=refused)
    assert remote.calls == before + 1


@pytest.mark.parametrize("whose", BOTH)
async def test_purgatory_excludes_exceptions(
    factories: Factories, remote: Callee, whose: str
) -> None:
    exclude = [KeyError, (ValueError, lambda error: "harmless" in str(error))]
    factory = factories[whose](2, 60, exclude=exclude)

    class HarmlessError(ValueError):
        def __str__(self) -> str:
            return "harmless"

    told = []
    for error in (Boom, KeyError, Boom, HarmlessError, Boom, ValueError, Boom):
        remote.error = error
        told.append(await through(factory, remote))
    assert told == ["Boom", "KeyError", "Boom", "HarmlessError", "Boom", "ValueError", "open"]


@pytest.mark.parametrize("whose", BOTH)
async def test_purgatory_takes_a_threshold_and_exclusions_of_one_circuit(
    factories: Factories, remote: Callee, whose: str
) -> None:
    factory = factories[whose]()
    remote.error = KeyError
    told = [await through(factory, remote, 1, exclude=[KeyError]) for _ in range(2)]
    remote.error = Boom
    told += [await through(factory, remote, 1, exclude=[KeyError]) for _ in range(2)]
    assert told == ["KeyError", "KeyError", "Boom", "open"]


@pytest.mark.parametrize("whose", BOTH)
async def test_purgatory_decorates(factories: Factories, remote: Callee, whose: str) -> None:
    factory = factories[whose]()

    @factory("billing", threshold=1)
    async def fetch(value: str) -> str:
        """Fetches."""
        return await remote(value)

    assert fetch.__doc__ == "Fetches."
    assert await fetch("bill") == "bill"
    remote.error = Boom
    assert [await seen(lambda: fetch("bill")) for _ in range(2)] == ["Boom", "open"]


async def test_purgatorys_error_names_the_circuit(factories: Factories, remote: Callee) -> None:
    remote.error = Boom
    errors = []
    for whose in BOTH:
        factory = factories[whose](1)
        await through(factory, remote)
        with pytest.raises((TheirOpenedState, our_purgatory.OpenedState)) as opened:
            async with await factory.get_breaker("billing"):
                pass
        errors.append(opened.value.circuit_name)
    assert errors == ["billing", "billing"]


async def test_blocks_of_purgatory_may_overlap(
    manager: CircuitBreakerManager, factories: Factories
) -> None:
    breaker = await factories["ours"]().get_breaker("billing")
    entered = asyncio.Event()

    async def first() -> None:
        async with breaker:
            entered.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(first())
    await entered.wait()
    async with breaker, breaker:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    found = sorted(await ends(manager, "billing"))
    assert found == [("ABANDONED", ""), ("SUCCESS", ""), ("SUCCESS", "")]


# --- circuitbreaker ---


@pytest.fixture
def circuits(manager: CircuitBreakerManager) -> Iterator[dict[str, Any]]:
    our_circuitbreaker.use(manager)
    yield {"theirs": circuitbreaker.circuit, "ours": our_circuitbreaker.circuit}
    our_circuitbreaker.use(None)


Circuits = dict[str, Any]


@pytest.mark.parametrize("whose", BOTH)
async def test_circuitbreaker_opens_at_its_threshold(
    circuits: Circuits, remote: Callee, whose: str
) -> None:
    @circuits[whose](failure_threshold=3, recovery_timeout=60)
    async def fetch() -> str:
        """Fetches."""
        return await remote()

    assert fetch.__doc__ == "Fetches."
    told = []
    for error in (Boom, Boom, None, Boom, Boom, Boom, Boom):
        remote.error = error
        told.append(await seen(fetch))
    assert told == ["Boom", "Boom", "ok", "Boom", "Boom", "Boom", "open"]


@pytest.mark.parametrize("whose", BOTH)
async def test_circuitbreaker_has_defaults(circuits: Circuits, remote: Callee, whose: str) -> None:
    @circuits[whose]
    async def fetch() -> str:
        return await remote()

    remote.error = Boom
    assert [await seen(fetch) for _ in range(6)] == ["Boom"] * 5 + ["open"]


@pytest.mark.parametrize("whose", BOTH)
@pytest.mark.parametrize(
    "expected",
    [Boom, [Boom, OSError], lambda kind, error: issubclass(kind, Boom)],
    ids=["type", "several", "function"],
)
async def test_circuitbreaker_counts_what_is_expected(
    circuits: Circuits, remote: Callee, whose: str, expected: Any
) -> None:
    @circuits[whose](failure_threshold=2, expected_exception=expected)
    async def fetch() -> str:
        return await remote()

    told = []
    for error in (KeyError, KeyError, Boom, KeyError, Boom, Boom, Boom):
        remote.error = error
        told.append(await seen(fetch))
    # What is not expected is a success, so the streak begins anew.
    assert told == ["KeyError", "KeyError", "Boom", "KeyError", "Boom", "Boom", "open"]


@pytest.mark.parametrize("whose", BOTH)
async def test_circuitbreaker_falls_back(circuits: Circuits, remote: Callee, whose: str) -> None:
    async def instead(value: str) -> str:
        return f"instead of {value}"

    @circuits[whose](failure_threshold=1, fallback_function=instead)
    async def fetch(value: str) -> str:
        return await remote(value)

    remote.error = Boom
    assert [await seen(lambda: fetch("x")) for _ in range(2)] == ["Boom", "instead of x"]


@pytest.mark.parametrize("whose", BOTH)
async def test_circuitbreaker_guards_generators(circuits: Circuits, whose: str) -> None:
    async def instead(fails: bool) -> AsyncIterator[str]:
        yield f"instead of {fails}"

    @circuits[whose](failure_threshold=1, fallback_function=instead)
    async def parts(fails: bool) -> AsyncIterator[str]:
        yield "one"
        if fails:
            raise Boom
        yield "two"

    async def all_of(fails: bool) -> list[str]:
        return [part async for part in parts(fails)]

    assert await all_of(False) == ["one", "two"]
    with pytest.raises(Boom):
        await all_of(True)
    assert await all_of(True) == ["instead of True"]


@pytest.mark.parametrize("whose", BOTH)
async def test_circuitbreaker_tries_once_more_later(
    circuits: Circuits, remote: Callee, whose: str
) -> None:
    @circuits[whose](failure_threshold=1, recovery_timeout=0.05)
    async def fetch() -> str:
        return await remote()

    refused = (circuitbreaker.CircuitBreakerError, CircuitBreakerOpenError)
    remote.error = Boom
    assert await seen(fetch) == "Boom"
    remote.error = None
    assert await once_admitted(fetch, refused=refused) == "ok"


async def test_circuits_are_named_for_module_and_function(
    circuits: Circuits, manager: CircuitBreakerManager
) -> None:
    @circuits["ours"](name="billing")
    async def named() -> None:
        pass

    @circuits["ours"]
    async def fetch() -> None:
        pass

    await named()
    await fetch()
    test = "test_circuits_are_named_for_module_and_function"
    assert set(manager.breakers) == {"billing", f"{__name__}.{test}.<locals>.fetch"}


def test_functions_that_block_are_refused() -> None:
    with pytest.raises(TypeError, match="no breakers for functions that block"):

        @our_circuitbreaker.circuit
        def fetch() -> None:
            pass


async def test_without_a_manager_a_call_says_what_is_missing() -> None:
    @our_circuitbreaker.circuit(name="billing")
    async def fetch() -> None:
        pass

    with pytest.raises(RuntimeError, match=r"no manager for the circuit 'billing'.*use\(manager\)"):
        await fetch()
