"""Redis's clock as a process estimates it."""

import pytest

from fuseline.events import clock as clock_module
from fuseline.events.clock import ServerClock
from tests.logbook import open_backend

SERVER_MS = 1_700_000_000_000


def test_the_first_sample_sets_the_clock() -> None:
    clock = ServerClock()
    clock.learn(SERVER_MS, 100.0, 100.002)
    assert clock.at_ms(100.001) == SERVER_MS
    assert clock.monotonic(SERVER_MS) == pytest.approx(100.001, abs=0.001)


def test_the_sample_with_the_shortest_round_trip_counts() -> None:
    clock = ServerClock()
    clock.learn(SERVER_MS, 100.0, 100.002)
    before = clock.offset_ms
    clock.learn(SERVER_MS + 1000 + 90, 101.0, 101.2)  # slow, and the reply took all of it
    assert clock.offset_ms == before
    clock.learn(SERVER_MS + 2000, 102.0, 102.0005)
    assert abs(clock.offset_ms - before) < 2


def test_a_jump_of_the_server_s_clock_is_taken_over_at_once() -> None:
    clock = ServerClock()
    clock.learn(SERVER_MS, 100.0, 100.001)
    clock.learn(SERVER_MS - 10_000, 101.0, 101.01)
    assert clock.at_ms(101.005) == pytest.approx(SERVER_MS - 10_000, abs=2)


def test_a_late_reply_is_not_taken_for_a_jump() -> None:
    clock = ServerClock()
    clock.learn(SERVER_MS, 100.0, 100.001)
    clock.learn(SERVER_MS + 1001, 101.0, 106.0)
    assert clock.at_ms(106.0) == pytest.approx(SERVER_MS + 6000, abs=3)


def test_an_old_sample_gives_way_to_a_slower_new_one() -> None:
    clock = ServerClock()
    clock.learn(SERVER_MS, 100.0, 100.0001)
    clock.learn(SERVER_MS + 61_005, 161.0, 161.01)  # drifted by 5 ms or so
    assert clock.at_ms(161.005) == pytest.approx(SERVER_MS + 61_005, abs=1)


async def test_the_wall_clock_of_the_process_is_not_read(
    redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        monkeypatch.setattr("time.time", lambda: 0.0)
        now_ms = await backend.learn_time()
        assert abs(backend.clock.now_ms() - now_ms) < 50
    assert not hasattr(clock_module, "time")


async def test_the_estimate_is_within_a_few_ms_of_the_server(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        for _ in range(50):
            await backend.learn_time()
        errors = []
        for _ in range(200):
            before = backend.clock.now_ms()
            seconds, micros = await backend.wire.call("TIME")
            server_ms = int(seconds) * 1000 + int(micros) / 1000
            after = backend.clock.now_ms()
            errors.append(max(before - server_ms, server_ms - after - 1, 0))
        assert sorted(errors)[180] < 3
