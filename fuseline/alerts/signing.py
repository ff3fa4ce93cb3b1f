"""Signatures of webhooks, as Standard Webhooks (https://www.standardwebhooks.com) says. Pure.

The signed text is `id.timestamp.body`; so a receiver can drop what it had (id), what is old
(timestamp), and what is not ours (signature).
"""

from __future__ import annotations

import base64
import hashlib
import hmac

_PREFIX = "whsec_"


def sign(secret: str, notice: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`.

    Args:
        secret: `whsec_` and base64, as the standard's libraries want it; or any other text, whose
            UTF-8 is the key then.
        notice: id of the notice, `webhook-id`.
        timestamp: seconds since 1970, `webhook-timestamp`.
        body: as it is sent.
    """
    signed = f"{notice}.{timestamp}.".encode() + body
    digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def key_of(secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ValueError: nothing but base64 may follow `whsec_`; the secret is not in the message.
    """
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        raise ValueError("the secret has no base64 after whsec_") from None
