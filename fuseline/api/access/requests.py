"""Headers as this package takes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def plain_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by lower-case name; lines of the same name joined with commas, in their order.

    Never the first or the last line alone: some proxies add a line to the client's own
    `X-Forwarded-For`, and one line of the two would then be whatever the client likes. Two `Host`
    or two `Authorization` lines make a value that nothing accepts.
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
