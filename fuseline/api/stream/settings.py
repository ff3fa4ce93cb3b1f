"""How the live stream behaves: times and bounds of one process."""

from __future__ import annotations

from msgspec import Struct

from fuseline.core.errors import ConfigError


class StreamSettings(Struct, frozen=True, kw_only=True):
    """Settings of the streams of one API process.

    Attributes:
        heartbeat_seconds: a silent stream gets a comment this often.
        figures_seconds: how often the figures of busy agents are sent.
        refresh_seconds: how often the figures of agents whose window empties are sent.
        queue_events: events that may wait for one client; with more it is dropped.
        queue_bytes: bytes that may wait for one client; with more it is dropped.
        send_seconds: a client that takes nothing for this long is cut off.
        max_streams: clients at once.
        max_age_seconds: a stream ends after this long, so that clients spread over processes.
        check_seconds: how often it is asked whether the client may still look.
        part_circuits: circuits in one part of a snapshot.
        changes_circuits: circuits in one event of changes.

    Raises:
        ConfigError: a value that is not above 0.
    """

    heartbeat_seconds: float = 15.0
    figures_seconds: float = 1.0
    refresh_seconds: float = 5.0
    queue_events: int = 1000
    queue_bytes: int = 4 << 20
    send_seconds: float = 30.0
    max_streams: int = 1000
    max_age_seconds: float = 3600.0
    check_seconds: float = 5.0
    part_circuits: int = 500
    changes_circuits: int = 100

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not value > 0:
                raise ConfigError(name, value, "a number above 0")
