"""What can be wrong with asking for a stream."""

from __future__ import annotations

from fuseline.core.errors import FuselineError


class TooManyStreamsError(FuselineError):
    """This process serves as many streams as it may.

    Attributes:
        most: how many that is.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(most)

    def __str__(self) -> str:
        return (
            f"this process serves {self.most} streams, the most it may (max_streams); "
            "try again later, or ask another process"
        )


class FeedBrokenError(Exception):
    """The feeds do not continue where they were read up to; a snapshot must take their place.

    Attributes:
        reason: `gap` (entries were trimmed) or `data_loss` (the server's data is another).
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
