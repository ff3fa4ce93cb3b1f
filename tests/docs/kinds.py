"""What is collected: messages, by where they are met."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """Where a person meets a message."""

    ERROR = "error"
    FINDING = "finding"
    PROBLEM = "problem of the API"
    LOG = "log line"
    COMMAND = "line of a command"
    CHECK = "result of a check"
    RESULT = "result of a task"
    ALERT = "alert of Fuseline or of Prometheus"
    UI = "web UI"
    MAKE = "make"
    FAILURE = "kind of failure"


class Message(Struct, frozen=True):
    """One message.

    Attributes:
        text: with … for what is filled in.
        kind: where it is met.
        where: file and function that hold it.
    """

    text: str
    kind: Kind
    where: str
