"""Failed attempts: counted in Redis for all processes, and who pays for them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from fuseline.api.access.addresses import client_of, group_of, is_trusted
from fuseline.api.access.attempts import Limits
from fuseline.api.access.errors import NotAuthenticatedError, TooManyAttemptsError
from fuseline.api.access.requests import plain_headers
from fuseline.api.access.settings import ApiSettings
from tests.api.access.support import Door, open_door, wrong_secret
from tests.waiting import eventually

LIMITS = Limits(per_client=3, guesses=5, window_seconds=30.0)
UNKNOWN = f"fl_{'a' * 12}_{'b' * 43}"


@pytest.fixture
async def strict(redis_url: str, namespace: str) -> AsyncIterator[Door]:
    async with open_door(redis_url, namespace, limits=LIMITS) as opened:
        yield opened


async def refused(door: Door, token: str, client: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        await door.ask(token, client=client)


async def stopped(door: Door, token: str, client: str) -> int:
    with pytest.raises(TooManyAttemptsError, match="try again in") as caught:
        await door.ask(token, client=client)
    return caught.value.retry_after_seconds


@pytest.mark.parametrize("kind", ["unknown", "wrong", "malformed"])
async def test_an_address_may_fail_a_few_times(strict: Door, kind: str) -> None:
    made = await strict.token()
    bad = {"unknown": UNKNOWN, "wrong": wrong_secret(made.text), "malformed": "x"}[kind]
    for _ in range(3):
        await refused(strict, bad, "192.0.2.1")
    hashed = strict.access.secrets_checked
    assert 1 <= await stopped(strict, bad, "192.0.2.1") <= 30
    assert strict.access.secrets_checked == hashed, "nothing is hashed any more"
    await stopped(strict, made.text, "192.0.2.1")
    await refused(strict, bad, "192.0.2.2")
    assert await strict.ask(made.text, client="192.0.2.3")


async def test_all_processes_count_together(strict: Door, redis_url: str, namespace: str) -> None:
    async with open_door(redis_url, namespace, limits=LIMITS) as other:
        for door in (strict, other, strict):
            await refused(door, UNKNOWN, "192.0.2.1")
        await stopped(other, UNKNOWN, "192.0.2.1")
        await stopped(strict, UNKNOWN, "192.0.2.1")


async def test_signing_in_is_limited_like_tokens(strict: Door) -> None:
    made = await strict.token()
    for _ in range(3):
        with pytest.raises(NotAuthenticatedError):
            await strict.log_in(wrong_secret(made.text))
    with pytest.raises(TooManyAttemptsError):
        await strict.log_in(made.text)


async def test_who_was_known_before_is_not_kept_out(strict: Door) -> None:
    made = await strict.token()
    await strict.ask(made.text, client="192.0.2.1")
    for _ in range(3):
        await refused(strict, UNKNOWN, "192.0.2.1")
    await stopped(strict, UNKNOWN, "192.0.2.1")
    assert await strict.ask(made.text, client="192.0.2.1")


async def test_guesses_at_a_token_from_many_addresses_are_limited(strict: Door) -> None:
    made = await strict.token()
    for n in range(5):
        await refused(strict, wrong_secret(made.text), f"192.0.2.{n}")
    await stopped(strict, wrong_secret(made.text), "192.0.2.200")


async def test_whoever_knows_no_token_cannot_keep_others_out(strict: Door) -> None:
    made = await strict.token()
    for n in range(50):
        await refused(strict, UNKNOWN, f"192.0.2.{n}")
    assert await strict.ask(made.text, client="198.51.100.1")


async def test_a_program_left_with_a_revoked_token_keeps_nobody_out(strict: Door) -> None:
    made, other = await strict.token(), await strict.token()
    await strict.access.tokens.revoke(made.token.id)
    for _ in range(20):
        await refused(strict, made.text, "192.0.2.1")
    assert await strict.ask(other.text, client="192.0.2.1")


async def test_guesses_sent_all_at_once_do_not_slip_by(strict: Door) -> None:
    made = await strict.token()
    guesses = [made.text[:-2] + f"{n:02d}" for n in range(30)]
    asked = (strict.ask(guess, client="192.0.2.1") for guess in guesses)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(a, NotAuthenticatedError | TooManyAttemptsError) for a in answers)
    # The limit, and what was being hashed when it was reached.
    assert strict.access.secrets_checked <= LIMITS.per_client + 2


async def test_a_window_ends(redis_url: str, namespace: str) -> None:
    limits = Limits(per_client=1, window_seconds=0.3)
    async with open_door(redis_url, namespace, limits=limits) as door:
        made = await door.token()
        await refused(door, UNKNOWN, "192.0.2.1")
        assert await stopped(door, UNKNOWN, "192.0.2.1") == 1

        async def let_in() -> bool:
            try:
                return bool(await door.ask(made.text, client="192.0.2.1"))
            except TooManyAttemptsError:
                return False

        await eventually(let_in)


async def test_a_window_without_an_end_gets_one(strict: Door) -> None:
    key = f"{strict.backend.keys.access.attempts_prefix}192.0.2.1"
    await strict.backend.wire.call("SET", key, 3)
    assert await stopped(strict, UNKNOWN, "192.0.2.1") >= 1
    assert 0 < await strict.backend.wire.call("PTTL", key) <= 30_000
    await strict.backend.wire.call("SET", key, 3)
    await stopped(strict, (await strict.token()).text, "192.0.2.1")
    assert 0 < await strict.backend.wire.call("PTTL", key) <= 30_000


PROXIES = ApiSettings(trusted_proxies=["10.0.0.0/8", "fd00::/8", "127.0.0.1"]).proxies


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", None, "198.51.100.7"),
        ("198.51.100.7", "1.2.3.4", "198.51.100.7"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "9.9.9.9, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        ("10.0.0.1", "[2001:db8::1]:5678", "2001:db8::1"),
        ("fd00::1", "2001:db8::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("127.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("", "1.2.3.4", "unknown"),
        (None, "1.2.3.4", "unknown"),
        ("unix", None, "unknown"),
    ],
)
def test_the_client_is_the_last_one_that_a_trusted_proxy_saw(
    peer: str | None, forwarded: str | None, client: str
) -> None:
    assert client_of(peer, forwarded, PROXIES) == client


def test_without_trusted_proxies_no_header_counts() -> None:
    assert client_of("10.0.0.1", "1.2.3.4", ()) == "10.0.0.1"
    assert not is_trusted("10.0.0.1", ())
    assert is_trusted("10.0.0.1", PROXIES)


def test_one_house_is_one_client() -> None:
    assert group_of("2001:db8:1:2:3:4:5:6") == group_of("2001:db8:1:2::9")
    assert group_of("2001:db8:1:2::1") != group_of("2001:db8:1:3::1")
    assert group_of("192.0.2.1") != group_of("192.0.2.2")
    assert group_of("fe80::1%eth0") == group_of("fe80::2")
    assert group_of("}:x") == "unknown"


async def test_a_client_behind_a_trusted_proxy_pays_for_itself(
    redis_url: str, namespace: str
) -> None:
    trusted = {"trusted_proxies": ["10.0.0.1"]}
    async with open_door(redis_url, namespace, limits=LIMITS, **trusted) as door:
        made = await door.token()
        for _ in range(3):
            with pytest.raises(NotAuthenticatedError):
                await door.ask(UNKNOWN, client="10.0.0.1", x_forwarded_for="9.9.9.9, 192.0.2.1")
        with pytest.raises(TooManyAttemptsError):
            await door.ask(UNKNOWN, client="10.0.0.1", x_forwarded_for="8.8.8.8, 192.0.2.1")
        assert await door.ask(made.text, client="10.0.0.1", x_forwarded_for="192.0.2.2")


def test_lines_of_one_name_are_joined_in_their_order() -> None:
    raw = [(b"X-Forwarded-For", b"9.9.9.9"), (b"Host", b"a"), (b"x-forwarded-for", b"1.2.3.4")]
    headers = plain_headers(raw)
    assert headers == {"x-forwarded-for": "9.9.9.9, 1.2.3.4", "host": "a"}
    assert client_of("10.0.0.1", headers["x-forwarded-for"], PROXIES) == "1.2.3.4"
