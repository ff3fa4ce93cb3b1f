"""Where the log is: settings of a process, from arguments and environment."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from fuseline.core.errors import ConfigError
from fuseline.events.keys import DEFAULT_NAMESPACE, DEFAULT_SHARDS, MAX_SHARDS, Keys


class BackendSettings(Struct, frozen=True, kw_only=True):
    """How to reach the log.

    Attributes:
        url: `redis://`, `rediss://`, `unix://`, `redis+sentinel://` or `redis+cluster://`; None
            means the embedded server.
        namespace: prefix of every key.
        shards: number of shards; fixed when a namespace is made.
        timeout_seconds: the longest wait for a connection or a reply.
    """

    url: str | None = None
    namespace: str = DEFAULT_NAMESPACE
    shards: int = DEFAULT_SHARDS
    timeout_seconds: float = 1.5

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str],
        url: str | None = None,
        namespace: str | None = None,
        shards: int | None = None,
    ) -> BackendSettings:
        """Arguments that are given win over REDIS_URL, FUSELINE_NAMESPACE and FUSELINE_SHARDS.

        Raises:
            ConfigError: naming the setting or variable.
        """
        if shards is None and (text := environ.get("FUSELINE_SHARDS")):
            try:
                shards = int(text)
            except ValueError:
                raise ConfigError(
                    "FUSELINE_SHARDS", text, f"a whole number from 1 to {MAX_SHARDS}"
                ) from None
        settings = cls(
            url=check_url(url or environ.get("REDIS_URL") or None),
            namespace=namespace or environ.get("FUSELINE_NAMESPACE") or DEFAULT_NAMESPACE,
            shards=DEFAULT_SHARDS if shards is None else shards,
        )
        settings.keys()
        return settings

    def keys(self, *, cluster: bool = False) -> Keys:
        """The keys of the namespace, as they are on a cluster or on one server.

        Raises:
            ConfigError: a namespace or number of shards that is not allowed.
        """
        return Keys(self.namespace, self.shards, cluster=cluster)


def check_url(url: str | None) -> str | None:
    """Returns the URL if it is one that is supported.

    Raises:
        ConfigError: under the name REDIS_URL, passwords left out.
    """
    if url is not None:
        # It loads redis-py, which `--help` and `--version` do without.
        from fuseline.events.address import parse_address

        parse_address(url)
    return url
