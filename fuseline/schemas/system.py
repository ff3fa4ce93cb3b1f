"""What is running, and whether it is well."""

from __future__ import annotations

from msgspec import Struct


class Health(Struct, frozen=True, kw_only=True):
    """Whether it is well.

    Attributes:
        status: ok or unavailable.
        reason: why it is not well; null if it is.
    """

    status: str
    reason: str | None = None


class Version(Struct, frozen=True, kw_only=True):
    """What is running.

    Attributes:
        version: of Fuseline.
        python: of the interpreter.
        server: name and version of the Redis or Valkey server.
        library: name of the server-side functions.
        build: of the server-side functions this release brings.
        namespace: prefix of the keys.
        shards: of the namespace.
    """

    version: str
    python: str
    server: str
    library: str
    build: int
    namespace: str
    shards: int
