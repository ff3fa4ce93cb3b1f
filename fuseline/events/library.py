"""The server-side functions: one library, loaded and upgraded by version.

`VERSION` is part of every function's name and changes when a call's meaning does, so two releases
can work side by side on one server. `BUILD` grows with every other change; a newer build replaces
an older one of the same version, never the other way round.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

VERSION = 1
BUILD = 10

_PARTS = (
    *(
        "prelude",
        "append",
        "tell",
        "probe",
        "commit",
        "tick",
        "control",
        "lease",
        "sweep",
        "retention",
        "removed",
    ),
    *("tasks", "tasks_take", "tasks_settle", "tasks_tidy", "alerts"),
)

LIBRARY_NAME = f"fuseline_{VERSION}"


def function(name: str) -> str:
    """The server-side name of a function."""
    return f"fuseline_{name}_{VERSION}"


@cache
def source() -> str:
    """The library's text as FUNCTION LOAD takes it."""
    folder = files(__package__) / "lua"
    parts = [f"#!lua name={LIBRARY_NAME}", f"local BUILD = {BUILD}"]
    parts += [(folder / f"{part}.lua").read_text(encoding="utf-8") for part in _PARTS]
    parts.append(
        "redis.register_function{function_name='fuseline_build_@VERSION@',"
        " callback=function() return BUILD end, flags={'no-writes'}}"
    )
    return "\n".join(parts).replace("@VERSION@", str(VERSION))
