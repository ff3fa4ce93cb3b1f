"""Laws of editing, over any document."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.rules import Rule
from fuseline.registry.document import BREAKER, WRITABLE, Document, document_of, exported
from fuseline.registry.edit import created, patched, replaced
from fuseline.registry.files import read_documents, write_documents
from fuseline.registry.plan import plan
from tests.registry.support import DEFAULTS, FULL, writable

few = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
text = st.text(st.sampled_from("abcXYZ 09.,:-_é漢Ω'\"#&*!|>%@{}[]?"), max_size=12)
token = st.text("abcXYZ019-", min_size=1, max_size=8)
header = st.sampled_from(
    ["hunter2", "Bearer hunter2", "${env:A}", "Bearer ${env:A}", "x${file:/a b}y", "Basic a b c"]
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(-1e9, 1e9) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


def value_of(rule: Rule) -> st.SearchStrategy[Any]:
    if rule.kind is bool:
        found: st.SearchStrategy[Any] = st.booleans()
    elif rule.kind is int:
        found = st.integers(int(rule.minimum or 1), int(rule.maximum or 1))
    elif rule.kind is float:
        low = rule.minimum if rule.minimum is not None else 0.001
        found = st.floats(low, rule.maximum, allow_subnormal=False)
    else:
        found = st.sampled_from([str(member) for member in rule.kind])
    return found | st.none() if rule.nullable else found


breakers = st.fixed_dictionaries({}, optional={n: value_of(r) for n, r in RULES.items()})
own = {
    "description": text,
    "tags": st.lists(token, max_size=4, unique=True),
    "retention": st.fixed_dictionaries(
        {}, optional={"outcomes": st.integers(0, 1 << 20), "days": st.floats(0, 400)}
    ),
    BREAKER: breakers,
}
endpoints = {
    "protocol": st.sampled_from(["http", "a2a", "x-1"]),
    "headers": st.dictionaries(token, header, max_size=3).filter(
        lambda made: len({name.lower() for name in made}) == len(made)
    ),
    "connect_timeout_seconds": st.floats(0.001, 86_400),
    "attempt_timeout_seconds": st.floats(0.001, 86_400),
    "timeout_seconds": st.integers(1, 86_400),
    "retry": st.fixed_dictionaries({}, optional={"max_attempts": st.integers(1, 10)}),
    "idempotent": st.booleans(),
    "failure_statuses": st.lists(st.sampled_from(["5xx", "429", "404"]), max_size=3),
    "ignored_statuses": st.lists(st.sampled_from(["404", "4xx"]), max_size=3),
    "when_open": st.sampled_from(["reject", "defer"]),
    "max_response_bytes": st.integers(1, 1 << 30),
    "options": st.dictionaries(text | st.sampled_from(["api_key", "token"]), plain, max_size=3),
}
urls = st.sampled_from(["http://a/", "https://b.example:1/x?key=hunter2", "http://c?"])
settings_of_code = st.fixed_dictionaries({}, optional=own)
settings_of_endpoint = st.fixed_dictionaries({"url": urls}, optional=own | endpoints)
bodies = settings_of_code | settings_of_endpoint
defaults_of = breakers.map(lambda values: CircuitBreakerConfig(**values))


def changed(document: Document, name: str, defaults: CircuitBreakerConfig = DEFAULTS) -> Any:
    return created(document | {"name": name}, defaults)


def has_null(value: Any) -> bool:
    """Whether an object that a merge would reach holds null."""
    return isinstance(value, dict) and any(v is None or has_null(v) for v in value.values())


@few
@given(bodies, defaults_of, defaults_of)
def test_putting_what_is_shown_changes_nothing(
    body: Document, then: CircuitBreakerConfig, now: CircuitBreakerConfig
) -> None:
    record = changed(body, "a", then)
    shown = document_of(record, now)
    assert replaced(record, shown, now).same_settings(record)
    if not has_null(shown["options"]):  # which a merge patch cannot say
        assert patched(record, shown, now).same_settings(record)
    assert patched(record, {}, now).same_settings(record)
    assert "hunter2" not in str(shown)


@few
@given(bodies, bodies, defaults_of)
def test_putting_forgets_what_was(
    before: Document, after: Document, defaults: CircuitBreakerConfig
) -> None:
    record = replaced(changed(before, "a", defaults), after, defaults)
    assert record.same_settings(changed(after, "a", defaults))
    assert replaced(record, after, defaults).same_settings(record)


@few
@given(settings_of_endpoint, settings_of_endpoint, defaults_of)
def test_what_a_patch_names_is_shown_and_nothing_else_changes(
    before: Document, patch: Document, defaults: CircuitBreakerConfig
) -> None:
    record = changed(before, "a", defaults)
    after = patched(record, patch, defaults)
    was, now = writable(record, defaults), writable(after, defaults)
    expected = writable(changed(patch, "a", defaults), defaults)
    for name in WRITABLE:
        if name not in patch:
            assert now[name] == was[name]
        elif not isinstance(patch[name], dict):
            assert now[name] == expected[name]
        elif name in (BREAKER, "retry", "retention"):
            assert now[name] == was[name] | {n: expected[name][n] for n in patch[name]}
    assert patched(after, patch, defaults).same_settings(after)


@few
@given(bodies, defaults_of)
def test_nulls_take_everything_back(body: Document, defaults: CircuitBreakerConfig) -> None:
    record = changed(body, "a", defaults)
    nothing = dict.fromkeys(name for name in WRITABLE if name != "name")
    assert patched(record, nothing, defaults).same_settings(changed({}, "a", defaults))


@few
@given(st.lists(bodies, max_size=4), st.lists(bodies, max_size=4), st.booleans(), st.booleans())
def test_applying_twice_changes_nothing_the_second_time(
    before: list[Document], after: list[Document], as_json: bool, prune: bool
) -> None:
    records = {f"a{n}": changed(body, f"a{n}") for n, body in enumerate(before)}
    file = write_documents(
        [changed(body, f"a{n}") for n, body in enumerate(after, 2)], DEFAULTS, as_json=as_json
    )
    if "***" in file or (prune and not after):
        return  # new secrets cannot come by a file of masks
    found = plan(records, read_documents(file), DEFAULTS, prune=prune)
    for step in found.changes:
        if step.after is None:
            del records[step.name]
        else:
            records[step.name] = step.after
    assert not plan(records, read_documents(file), DEFAULTS, prune=prune).changes
    if prune:
        assert sorted(records) == [f"a{n}" for n in range(2, 2 + len(after))]


@few
@given(st.lists(bodies, min_size=1, max_size=4), st.booleans(), defaults_of)
def test_what_is_exported_applies_as_unchanged(
    agents: list[Document], as_json: bool, defaults: CircuitBreakerConfig
) -> None:
    records = {f"a{n}": changed(body, f"a{n}") for n, body in enumerate([*agents, FULL])}
    file = write_documents(records.values(), defaults, as_json=as_json)
    found = plan(records, read_documents(file), defaults, prune=True)
    assert not found.changes
    assert len(found.steps) == len(records)
    for record in records.values():
        assert set(exported(record, defaults)) <= set(WRITABLE)
