"""Tokens: shown once, kept as a hash, checked at each request, hashed once."""

import asyncio
import re

import msgspec
import pytest

from fuseline.api.access.attempts import Limits
from fuseline.api.access.errors import NotAuthenticatedError, TooManyAttemptsError
from fuseline.api.access.hashing import Hashing
from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import MAX_LIFE_MS, TokenNotFoundError, TokenStore
from fuseline.core.errors import ConfigError
from fuseline.core.retention import DAY_MS, Retention
from tests.api.access.support import Door, open_door, wrong_secret
from tests.waiting import eventually

REFUSED = "the token is not valid, or no longer"


async def refused(door: Door, token: str) -> None:
    with pytest.raises(NotAuthenticatedError, match=REFUSED):
        await door.ask(token)


async def test_a_token_says_who_sends_a_request(door: Door) -> None:
    for role in Role:
        made = await door.token(role)
        caller = await door.ask(made.text)
        assert (caller.role, caller.kind, caller.token_id) == (role, "token", made.token.id)
        assert caller.actor == f"token:test-{role.value}"


async def test_redis_holds_an_argon2id_hash_and_no_secret(door: Door) -> None:
    made = await door.token()
    await door.ask(made.text)
    stored = b" ".join(await door.backend.wire.call("HGETALL", door.backend.keys.access.tokens))
    secret = made.text.split("_", 2)[2]
    assert len(secret) == 43
    assert secret.encode() not in stored
    assert b"$argon2id$v=19$m=19456,t=2,p=1$" in stored
    assert re.fullmatch(r"fl_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", made.text)


async def test_two_tokens_have_nothing_in_common(door: Door) -> None:
    one, other = await door.token(), await door.token()
    swapped = f"fl_{one.token.id}_{other.text.split('_', 2)[2]}"
    assert one.token.id != other.token.id
    await refused(door, swapped)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "fl_", "fl__", "fl_short_secret", "fl_" + "a" * 12 + "_" + "b" * 42,
        "fl_" + "A" * 12 + "_" + "b" * 43, "fl_" + "a" * 12 + "_" + "é" * 43,
        "fl_" + "a" * 12 + "_" + "b" * 43 + "\n", "fl_" + "a" * 100_000, "\x00", "\ud800",
    ],
    ids=repr,
)  # fmt: skip
async def test_what_is_no_token_is_refused_like_a_wrong_one(door: Door, text: str) -> None:
    if text.strip() == text:
        await refused(door, text)
    checked = door.access.secrets_checked
    with pytest.raises(NotAuthenticatedError, match=REFUSED):
        await door.access.log_in(text, headers={}, cookies={}, client_address="192.0.2.1")
    assert door.access.secrets_checked == checked


async def test_an_unknown_id_costs_no_hash_and_answers_as_a_wrong_secret(door: Door) -> None:
    made = await door.token()
    await refused(door, f"fl_{'a' * 12}_{'b' * 43}")
    assert door.access.secrets_checked == 0
    await refused(door, wrong_secret(made.text))
    assert door.access.secrets_checked == 1


async def test_other_schemes_than_bearer_are_refused(door: Door) -> None:
    made = await door.token()
    for value in (made.text, f"Basic {made.text}", f"Token {made.text}", "Bearer", ""):
        with pytest.raises(NotAuthenticatedError):
            await door.ask(authorization=value)
    assert await door.ask(authorization=f"bearer  {made.text} ")


async def test_no_credentials_are_refused_without_asking_redis(door: Door) -> None:
    sent = door.backend.commands_sent
    with pytest.raises(NotAuthenticatedError, match="Bearer"):
        await door.ask()
    assert door.backend.commands_sent == sent


async def test_a_good_token_is_hashed_once_and_then_costs_one_command(door: Door) -> None:
    made = await door.token()
    await door.ask(made.text)
    assert door.access.secrets_checked == 1
    sent = door.backend.commands_sent
    for _ in range(100):
        await door.ask(made.text)
    assert door.access.secrets_checked == 1
    # One HMGET each; Redis's time now and then.
    assert door.backend.commands_sent - sent <= 101


async def test_many_first_requests_with_one_token_make_one_hash(door: Door) -> None:
    made = await door.token()
    callers = await asyncio.gather(*(door.ask(made.text) for _ in range(100)))
    assert {caller.token_id for caller in callers} == {made.token.id}
    assert door.access.secrets_checked == 1


async def test_a_wrong_secret_is_refused_also_when_the_right_one_is_remembered(door: Door) -> None:
    made = await door.token()
    await door.ask(made.text)
    await refused(door, wrong_secret(made.text))
    await door.ask(made.text)


async def test_a_revoked_token_is_refused_at_once_in_every_process(
    door: Door, redis_url: str, namespace: str
) -> None:
    made = await door.token(Role.ADMIN)
    async with open_door(redis_url, namespace) as other:
        await door.ask(made.text)
        await other.ask(made.text)
        revoked = await other.access.tokens.revoke(made.token.id)
        assert revoked.revoked_ms is not None
        await refused(door, made.text)
        await refused(other, made.text)
        again = await door.access.tokens.revoke(made.token.id)
        assert again.revoked_ms == revoked.revoked_ms


async def test_a_revoked_token_makes_no_hash(door: Door) -> None:
    made = await door.token()
    await door.access.tokens.revoke(made.token.id)
    await refused(door, made.text)
    assert door.access.secrets_checked == 0


async def test_an_expired_token_is_refused_by_rediss_clock(door: Door) -> None:
    made = await door.token(life_ms=400)
    assert await door.ask(made.text)

    async def over() -> bool:
        try:
            await door.ask(made.text)
        except NotAuthenticatedError:
            return True
        return False

    await eventually(over)
    assert await door.backend.learn_time() >= (made.token.expires_ms or 0)


async def test_a_changed_role_acts_at_once(door: Door, redis_url: str, namespace: str) -> None:
    made = await door.token(Role.ADMIN)
    other = await door.token(Role.VIEWER)
    assert (await door.ask(made.text)).role is Role.ADMIN
    key = door.backend.keys.access.tokens
    # The record of a token with its role replaced, as a later release may do.
    record = await door.backend.wire.call("HGET", key, made.token.id)
    changed = record.replace(b"\xa5admin", b"\xa6viewer")
    assert changed != record
    await door.backend.wire.call("HSET", key, made.token.id, changed)
    assert (await door.ask(made.text)).role is Role.VIEWER
    assert (await door.ask(other.text)).role is Role.VIEWER


@pytest.mark.parametrize("record", [b"", b"\xc1", b"\x80", b"[]"])
async def test_a_record_that_cannot_be_read_lets_nobody_in(door: Door, record: bytes) -> None:
    made = await door.token()
    await door.ask(made.text)
    await door.backend.wire.call("HSET", door.backend.keys.access.tokens, made.token.id, record)
    await refused(door, made.text)
    assert await door.access.tokens.list() == []


async def test_another_hash_in_the_record_makes_the_remembered_secret_worthless(
    door: Door,
) -> None:
    made, other = await door.token(), await door.token()
    await door.ask(made.text)
    key = door.backend.keys.access.tokens
    await door.backend.wire.call(
        "HSET", key, made.token.id, await door.backend.wire.call("HGET", key, other.token.id)
    )
    await refused(door, made.text)


async def test_last_use_is_written_once_a_minute(door: Door) -> None:
    made = await door.token()
    (listed,) = await door.access.tokens.list()
    assert listed.last_used_ms is None
    await door.ask(made.text)
    (first,) = await door.access.tokens.list()
    assert first.last_used_ms is not None
    await door.ask(made.text)
    (second,) = await door.access.tokens.list()
    assert second.last_used_ms == first.last_used_ms
    key, past = door.backend.keys.access.tokens, first.last_used_ms - 60_000
    await door.backend.wire.call("HSET", key, f"{made.token.id}:used", past)
    await door.ask(made.text)
    (third,) = await door.access.tokens.list()
    assert (third.last_used_ms or 0) >= first.last_used_ms


async def test_the_list_shows_all_tokens_oldest_first(door: Door) -> None:
    assert not await door.access.tokens.any_valid()
    first, second = await door.token(Role.ADMIN), await door.token(life_ms=MAX_LIFE_MS)
    await door.access.tokens.revoke(first.token.id)
    listed = await door.access.tokens.list()
    assert {token.id for token in listed} == {first.token.id, second.token.id}
    assert [t.created_ms for t in listed] == sorted(t.created_ms for t in listed)
    by_id = {token.id: token for token in listed}
    assert by_id[second.token.id] == second.token
    assert by_id[first.token.id].revoked_ms is not None
    assert await door.access.tokens.any_valid()
    await door.access.tokens.revoke(second.token.id)
    assert not await door.access.tokens.any_valid()


@pytest.mark.parametrize("token_id", ["", "x", "a" * 12, "a" * 13, "*", "a:revoked", "é" * 12])
async def test_a_token_that_is_not_there_cannot_be_revoked(door: Door, token_id: str) -> None:
    with pytest.raises(TokenNotFoundError, match="fuseline tokens list"):
        await door.access.tokens.revoke(token_id)
    assert await door.backend.wire.call("EXISTS", door.backend.keys.access.tokens) == 0


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "x" * 201])
async def test_a_name_that_may_not_stand_in_the_history_is_refused(door: Door, name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        await TokenStore(door.backend).create(name, Role.VIEWER, life_ms=None, created_by="t")


@pytest.mark.parametrize("life_ms", [0, -1, MAX_LIFE_MS + 1])
async def test_a_life_that_is_not_allowed_is_refused(door: Door, life_ms: int) -> None:
    with pytest.raises(ConfigError, match="expires"):
        await door.token(life_ms=life_ms)


async def test_at_most_two_hashes_run_at_once_and_few_wait() -> None:
    hashing = Hashing()
    running = most = refusals = 0
    release = asyncio.Event()

    async def guess() -> None:
        nonlocal running, most, refusals
        try:
            async with hashing.turn():
                running += 1
                most = max(most, running)
                await release.wait()
                running -= 1
        except TooManyAttemptsError as error:
            refusals += error.retry_after_seconds

    async with asyncio.TaskGroup() as tasks:
        for _ in range(100):
            tasks.create_task(guess())
        await eventually(lambda: refusals)
        assert running == most == 2
        release.set()
    assert most == 2
    assert refusals == 100 - 2 - 32


async def test_a_cancelled_request_leaves_room_for_the_next(door: Door) -> None:
    made = await door.token()
    for _ in range(20):
        asked = asyncio.create_task(door.ask(wrong_secret(made.text), client="192.0.2.77"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises((asyncio.CancelledError, NotAuthenticatedError, TooManyAttemptsError)):
            await asked
    assert (await door.ask(made.text)).token_id == made.token.id


async def test_the_event_loop_goes_on_while_secrets_are_hashed(
    redis_url: str, namespace: str
) -> None:
    async with open_door(redis_url, namespace, limits=Limits(per_client=1000)) as door:
        made = await door.token()
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counter = asyncio.create_task(count())
        guesses = [made.text[:-2] + f"{n:02d}" for n in range(20)]
        answers = await asyncio.gather(*map(door.ask, guesses), return_exceptions=True)
        counter.cancel()
        assert all(isinstance(a, NotAuthenticatedError) for a in answers)
        # Twenty turns would be the loop running only between hashes.
        assert turns > 200


async def test_tokens_that_were_over_for_long_go_when_another_is_made(door: Door) -> None:
    store = TokenStore(door.backend, retention=Retention(token_days=30))
    key, wire = door.backend.keys.access.tokens, door.backend.wire
    now_ms = await door.backend.learn_time()

    async def made(name: str, ended_days_ago: float | None, *, revoked: bool = False) -> str:
        """A token that ended so long ago, by either end."""
        token = (await store.create(name, Role.VIEWER, life_ms=None, created_by="me")).token
        if ended_days_ago is not None:
            at_ms = now_ms - int(ended_days_ago * DAY_MS)
            if revoked:
                await wire.call("HSET", key, f"{token.id}:revoked", at_ms)
            else:
                raw = msgspec.msgpack.decode(await wire.call("HGET", key, token.id))
                raw["expires_ms"] = at_ms
                await wire.call("HSET", key, token.id, msgspec.msgpack.encode(raw))
            await wire.call("HSET", key, f"{token.id}:used", 1, f"{token.id}:generation", 2)
        return token.id

    valid = [await made("for-ever", None), await made("to-come", -5)]
    young = [await made("young", 29), await made("revoked-lately", 29, revoked=True)]
    # In this order, because each that is made drops what is old by then.
    old = [await made("old", 31)]
    left = [token.id for token in await store.list()]
    assert set(left) == {*valid, *young, *old}
    last = await made("last", None)
    assert {token.id for token in await store.list()} == {*valid, *young, last}
    await made("old-too", 400, revoked=True)
    kept = TokenStore(door.backend, retention=Retention(token_days=0))
    await kept.create("x", Role.VIEWER, life_ms=None, created_by="me")
    assert len(await kept.list()) == 7  # for ever
    newest = await made("newest", None)
    names = {name.decode().partition(":")[0] for name in await wire.call("HKEYS", key)}
    assert names == {token.id for token in await store.list()}
    assert newest in names
    assert len(names) == 7
