"""No secret leaves by an error, a log line or a repr."""

import asyncio
import logging
import traceback
from functools import partial

import pytest

from fuseline.api.access.errors import AccessError, TooManyAttemptsError
from fuseline.core.errors import BackendError
from tests.api.access.support import CLIENT, ORIGIN, Door, cookies_of, open_door, wrong_secret
from tests.servers import RealServer


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + str(error.args)


async def test_errors_logs_and_reprs_tell_no_secrets(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await door.token()
    opened = await door.log_in(made.text)
    bad = wrong_secret(made.text)
    (cookie,) = cookies_of(opened).values()
    texts = [repr(made), repr(opened), repr(await door.ask(made.text))]
    texts.append(repr(await door.access.tokens.find(made.token.id)))
    texts += map(repr, await door.access.tokens.list())
    attempts = [
        partial(door.ask, bad),
        partial(door.ask, f"fl_{'a' * 12}_{made.text[-43:]}"),
        partial(door.ask, made.text + "x"),
        partial(door.log_in, bad),
        partial(door.log_in, made.text, origin="https://evil.example"),
        partial(door.ask, authorization=f"Basic {made.text}"),
        partial(door.ask, cookies={"fuseline_session": cookie + "x"}),
        partial(door.ask, method="POST", cookies=cookies_of(opened), origin=ORIGIN),
        partial(
            door.ask, method="POST", cookies=cookies_of(opened), origin=ORIGIN, x_csrf_token="x"
        ),
    ]
    for attempt in attempts:
        with pytest.raises(AccessError) as caught:
            await attempt()
        texts.append(told(caught.value))
    answers = await asyncio.gather(*(door.ask(bad) for _ in range(20)), return_exceptions=True)
    assert any(isinstance(answer, TooManyAttemptsError) for answer in answers)
    texts += [told(answer) for answer in answers if isinstance(answer, BaseException)]
    await door.access.tokens.revoke(made.token.id)
    with pytest.raises(AccessError) as revoked:
        await door.ask(made.text)
    texts += (told(revoked.value), caplog.text)
    secrets = [made.text[-43:-1], cookie, opened.csrf_token, "$argon2"]
    assert [s for s in secrets if any(s in text for text in texts)] == []


async def test_a_server_that_fails_tells_no_secrets(
    fresh_server: RealServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_door(fresh_server.url, "ns") as door:
        made = await door.token()
        opened = await door.log_in(made.text)
        (cookie,) = cookies_of(opened).values()
        counter = door.backend.keys.access.attempts_prefix + CLIENT
        await door.backend.wire.call("RPUSH", counter, "x")
        errors: list[BaseException] = []
        with pytest.raises(BackendError) as broken:
            await door.ask(wrong_secret(made.text))
        errors.append(broken.value)
        await door.backend.wire.call("DEL", door.backend.keys.access.tokens)
        await door.backend.wire.call("SET", door.backend.keys.access.tokens, "x")
        with pytest.raises(BackendError) as wrong_type:
            await door.ask(made.text)
        errors.append(wrong_type.value)
        fresh_server.kill()
        for attempt in (
            partial(door.ask, made.text),
            partial(door.ask, cookies=cookies_of(opened)),
        ):
            with pytest.raises(BackendError) as away:
                await attempt()
            errors.append(away.value)
        texts = [*map(told, errors), caplog.text]
        secrets = [made.text[-43:-1], cookie, opened.csrf_token, "$argon2"]
        assert [s for s in secrets if any(s in text for text in texts)] == []
