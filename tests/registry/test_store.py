"""The registry on a real server: revisions, conflicts, events with their actors, lists, files."""

import asyncio
from typing import Any

import pytest

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, ConfigError, RevisionConflictError
from fuseline.core.events import AgentRemoved, ConfigChanged
from fuseline.events.agents import register
from fuseline.registry.errors import AgentExistsError, DocumentError, StaleRevisionError
from fuseline.registry.files import read_documents, write_documents
from fuseline.registry.listing import Filter, Sort
from fuseline.registry.plan import Action, apply, plan
from fuseline.registry.store import Registry
from tests.logbook import log_of
from tests.registry.support import DEFAULTS, FULL, URL

A = {"name": "a", "url": URL}


async def events(registry: Registry, agent: str = "a") -> list[Any]:
    return [event for _, _, event in await log_of(registry.backend, agent)]


async def test_an_agent_is_made_read_and_removed(registry: Registry) -> None:
    made = await registry.create(FULL, "ada", "new")
    assert (made.revision, made.updated_by) == (1, "ada")
    assert made.created_ms == made.updated_ms > 0
    assert await registry.get("full") == made
    gone = await registry.delete("full", "bob", "old")
    assert gone == made
    with pytest.raises(AgentNotFoundError):
        await registry.get("full")
    first, last = await events(registry, "full")
    assert isinstance(first, ConfigChanged)
    assert (first.actor, first.reason) == ("ada", "new")
    assert last == AgentRemoved(2, "bob", "old")
    assert "hunter2" not in str(first)
    assert (await registry.create(FULL, "eve")).revision == 3


async def test_a_name_is_given_once(registry: Registry) -> None:
    made = await registry.create(A, "ada")
    with pytest.raises(AgentExistsError, match="revision 1") as raised:
        await registry.create(A | {"description": "other"}, "bob")
    assert raised.value.current == made
    assert await registry.get("a") == made


async def test_each_change_is_an_event_with_its_actor(registry: Registry) -> None:
    await registry.create(A, "ada")
    await registry.patch("a", {"circuit_breaker_config": {"minimum_calls": 3}}, "bob", "try")
    await registry.replace("a", {"url": URL, "tags": ["x"]}, "eve")
    said = [(e.revision, e.actor, e.reason, e.details) for e in await events(registry)]
    assert said[1:] == [(2, "bob", "try", {}), (3, "eve", "", {"tags": [[], ["x"]]})]
    record = await registry.get("a")
    assert (record.config, record.tags, record.updated_by) == (DEFAULTS, ("x",), "eve")


async def test_what_stands_already_changes_nothing(registry: Registry) -> None:
    made = await registry.create(FULL, "ada")
    assert await registry.replace("full", registry.document(made), "bob") == made
    assert await registry.patch("full", {"headers": {"X-Key": "***"}}, "bob") == made
    assert len(await events(registry, "full")) == 1


@pytest.mark.parametrize("verb", ["replace", "patch", "delete"])
async def test_a_revision_that_is_not_the_one_in_force_is_refused(
    registry: Registry, verb: str
) -> None:
    await registry.create(A, "ada")
    current = await registry.patch("a", {"tags": ["x"]}, "ada")
    arguments: list[Any] = ["a", "bob", "r"] if verb == "delete" else ["a", {"url": URL}, "bob", ""]
    for revision in (0, 1, 3, 10**6):
        with pytest.raises(StaleRevisionError, match=f"revision 2.*for {revision};") as raised:
            await getattr(registry, verb)(*arguments, revision)
        assert raised.value.current == current
    assert await registry.get("a") == current
    await getattr(registry, verb)(*arguments, 2)


@pytest.mark.parametrize("verb", ["replace", "patch", "delete"])
async def test_what_is_not_there_cannot_be_changed(registry: Registry, verb: str) -> None:
    arguments: list[Any] = ["a", "bob", "r"] if verb == "delete" else ["a", {}, "bob", ""]
    for revision in (None, 0, 1):
        with pytest.raises(AgentNotFoundError):
            await getattr(registry, verb)(*arguments, revision)
    with pytest.raises(ConfigError):
        await getattr(registry, verb)("a:b", *arguments[1:])


async def test_patches_without_a_revision_all_come_in(registry: Registry) -> None:
    await registry.create(A, "ada")
    await asyncio.gather(
        *(registry.patch("a", {"options": {f"o{n}": n}}, f"actor{n}") for n in range(10))
    )
    record = await registry.get("a")
    assert record.endpoint is not None
    assert record.endpoint.options == {f"o{n}": n for n in range(10)}
    assert record.revision == 11


async def test_of_changes_of_one_revision_one_comes_in(registry: Registry) -> None:
    await registry.create(A, "ada")
    ends = await asyncio.gather(
        *(registry.patch("a", {"tags": [f"t{n}"]}, "x", "", 1) for n in range(8)),
        return_exceptions=True,
    )
    errors = [end for end in ends if isinstance(end, StaleRevisionError)]
    assert len(errors) == 7
    assert (await registry.get("a")).revision == 2


async def test_a_bad_change_changes_nothing(registry: Registry) -> None:
    made = await registry.create(A, "ada")
    for verb in (registry.replace, registry.patch):
        with pytest.raises(DocumentError):
            await verb("a", {"url": URL, "retry": {"max_attempts": 0}}, "bob")
        for actor, reason in (("", ""), ("a\nb", ""), ("x" * 501, ""), ("bob", "a\x00")):
            with pytest.raises(ConfigError):
                await verb("a", {"url": URL, "tags": ["x"]}, actor, reason)
    assert await registry.get("a") == made


async def test_agents_that_code_has_registered_are_changed_and_removed(registry: Registry) -> None:
    name, config = "Ärger im Büro/1", CircuitBreakerConfig(minimum_calls=3)
    await register(registry.backend, name, config, "worker")
    shown = registry.document(await registry.get(name))
    assert shown["circuit_breaker_config"] == {"minimum_calls": 3}
    changed = await registry.replace(name, shown | {"tags": ["x"]}, "ada")
    assert (changed.config, changed.tags) == (config, ("x",))
    assert (await registry.list()).records == [changed]
    await registry.delete(name, "ada", "r")
    assert (await registry.list()).total == 0


async def test_lists_see_each_change(registry: Registry) -> None:
    for name in ("b", "a", "c"):
        await registry.create({"name": name}, "ada")
    assert [r.name for r in (await registry.list()).records] == ["a", "b", "c"]
    changed = await registry.patch("b", {"tags": ["x"]}, "ada")
    assert (await registry.list(Filter(tags=["x"]))).records == [changed]
    newest = (await registry.list(sort=Sort.UPDATED_DOWN)).records
    # All of this may have happened in one millisecond.
    assert changed in [r for r in newest if r.updated_ms == newest[0].updated_ms]
    await registry.delete("b", "ada", "r")
    page = await registry.list(limit=1)
    assert [r.name for r in page.records] == ["a"]
    page = await registry.list(cursor=page.next_cursor, limit=1)
    assert ([r.name for r in page.records], page.total) == (["c"], 2)


async def test_files_are_applied_once(registry: Registry) -> None:
    await registry.create(FULL, "ada")
    await registry.create({"name": "extra"}, "ada")
    exported = write_documents((await registry.everything()).values(), DEFAULTS)
    assert "hunter2" not in exported
    text = exported.replace("max_attempts: 7", "max_attempts: 8") + "- name: new\n"
    text = text.replace("- name: extra\n", "")
    for number in range(2):
        found = plan(await registry.everything(), read_documents(text), DEFAULTS, prune=True)
        if number:
            assert not found.changes
            break
        kinds = {step.name: step.action for step in found.steps}
        assert kinds == {"full": Action.UPDATE, "new": Action.CREATE, "extra": Action.DELETE}
        assert list(found.steps[0].differences) == ["retry"]
        await apply(registry.backend, found, actor="bob", reason="file")
        with pytest.raises((RevisionConflictError, AgentExistsError)):
            await apply(registry.backend, found, actor="bob")  # the plan is stale now
    full = await registry.get("full")
    assert full.endpoint is not None
    assert full.endpoint.headers == FULL["headers"]
    assert full.endpoint.url == FULL["url"]
    assert (full.revision, full.updated_by) == (2, "bob")
    assert await registry.get("new")
    assert (await events(registry, "extra"))[-1] == AgentRemoved(2, "bob", "file")
