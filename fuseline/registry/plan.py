"""Making the registry say what documents say: first a plan, to be looked at, then its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from fuseline.core.agent import AgentRecord, differences
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.texts import check_text
from fuseline.events.agents import change, enroll, remove
from fuseline.events.backend import Backend
from fuseline.registry.document import BREAKER, exported
from fuseline.registry.edit import DEFAULT_WORD, created, replaced
from fuseline.registry.errors import AgentExistsError, DocumentError
from fuseline.registry.files import Found

_DEFAULT_REASON = "applied from a file"


class Action(StrEnum):
    """What happens to an agent."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DELETE = "delete"


class Step(Struct, frozen=True, kw_only=True):
    """One agent of a plan.

    Attributes:
        action: what happens to it.
        name: of the agent.
        before: what stands; None: nothing.
        after: what is to be; None: nothing.
        differences: [value before, value after] by path, secrets masked.
    """

    action: Action
    name: str
    before: AgentRecord | None = None
    after: AgentRecord | None = None
    differences: Mapping[str, list[Any]] = {}


class Plan(Struct, frozen=True):
    """Steps by agent, in the order of the documents; removals come last."""

    steps: Sequence[Step]

    @property
    def changes(self) -> list[Step]:
        """The steps that change something."""
        return [step for step in self.steps if step.action is not Action.UNCHANGED]

    def count(self, action: Action) -> int:
        """How many steps are of a kind."""
        return sum(step.action is action for step in self.steps)


def plan(
    records: Mapping[str, AgentRecord],
    documents: Iterable[Found],
    defaults: CircuitBreakerConfig,
    *,
    prune: bool = False,
) -> Plan:
    """What has to be done for the registry to say what the documents say.

    A document is all that is to be said of its agent: what it leaves out goes to its default.

    Args:
        records: what is registered, by name.
        documents: with unlike names.
        defaults: of the breaker's settings.
        prune: also remove the agents that no document names.

    Raises:
        DocumentError: values that are not allowed, of all documents.
        ConfigError: `prune` without any document, which would remove everything.
    """
    steps: list[Step] = []
    errors: list[ConfigError] = []
    for found in documents:
        try:
            steps.append(_step(records, found, defaults))
        except DocumentError as error:
            errors += (_placed(one, found.place) for one in error.errors)
    if errors:
        raise DocumentError(errors)
    if prune and not steps:
        raise ConfigError("prune", True, "used with a file that names agents")
    if prune:
        named = {step.name for step in steps}
        steps += (
            Step(action=Action.DELETE, name=name, before=record)
            for name, record in records.items()
            if name not in named
        )
    return Plan(steps)


async def apply(
    backend: Backend,
    plan: Plan,
    *,
    actor: str,
    reason: str = "",
    done: Callable[[Step], None] | None = None,
) -> None:
    """Takes the steps of a plan, one after another.

    What has been done stays if a later step fails; to apply the same documents again does the
    rest.

    Args:
        backend: the namespace.
        plan: made of what is registered there.
        actor: who says it.
        reason: why; may be empty.
        done: hears of each step that has changed something.

    Raises:
        AgentExistsError: somebody else has registered an agent since the plan was made.
        AgentNotFoundError: somebody else has removed one.
        RevisionConflictError: somebody else has changed one.
    """
    actor = check_text("actor", actor)
    reason = check_text("reason", reason) if reason else ""
    for step in plan.changes:
        await _take(backend, step, actor, reason)
        if done is not None:
            done(step)


async def _take(backend: Backend, step: Step, actor: str, reason: str) -> None:
    before, after = step.before, step.after
    if before is None:
        assert after is not None
        made, is_new = await enroll(backend, after, actor=actor, reason=reason)
        if not is_new:
            raise AgentExistsError(step.name, made)
    elif after is None:
        await remove(
            backend,
            step.name,
            revision=before.revision,
            actor=actor,
            reason=reason or _DEFAULT_REASON,
        )
    else:
        await change(backend, before, after, actor=actor, reason=reason)


def _step(records: Mapping[str, AgentRecord], found: Found, defaults: CircuitBreakerConfig) -> Step:
    before = records.get(found.name) if isinstance(found.name, str) else None
    if before is None:
        after = created(found.document, defaults)
        action = Action.CREATE
    else:
        after = replaced(before, found.document, defaults)
        action = Action.UNCHANGED if after.same_settings(before) else Action.UPDATE
    return Step(
        action=action,
        name=after.name,
        before=before,
        after=after,
        differences={} if action is Action.UNCHANGED else compared(before, after, defaults),
    )


def compared(
    before: AgentRecord | None, after: AgentRecord, defaults: CircuitBreakerConfig
) -> dict[str, list[Any]]:
    """What a change changes: [value before, value after] by path, secrets masked.

    A setting of the breaker that keeps its value, but is chosen now or was before, stands beside
    the word "default".
    """
    if before is None:
        document = exported(after, defaults)
        document |= {f"{BREAKER}.{n}": v for n, v in document.pop(BREAKER, {}).items()}
        return {name: [None, value] for name, value in document.items() if name != "name"}
    found = differences(before, after)
    for name in RULES:
        old, new = (_plain(getattr(record.config, name)) for record in (before, after))
        was_chosen, is_chosen = (name in record.chosen for record in (before, after))
        if old != new:
            found[f"{BREAKER}.{name}"] = [old, new]
        elif was_chosen != is_chosen:
            found[f"{BREAKER}.{name}"] = [old, DEFAULT_WORD] if was_chosen else [DEFAULT_WORD, new]
    return found


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _placed(error: ConfigError, place: str) -> ConfigError:
    field = ".".join(part for part in (place, error.field) if part)
    return ConfigError(field or "file", error.value, error.allowed)
