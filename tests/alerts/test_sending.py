"""One attempt: signatures as the guide verifies them, secrets, addresses, Apprise."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from fuseline.alerts.documents import read_channel
from fuseline.alerts.model import Notice
from fuseline.alerts.sending import DeliveryError, Sender
from fuseline.alerts.signing import key_of, sign
from fuseline.bridge.outbound.policy import OutboundPolicy
from fuseline.bridge.secrets import SecretSource
from fuseline.schemas.alerts import AlertChannel
from tests.alerts.support import ENVIRON, Receiver, sender
from tests.waiting import eventually

GUIDE = Path(__file__).parents[2] / "docs" / "alerts.md"
NOTICE = Notice(id="n1", rule="", channel="ops", event="test", actor="jo")


def verify_of_guide() -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names["verify"]


def webhook(url: str, secret: str = "${env:HOOK_SECRET}", **values: Any) -> AlertChannel:
    to = {"kind": "webhook", "url": url, "secret": secret} | values
    return read_channel({"name": "ops", "to": to})


async def send(channel: AlertChannel, by: Sender | None = None) -> None:
    made = by or sender()
    try:
        await made.send(channel, NOTICE, [], None, int(time.time()))
    finally:
        await made.close()


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, the test of its libraries.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert (
        sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize("name", ["HOOK_SECRET", "PLAIN_SECRET"])
async def test_the_guides_receiver_takes_it_and_nothing_that_was_changed(
    receiver: Receiver, name: str
) -> None:
    await send(webhook(f"{receiver.url}/ok", f"${{env:{name}}}"))
    (request,) = await eventually(lambda: receiver.requests)
    verify, headers, body = verify_of_guide(), request["headers"], request["body"].encode()
    secret = ENVIRON[name]
    assert verify(secret, headers, body)
    assert not verify("another", headers, body)
    assert not verify(secret, headers, body + b" ")
    assert not verify(secret, headers | {"webhook-id": "n2"}, body)
    old = str(int(headers["webhook-timestamp"]) - 301)
    signature = sign(secret, "n1", int(old), body)
    aged = headers | {"webhook-timestamp": old, "webhook-signature": signature}
    assert not verify(secret, aged, body)


def test_a_secret_that_is_no_base64_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="no base64") as caught:
        key_of("whsec_§§")
    assert "§" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "secret", "words"),
    [
        ("{url}/status/503", "${env:HOOK_SECRET}", "the receiver answered 503"),
        ("{url}/status/302", "${env:HOOK_SECRET}", "the receiver answered 302"),
        ("{url}/slow/900", "${env:HOOK_SECRET}", "no answer within 0.2 s"),
        ("http://127.0.0.1:1/", "${env:HOOK_SECRET}", "the request failed: ConnectError"),
        ("{url}/ok", "${env:NOT_THERE}", "there is no such variable"),
        ("{url}/ok", "${env:FUSELINE_X}", "a variable that is not given away"),
        ("{url}/ok", "${file:/etc/hostname}", "a file outside of"),
        ("${env:BAD_URL}", "${env:HOOK_SECRET}", "secrets cannot be used"),
    ],
)
async def test_what_went_wrong_is_said_without_secrets(
    receiver: Receiver, url: str, secret: str, words: str
) -> None:
    channel = webhook(
        url.format(url=receiver.url) if "{url}" in url else url, secret, timeout_seconds=0.2
    )
    with pytest.raises(DeliveryError, match=re.escape(words)) as caught:
        await send(channel, sender(BAD_URL="ftp://s3cret@x"))
    assert not any(value in str(caught.value) for value in (*ENVIRON.values(), "s3cret"))


async def test_internal_addresses_need_to_be_allowed(receiver: Receiver) -> None:
    strict = Sender("t", SecretSource(ENVIRON), OutboundPolicy())
    with pytest.raises(DeliveryError, match="is a loopback address"):
        await send(webhook(f"{receiver.url}/ok"), strict)
    assert receiver.requests == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise
async def test_apprise_delivers_and_its_failures_tell_no_url(receiver: Receiver) -> None:
    host = receiver.url.removeprefix("http://")
    urls = {"GOOD": f"json://{host}/ok", "BAD": f"json://s3cret@{host}/status/500", "NONE": "what?"}

    def channel(name: str) -> AlertChannel:
        return read_channel({"name": "chat", "to": {"kind": "apprise", "url": f"${{env:{name}}}"}})

    await send(channel("GOOD"), sender(**urls))
    (request,) = await eventually(lambda: receiver.requests)
    assert "Fuseline: a test, asked for by jo" in request["body"]
    for name, words in (("BAD", "did not take it"), ("NONE", "no URL that Apprise knows")):
        with pytest.raises(DeliveryError, match=words) as caught:
            await send(channel(name), sender(**urls))
        assert "s3cret" not in str(caught.value)
