"""The commands of a console block: typed, shown, and whether there is such a thing."""

import re
import shlex
from dataclasses import dataclass
from typing import Any

from docs_tools.commands import commands as all_commands

COMMANDS: dict[str, Any] = dict(all_commands())
_ENDS = {"|", "||", "&&", ";", "&"}
_FIGURE = re.compile(r"\d[\d,]*")
_BEFORE = {"exec", "nohup", "sudo", "time"}


@dataclass(frozen=True)
class Command:
    """A command, and what the page shows of its output; None: nothing."""

    text: str
    shown: str | None


def commands(block: str) -> list[Command]:
    """The commands of a block; lines that end with a backslash and open quotes go on."""
    found = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        text = lines.pop(0)
        while lines and not _complete(text):
            text += "\n" + lines.pop(0).removeprefix("> ")
        shown = "\n".join(lines).rstrip()
        found.append(Command(text, shown or None))
    return found


def _complete(text: str) -> bool:
    if text.endswith("\\"):
        return False
    if re.match(r"\s*(for|while|if) ", text):
        return re.search(r"^\s*(done|fi)\b", text, re.MULTILINE) is not None
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def matches(shown: str, printed: str, *, any_figures: bool = False) -> bool:
    """Whether an output is as it is shown; `…` stands for anything.

    Args:
        shown: by the page.
        printed: by the command.
        any_figures: whether each number stands for any other.
    """
    parts = [re.escape(part) for part in _plain(shown).split("…")]
    if any_figures:
        parts = [_FIGURE.sub(lambda _: _FIGURE.pattern, part) for part in parts]
    return re.fullmatch(".*".join(parts), _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def unknown(text: str) -> list[str]:
    """What a command line asks of `fuseline` that it does not know."""
    try:
        # Also what stands in `$(...)`.
        plain = text.replace("\\\n", " ").replace("$(", " ; ").replace(")", " ")
        words = shlex.split(plain, comments=True)
    except ValueError:
        return [f"not to be read: {text}"]
    wrong = []
    while words:
        end = next((i for i, word in enumerate(words) if word in _ENDS), len(words))
        own, words = words[:end], words[end + 1 :]
        while own and (own[0] in _BEFORE or re.match(r"[A-Za-z_]+=", own[0])):
            own = own[1:]
        if own[:1] == ["fuseline"] and own[1:]:
            wrong += _unknown(own[1:])
    return wrong


def _unknown(words: list[str]) -> list[str]:
    if words[0].startswith("--"):
        return [] if words[0] in {"--version", "--help", "--install-completion"} else words[:1]
    name = next((n for n in (" ".join(words[:2]), words[0]) if n in COMMANDS), None)
    if name is None:
        return [f"no command `{' '.join(words[:2])}`"]
    known = {option for p in COMMANDS[name].params for option in (*p.opts, *p.secondary_opts)}
    given = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    return [
        f"`{name}` has no {option}" for option in given if option not in known | {"--help", "-h"}
    ]
