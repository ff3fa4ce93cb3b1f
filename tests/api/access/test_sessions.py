"""Sessions: a cookie that is as good as the token it was opened with, and no better."""

import hashlib
from http.cookies import SimpleCookie

import msgspec
import pytest

from fuseline.api.access.errors import CsrfError, NotAuthenticatedError
from fuseline.api.access.roles import Role
from fuseline.api.access.sessions import MAX_LIFE_MS, Session
from tests.api.access.support import CLIENT, HOST, ORIGIN, Door, cookies_of, open_door
from tests.waiting import eventually

HOUR_MS = 3_600_000


async def over(door: Door, cookies: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticatedError):
        await door.ask(cookies=cookies)


async def keys_of(door: Door) -> list[str]:
    found = await door.backend.wire.call("KEYS", f"{door.backend.keys.access.session_prefix}*")
    return [key.decode() for key in found]


async def test_a_session_is_its_token(door: Door) -> None:
    made = await door.token(Role.OPERATOR)
    opened = await door.log_in(made.text)
    caller = await door.ask(cookies=cookies_of(opened))
    assert caller == opened.caller
    assert (caller.role, caller.kind, caller.token_id) == (
        Role.OPERATOR, "session", made.token.id,
    )  # fmt: skip
    assert caller.actor == "session:test-operator"


async def test_redis_holds_only_the_sha256_of_the_cookie(door: Door) -> None:
    opened = await door.log_in((await door.token()).text)
    (secret,) = cookies_of(opened).values()
    (key,) = await keys_of(door)
    assert key.endswith(hashlib.sha256(secret.encode()).hexdigest())
    assert secret.encode() not in await door.backend.wire.call("GET", key)
    assert len(secret) == 43


async def test_the_cookie_is_for_this_site_and_not_for_scripts(door: Door) -> None:
    opened = await door.log_in((await door.token()).text)
    ((name, morsel),) = SimpleCookie(opened.set_cookie).items()
    assert name == "fuseline_session"
    assert morsel["httponly"] is True
    assert (morsel["samesite"], morsel["path"], morsel["domain"]) == ("Strict", "/", "")
    assert not morsel["secure"]


@pytest.mark.parametrize(
    "settings", [{"public_url": "https://fuse.example"}, {"trusted_proxies": [f"{CLIENT}/32"]}]
)
async def test_behind_https_the_cookie_is_secure_and_bound_to_the_host(
    redis_url: str, namespace: str, settings: dict[str, object]
) -> None:
    async with open_door(redis_url, namespace, **settings) as door:
        headers = {"x_forwarded_proto": "https"}
        opened = await door.log_in((await door.token()).text, **headers)
        ((name, morsel),) = SimpleCookie(opened.set_cookie).items()
        assert name == "__Host-fuseline_session"
        assert morsel["secure"] is True
        assert await door.ask(cookies=cookies_of(opened), **headers)
        # The plain name could have been planted by a neighbour.
        with pytest.raises(NotAuthenticatedError):
            await door.ask(cookies={"fuseline_session": morsel.value}, **headers)


async def test_a_stranger_cannot_claim_https(door: Door) -> None:
    opened = await door.log_in((await door.token()).text, x_forwarded_proto="https")
    assert "Secure" not in opened.set_cookie


async def test_signing_in_again_makes_a_new_session_and_ends_the_old_one(door: Door) -> None:
    made = await door.token()
    first = cookies_of(await door.log_in(made.text))
    second = cookies_of(await door.log_in(made.text, cookies=first))
    assert first != second
    await over(door, first)
    assert await door.ask(cookies=second)


async def test_a_planted_cookie_does_not_become_a_session(door: Door) -> None:
    planted = {"fuseline_session": "x" * 43}
    opened = await door.log_in((await door.token()).text, cookies=planted)
    assert cookies_of(opened) != planted
    await over(door, planted)


async def test_signing_out_ends_the_session_and_takes_the_cookie(door: Door) -> None:
    cookies = cookies_of(await door.log_in((await door.token()).text))
    header = await door.access.log_out(headers={}, cookies=cookies, client_address=CLIENT)
    assert header.startswith("fuseline_session=; Path=/; Max-Age=0; HttpOnly")
    await over(door, cookies)
    assert await keys_of(door) == []


async def test_a_session_dies_with_its_token(door: Door, redis_url: str, namespace: str) -> None:
    made = await door.token()
    cookies = cookies_of(await door.log_in(made.text))
    async with open_door(redis_url, namespace) as other:
        assert await other.ask(cookies=cookies)
        await other.access.tokens.revoke(made.token.id)
    await over(door, cookies)
    assert await keys_of(door) == []


async def test_a_session_ends_when_its_token_expires(door: Door) -> None:
    made = await door.token(life_ms=400)
    opened = await door.log_in(made.text)
    (key,) = await keys_of(door)
    assert await door.backend.wire.call("PTTL", key) <= 400

    async def ended() -> bool:
        try:
            await door.ask(cookies=cookies_of(opened))
        except NotAuthenticatedError:
            return True
        return False

    await eventually(ended)


async def test_all_sessions_of_a_token_end_together_and_no_others(door: Door) -> None:
    made, other = await door.token(), await door.token()
    ended = [cookies_of(await door.log_in(made.text)) for _ in range(3)]
    kept = cookies_of(await door.log_in(other.text))
    await door.access.tokens.end_sessions(made.token.id)
    for cookies in ended:
        await over(door, cookies)
    assert await door.ask(cookies=kept)
    assert await door.ask(made.text)
    assert await door.ask(cookies=cookies_of(await door.log_in(made.text)))


async def test_a_session_lasts_as_long_as_it_is_used_up_to_a_cap(door: Door) -> None:
    cookies = cookies_of(await door.log_in((await door.token()).text))
    (key,) = await keys_of(door)
    call = door.backend.wire.call

    async def left() -> int:
        return int(await call("PTTL", key))

    assert 11.9 * HOUR_MS < await left() <= 12 * HOUR_MS
    await call("PEXPIRE", key, 11 * HOUR_MS)
    await door.ask(cookies=cookies)
    assert await left() <= 11 * HOUR_MS, "used again soon: left as it is"
    await call("PEXPIRE", key, HOUR_MS)
    await door.ask(cookies=cookies)
    assert await left() > 11.9 * HOUR_MS
    # Opened almost seven days ago: two hours are left, however much it is used.
    session = msgspec.msgpack.decode(await call("GET", key), type=Session)
    now_ms = await door.backend.learn_time()
    old = msgspec.structs.replace(session, opened_ms=now_ms - MAX_LIFE_MS + 2 * HOUR_MS)
    await call("SET", key, msgspec.msgpack.encode(old), "PX", HOUR_MS)
    await door.ask(cookies=cookies)
    assert 1.9 * HOUR_MS < await left() <= 2 * HOUR_MS
    over_age = msgspec.structs.replace(session, opened_ms=now_ms - MAX_LIFE_MS)
    await call("SET", key, msgspec.msgpack.encode(over_age), "PX", HOUR_MS)
    await over(door, cookies)


async def test_an_unused_session_ends(redis_url: str, namespace: str) -> None:
    async with open_door(redis_url, namespace, session_hours=0.5) as door:
        cookies = cookies_of(await door.log_in((await door.token()).text))
        (key,) = await keys_of(door)
        assert 0 < await door.backend.wire.call("PTTL", key) <= HOUR_MS / 2
        await door.backend.wire.call("PEXPIRE", key, 1)
        await eventually(lambda: _gone(door, key))
        await over(door, cookies)


async def _gone(door: Door, key: str) -> bool:
    return bool(await door.backend.wire.call("EXISTS", key) == 0)


@pytest.mark.parametrize("secret", ["", "x", "é", "\ud800", "*", "a" * 100_000])
async def test_a_cookie_that_is_no_session_is_refused(door: Door, secret: str) -> None:
    await over(door, {"fuseline_session": secret})


@pytest.mark.parametrize("raw", [b"", b"\xc1", b"\x80"])
async def test_a_session_that_cannot_be_read_lets_nobody_in(door: Door, raw: bytes) -> None:
    cookies = cookies_of(await door.log_in((await door.token()).text))
    (key,) = await keys_of(door)
    await door.backend.wire.call("SET", key, raw)
    await over(door, cookies)


async def test_stale_cookies_do_not_count_as_attempts(door: Door) -> None:
    for _ in range(30):
        await over(door, {"fuseline_session": "x" * 43})
    assert await door.log_in((await door.token()).text)


async def test_a_reloaded_page_gets_its_csrf_token_again(door: Door) -> None:
    opened = await door.log_in((await door.token()).text)

    async def csrf(cookies: dict[str, str]) -> str | None:
        return await door.access.csrf_token(headers={}, cookies=cookies, client_address=CLIENT)

    assert await csrf(cookies_of(opened)) == opened.csrf_token
    assert await csrf({}) is None
    assert await csrf({"fuseline_session": "x"}) is None


async def test_a_session_changes_things_with_its_csrf_token_from_its_own_page(door: Door) -> None:
    opened = await door.log_in((await door.token()).text)
    cookies = cookies_of(opened)
    for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "post", "BREW"):
        caller = await door.ask(
            method=method, cookies=cookies, origin=ORIGIN, x_csrf_token=opened.csrf_token
        )
        assert caller == opened.caller
    for method in ("GET", "HEAD", "OPTIONS"):
        await door.ask(method=method, cookies=cookies)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ORIGIN},
        {"x_csrf_token": "right"},
        {"origin": ORIGIN, "x_csrf_token": "wrong"},
        {"origin": ORIGIN, "x_csrf_token": ""},
        {"origin": ORIGIN, "x_csrf_token": "é"},
        {"origin": "https://evil.example", "x_csrf_token": "right"},
        {"origin": "null", "x_csrf_token": "right"},
        {"sec_fetch_site": "cross-site", "x_csrf_token": "right"},
        {"sec_fetch_site": "same-site", "origin": ORIGIN, "x_csrf_token": "right"},
        {"sec_fetch_site": "same-origin", "origin": "https://a.example", "x_csrf_token": "right"},
    ],
    ids=repr,
)
async def test_a_session_changes_nothing_for_another_page(
    door: Door, headers: dict[str, str]
) -> None:
    opened = await door.log_in((await door.token()).text)
    headers = {n: opened.csrf_token if v == "right" else v for n, v in headers.items()}
    for method in ("POST", "PUT", "PATCH", "DELETE", "post"):
        with pytest.raises(CsrfError):
            await door.ask(method=method, cookies=cookies_of(opened), **headers)


async def test_the_csrf_token_of_another_session_does_not_fit(door: Door) -> None:
    made = await door.token()
    one, other = await door.log_in(made.text), await door.log_in(made.text)
    assert one.csrf_token != other.csrf_token
    with pytest.raises(CsrfError):
        await door.ask(
            method="POST", cookies=cookies_of(one), origin=ORIGIN, x_csrf_token=other.csrf_token
        )


async def test_a_token_needs_no_csrf_token(door: Door) -> None:
    made = await door.token()
    for origin in ({}, {"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        assert await door.ask(made.text, method="DELETE", **origin)


async def test_a_token_beside_a_cookie_is_what_counts(door: Door) -> None:
    viewer, admin = await door.token(Role.VIEWER), await door.token(Role.ADMIN)
    cookies = cookies_of(await door.log_in(admin.text))
    assert (await door.ask(viewer.text, cookies=cookies)).role is Role.VIEWER
    with pytest.raises(NotAuthenticatedError):
        await door.ask("fl_bad", cookies=cookies)


async def test_another_site_cannot_sign_its_visitor_in(door: Door) -> None:
    made = await door.token()
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "cross-site"}):
        with pytest.raises(CsrfError):
            await door.log_in(made.text, **headers)
    assert await door.log_in(made.text, origin=ORIGIN, sec_fetch_site="same-origin")
    assert HOST in ORIGIN
