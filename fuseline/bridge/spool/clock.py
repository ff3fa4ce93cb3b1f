"""How long ago a spooled outcome ended, measured across the end of the process that wrote it.

Within one boot of the machine the kernel's clock since boot says so for all processes, whatever
happens to the wall clock; it counts while the machine sleeps too. After a reboot nothing but the
wall clock is left: a clock that was set back meanwhile makes outcomes look younger than they are,
never younger than now.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

from msgspec import Struct

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Moment(Struct, frozen=True, array_like=True):
    """A moment that another process can tell the age of."""

    boot: str  # which boot of which machine; "": the system does not say
    since_boot: float  # seconds
    wall: float  # seconds since 1970

    def age_seconds(self) -> float:
        """How long ago it was; at least 0."""
        now = at(time.monotonic())
        if self.boot and self.boot == now.boot and now.since_boot >= self.since_boot:
            return now.since_boot - self.since_boot
        return max(0.0, now.wall - self.wall)


def at(monotonic_seconds: float) -> Moment:
    """The moment at which `time.monotonic` showed this."""
    ago = time.monotonic() - monotonic_seconds
    return Moment(boot_id(), time.clock_gettime(_CLOCK) - ago, time.time() - ago)


@cache
def boot_id() -> str:
    """Names this boot of this machine; "" where the system does not."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
