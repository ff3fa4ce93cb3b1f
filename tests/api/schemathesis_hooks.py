"""Loaded by schemathesis, which ends where an answer quotes a URL whose host is no address.

4.32.5 looks at every text of an answer for links, and `urlsplit` raises for `http://[1.2]`. Such a
text is no link.
"""

from urllib.parse import urlsplit

from schemathesis.engine import observations

_look = observations._same_origin_path


def _same_origin_path(value: str, origin: tuple[str, str]) -> str | None:
    try:
        urlsplit(value)
    except ValueError:
        return None
    return _look(value, origin)


observations._same_origin_path = _same_origin_path
