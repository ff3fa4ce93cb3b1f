"""Names of new agents: slugs, so that they stand in a URL, a file and a shell as they are.

Agents that code has registered under other names stay; only new names are held to this.
"""

from __future__ import annotations

import re
from typing import Any

from fuseline.core.errors import ConfigError

_MAX = 100
SLUG_PATTERN = rf"^[a-z0-9](?:[a-z0-9._-]{{0,{_MAX - 2}}}[a-z0-9])?$"
_SLUG = re.compile(SLUG_PATTERN)
ALLOWED_NAME = (
    f"1 to {_MAX} lower-case letters a-z, digits and - _ . (never ..) that begin and end with a "
    "letter or digit"
)


def check_slug(name: Any) -> str:
    """The name of a new agent.

    Raises:
        ConfigError: under the name name.
    """
    if not isinstance(name, str) or not _SLUG.fullmatch(name) or ".." in name:
        raise ConfigError("name", name, ALLOWED_NAME)
    return name
