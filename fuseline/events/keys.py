"""The only place that spells a key.

All keys of an agent carry its shard's hash tag, so each server-side function stays in one slot and
the same code runs on one server, behind Sentinel and on a Cluster.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fuseline.core.errors import ConfigError

DEFAULT_NAMESPACE = "fuseline"
DEFAULT_SHARDS = 16
MAX_SHARDS = 256

# Braces and colons would break the hash tag and the key's parts; the rest breaks lines of output.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f{}:]")
_MAX_NAME_BYTES = 200
_MOST_KNOWN = 100_000
_ALLOWED_NAME = f"1 to {_MAX_NAME_BYTES} bytes of text without control characters, '{{', '}}', ':'"


def check_name(field: str, name: object) -> str:
    """Returns a namespace or agent name if it may stand in a key.

    Raises:
        ConfigError: naming the field.
    """
    if (
        not isinstance(name, str)
        or not 1 <= len(name.encode(errors="surrogatepass")) <= _MAX_NAME_BYTES
        or _FORBIDDEN.search(name)
        or any(0xD800 <= ord(char) <= 0xDFFF for char in name)
        or name != name.strip()
    ):
        raise ConfigError(field, name, _ALLOWED_NAME)
    return name


class AgentKeys(NamedTuple):
    """The keys of one agent."""

    name: str
    shard: int
    events: str
    circuit: str
    history: str
    probes: str
    counts: str
    origin: str


class ShardKeys(NamedTuple):
    """The keys of one shard.

    `removed` is a hash: agent -> id of the event of its removal. One that is registered again is no
    removed one, and leaves the hash with the next trim. `ahead` is the same key in all shards where
    they are on one server: everybody waits for it, and that costs a server time for each key.
    """

    shard: int
    feed: str
    dirty: str
    wake: str
    producers: str
    lease: str
    fence: str
    agents: str
    archive: str
    readers: str
    removed: str
    ahead: str


class TaskKeys(NamedTuple):
    """The keys of the task queues; one hash tag, so that each function stays in one slot.

    The functions take all of them, in this order. The last three are the beginnings of keys that
    the functions complete with a task's id or an agent's name.
    """

    high: str
    normal: str
    low: str
    handed: str
    results: str
    parked: str
    deadlines: str
    holding: str
    deferring: str
    running: str
    dead: str
    wake: str
    task_prefix: str
    held_prefix: str
    deferred_prefix: str

    @property
    def queues(self) -> tuple[str, str, str]:
        """The queues, the most urgent first."""
        return self.high, self.normal, self.low

    def task(self, task_id: str) -> str:
        """The hash of one task.

        Raises:
            ConfigError: an id that may not stand in a key, or in an HTTP header.
        """
        if not check_name("task_id", task_id).isascii():
            raise ConfigError("task_id", task_id, f"ASCII, and {_ALLOWED_NAME}")
        return self.task_prefix + task_id


class AccessKeys(NamedTuple):
    """The keys of who may use the HTTP API; one hash tag.

    The last two are the beginnings of keys: of one session, and of one address's failed attempts.
    """

    tokens: str
    session_prefix: str
    attempts_prefix: str


class AlertKeys(NamedTuple):
    """The keys of alerts; one hash tag, so that what a notifier decides is written in one step.

    Attributes:
        rules: hash, name -> revision and rule.
        channels: hash, name -> revision and channel.
        audit: stream of changes of both.
        wake: stream; something was changed that a notifier must look at.
        lease: who notifies now, and under which token.
        fence: the last token.
        marks: hash, field "began" and agent -> how far its history is worked off.
        incidents: hash, id -> incident.
        order: sorted set of the incidents' ids by when they opened.
        standing: set of ids of those that are not over.
        told: hash, rule and subject -> when somebody was last told.
        outbox: hash, id -> notice that is to be delivered.
        deliveries: stream of attempts.
        machines: hash, host -> what its notifier last saw there.
    """

    rules: str
    channels: str
    audit: str
    wake: str
    lease: str
    fence: str
    marks: str
    incidents: str
    order: str
    standing: str
    told: str
    outbox: str
    deliveries: str
    machines: str


class Keys:
    """Spells the keys of a namespace.

    Args:
        namespace: its name.
        shards: how many it has.
        cluster: a function may only use keys of one slot.

    Raises:
        ConfigError: a namespace or number of shards that is not allowed.
    """

    def __init__(
        self,
        namespace: str = DEFAULT_NAMESPACE,
        shards: int = DEFAULT_SHARDS,
        *,
        cluster: bool = False,
    ) -> None:
        self.namespace_name = check_name("namespace", namespace)
        if not isinstance(shards, int) or isinstance(shards, bool) or not 1 <= shards <= MAX_SHARDS:
            raise ConfigError("shards", shards, f"a whole number from 1 to {MAX_SHARDS}")
        self.namespace = f"{{{namespace}}}:namespace"
        self.shards = [self._shard(shard, cluster) for shard in range(shards)]
        self.tasks = _task_keys(namespace)
        self.access = _access_keys(namespace)
        self.alerts = AlertKeys(*(f"{{{namespace}.alerts}}:{name}" for name in AlertKeys._fields))
        self._agents: dict[str, AgentKeys] = {}

    def shard_of(self, agent: str) -> int:
        """The agent's shard: stable for ever, it is part of where the data lies."""
        return zlib.crc32(agent.encode()) % len(self.shards)

    def agent(self, name: str) -> AgentKeys:
        """The agent's keys.

        Raises:
            ConfigError: a name that may not stand in a key.
        """
        keys = self._agents.get(name)
        if keys is None:
            shard = self.shard_of(check_name("agent", name))
            tag = self._tag(shard)
            keys = AgentKeys(
                name,
                shard,
                f"{tag}:events:{name}",
                f"{tag}:circuit:{name}",
                f"{tag}:history:{name}",
                f"{tag}:probes:{name}",
                f"{tag}:counts:{name}",
                f"{tag}:origin:{name}",
            )
            if len(self._agents) >= _MOST_KNOWN:
                self._agents.clear()  # names that were only asked for must not pile up
            self._agents[name] = keys
        return keys

    def names(self, found: Iterable[bytes]) -> Iterator[str]:
        """The agents' names among what stands in Redis; anything else is passed over."""
        for raw in found:
            try:
                yield self.agent(raw.decode()).name
            except (ConfigError, UnicodeDecodeError):
                continue

    def _tag(self, shard: int) -> str:
        return f"{{{self.namespace_name}.{shard:02d}}}"

    def _shard(self, shard: int, cluster: bool) -> ShardKeys:
        tag = self._tag(shard)
        return ShardKeys(
            shard,
            f"{tag}:feed",
            f"{tag}:dirty",
            f"{tag}:wake",
            f"{tag}:producers",
            f"{tag}:lease",
            f"{tag}:fence",
            f"{tag}:agents",
            f"{tag}:archive",
            f"{tag}:readers",
            f"{tag}:removed",
            f"{tag if cluster else f'{{{self.namespace_name}}}'}:ahead",
        )


def _task_keys(namespace: str) -> TaskKeys:
    tag = f"{{{namespace}.tasks}}"
    return TaskKeys(
        f"{tag}:queue:high",
        f"{tag}:queue:normal",
        f"{tag}:queue:low",
        f"{tag}:queue:handed",
        f"{tag}:results",
        f"{tag}:parked",
        f"{tag}:deadlines",
        f"{tag}:holding",
        f"{tag}:deferring",
        f"{tag}:running",
        f"{tag}:dead",
        f"{tag}:wake",
        f"{tag}:task:",
        f"{tag}:held:",
        f"{tag}:deferred:",
    )


def _access_keys(namespace: str) -> AccessKeys:
    tag = f"{{{namespace}.access}}"
    return AccessKeys(f"{tag}:tokens", f"{tag}:session:", f"{tag}:attempts:")
