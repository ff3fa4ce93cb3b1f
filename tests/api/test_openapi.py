"""The OpenAPI document: valid, complete, checked in as it is, and true in its examples."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from fuseline.api import bodies_dump
from fuseline.api.app import api_document
from fuseline.api.openapi_dump import dump
from fuseline.api.schemas.examples import EXAMPLES
from tests.api.running import RunningApi

ROOT = Path(__file__).parents[2]
DOCUMENT = api_document()
METHODS = {"post": 0, "put": 1, "patch": 2}  # an agent is made before it is changed


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, found in DOCUMENT["paths"].items():
        for method, operation in found.items():
            yield method, path, operation


OPERATIONS = [pytest.param(*one, id=one[2]["operationId"]) for one in operations()]


def body_of(operation: dict[str, Any]) -> str:
    """Name of the schema of the body; "" without one."""
    content = operation.get("requestBody", {}).get("content", {})
    return str(content.get("application/json", {}).get("schema", {}).get("$ref", "")).rpartition(
        "/"
    )[2]


def test_it_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    errors = [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()]
    assert errors == []


def test_the_validator_sees_what_is_wrong() -> None:
    broken = json.loads(json.dumps(DOCUMENT))
    broken["paths"]["/api/v1/agents"]["get"]["responses"] = {"200": {}}
    assert list(OpenAPIV31SpecValidator(broken).iter_errors())


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_an_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    for member in ("summary", "description", "operationId", "tags"):
        assert operation.get(member), member
    for parameter in operation.get("parameters", ()):
        assert parameter.get("description"), parameter["name"]
    for status, response in operation["responses"].items():
        assert response["description"]
        if int(status) >= 400 and (method, path) != ("get", "/api/v1/readyz"):
            assert list(response["content"]) == ["application/problem+json"], status


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_a_body_has_an_example(method: str, path: str, operation: dict[str, Any]) -> None:
    if "requestBody" not in operation:
        return
    schema = DOCUMENT["components"]["schemas"][body_of(operation)]
    required = [schema["properties"][name] for name in schema.get("required", ())]
    assert schema.get("examples") or (required and all("examples" in one for one in required))


def test_operation_ids_are_unique() -> None:
    names = [operation["operationId"] for *_, operation in operations()]
    assert len(set(names)) == len(names)


def test_nothing_is_said_of_what_runs_where() -> None:
    assert DOCUMENT["servers"] == [{"url": "/"}]
    assert str(ROOT) not in dump()


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    command = [sys.executable, "-m", "fuseline.api.openapi_dump", str(file)]
    subprocess.run(command, cwd=ROOT, env={"PYTHONHASHSEED": "7"}, check=True)
    assert file.read_text(encoding="utf-8") == dump()


def test_what_is_checked_in_is_what_the_code_says() -> None:
    checked_in = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert checked_in == dump(), "run `make types`"
    bodies = ROOT / "fuseline" / "schemas" / "agent_bodies.py"
    assert bodies.read_text(encoding="utf-8") == bodies_dump.dump(), "run `make types`"


async def test_a_running_api_serves_this_document(api: RunningApi) -> None:
    answer = await api.client(None).get("openapi.json")
    assert answer.json() == json.loads(dump())


async def test_every_example_of_a_body_is_accepted(api: RunningApi) -> None:
    client = api.client()
    sent = set()
    for method, path, operation in sorted(operations(), key=lambda one: METHODS.get(one[0], 9)):
        name = body_of(operation)
        for example in EXAMPLES.get(name, ()):
            url = path.removeprefix("/api/v1/").replace("{name}", "billing-agent")
            answer = await client.request(method, url, json=example)
            assert answer.is_success, (name, answer.text)
            sent.add(name)
    assert sent == set(EXAMPLES)
