"""Agents in files: JSON or YAML, one agent or many, read with care and written to be read.

A file comes from elsewhere, so it is bounded in size and depth; YAML may not use aliases, which
make a few lines stand for gigabytes, and no name may stand twice in an object.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import yaml
from msgspec import Struct

from fuseline.core.agent import AgentRecord
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.registry.document import exported
from fuseline.registry.errors import DocumentError

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 40
_MAX_DOCUMENTS = 100_000
_ALLOWED = 'an agent, a list of agents, or {"agents": [...]}'

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class Found(Struct, frozen=True):
    """An agent's document and where it stands.

    Attributes:
        place: its path in the file, e.g. `agents[2]`; "" if it is all of it.
        document: as it was read.
    """

    place: str
    document: Any

    @property
    def name(self) -> Any:
        """What it calls itself; None if it does not."""
        return self.document.get("name") if isinstance(self.document, Mapping) else None


def read_documents(content: str | bytes) -> list[Found]:
    """The agents that a file holds.

    Raises:
        ConfigError: it is not readable as JSON or YAML, or holds something else.
        DocumentError: agents that stand in it twice.
    """
    loaded = load(content)
    found: list[Found] = []
    for number, document in enumerate(loaded):
        start = "" if len(loaded) == 1 else f"document[{number}]"
        found += _agents(document, start)
    _check_names(found)
    return found


def load(content: str | bytes) -> list[Any]:
    """The documents of a file, whatever they hold.

    Raises:
        ConfigError: it is not readable as JSON or YAML.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    if len(content) > MAX_BYTES:
        raise ConfigError("file", f"{len(content)} bytes", f"at most {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("file", f"byte {error.start}", "text in UTF-8") from None
    return _loaded(text)


def write_documents(
    records: Iterable[AgentRecord], defaults: CircuitBreakerConfig, *, as_json: bool = False
) -> str:
    """A file that says the same as the records; secrets stand in it as masks."""
    document = {"agents": [exported(record, defaults) for record in records]}
    if as_json:
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    written: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return written


def _agents(document: Any, start: str) -> Iterator[Found]:
    if isinstance(document, Mapping) and "agents" in document and "name" not in document:
        if others := [name for name in document if name != "agents"]:
            raise ConfigError(f"{start}.{others[0]}".strip("."), "***", "nothing beside agents")
        document, start = document["agents"], f"{start}.agents".strip(".")
    if isinstance(document, list):
        for place, one in enumerate(document):
            yield Found(f"{start}[{place}]", one)
    elif isinstance(document, Mapping):
        yield Found(start, document)
    elif document is not None:  # an empty document, as a comment alone makes one
        raise ConfigError(start or "file", type(document).__name__, _ALLOWED)


def _check_names(found: list[Found]) -> None:
    places: dict[Hashable, str] = {}
    errors = []
    for one in found:
        if not isinstance(one.name, str):
            continue  # said when it is applied
        if (before := places.get(one.name)) is not None:
            errors.append(
                ConfigError(
                    f"{one.place}.name", one.name, f"a name that does not stand at {before} already"
                )
            )
        places.setdefault(one.name, one.place)
    if errors:
        raise DocumentError(errors)


def _loaded(text: str) -> list[Any]:
    if text.lstrip()[:1] in ("{", "["):
        try:
            return [json.loads(text, object_pairs_hook=_object)]
        except ConfigError:
            raise
        except RecursionError:
            raise ConfigError("file", "...", f"at most {_MAX_DEPTH} levels") from None
        except json.JSONDecodeError:
            pass  # YAML's own notation looks alike
        except ValueError as error:
            raise ConfigError("file", str(error)[:200], "numbers of ordinary size") from None
    try:
        _check_events(text)
        documents = []
        for document in yaml.load_all(text, Loader=_YamlLoader):
            documents.append(document)
            if len(documents) > _MAX_DOCUMENTS:
                raise ConfigError("file", "...", f"at most {_MAX_DOCUMENTS} documents")
        return documents
    except ConfigError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise ConfigError(
            "file", f"{where}: {error.problem or error.context}", "JSON or YAML"
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError("file", " ".join(str(error).split())[:200], "JSON or YAML") from None


def _check_events(text: str) -> None:
    """Before anything is built: no aliases, and no depth that would exhaust a stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise ConfigError("file", f"the alias {event.anchor!r}", "YAML without aliases")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ConfigError("file", "...", f"at most {_MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError("file", twice, "names that stand once in an object")
    return made


class _YamlLoader(_Loader):  # type: ignore[misc]
    """Safe; dates stay text, and a name that stands twice is refused."""

    # What begins like a number may be a date, which no setting is.
    yaml_implicit_resolvers = {  # noqa: RUF012 - as the library has it
        first: [(tag, shape) for tag, shape in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[Any] = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else id(key)
            if name in names:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the name {key.value!r} stands twice", key.start_mark
                )
            names.add(name)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made
