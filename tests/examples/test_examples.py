"""Each example does what its first lines say, as processes of its own on a real server."""

import sys

import httpx2

from tests.cli.support import until
from tests.examples.support import EXAMPLES, Stage

PYTHON = sys.executable


def get(url: str) -> httpx2.Response:
    return httpx2.get(url, timeout=60, trust_env=False)


def post(url: str) -> httpx2.Response:
    return httpx2.post(url, timeout=60, trust_env=False).raise_for_status()


def test_a_fastapi_service_answers_503_while_the_circuit_is_open(stage: Stage) -> None:
    agent = stage.serve("flaky_agent.py")
    service = stage.serve("fastapi_service.py", "/docs", AGENT_URL=f"{agent}/")
    answer = get(f"{service}/orders/17")
    assert (answer.status_code, answer.json()) == (200, {"answer": {"order": 17}})

    post(f"{agent}/break")
    assert [get(f"{service}/orders/17").status_code for _ in range(3)] == [502] * 3
    refused = get(f"{service}/orders/17")
    assert refused.status_code == 503
    assert 0 < int(refused.headers["retry-after"]) <= 5
    assert refused.json()["type"] == "urn:fuseline:problem:circuit-open"

    post(f"{agent}/mend")
    until(lambda: get(f"{service}/orders/18").status_code == 200, 60)


def test_an_agent_loop_goes_on_without_the_tool_that_is_down(stage: Stage) -> None:
    lines = stage.lines(PYTHON, "examples/agent_loop.py")
    assert lines[:2] == ["search: search failed: ConnectError"] * 2
    assert lines[2].startswith("search: search is not available, and was not called; try again in ")
    assert lines[3:] == [
        "notes: an old note about circuit breakers",
        "answer: From my notes: an old note about circuit breakers.",
    ]


def test_a_langgraph_agent_goes_on_without_the_tool_that_is_down(stage: Stage) -> None:
    lines = stage.lines(PYTHON, "examples/langgraph_agent.py")
    assert lines[0] == "human: What are circuit breakers?"
    assert [line.startswith("tool: ") for line in lines[1:-1]] == [True] * 3
    assert "not available" not in lines[2]
    assert lines[3].startswith("tool: The tool 'search' is not available at the moment")
    assert lines[-1] == "ai: I cannot search now, so I answer from memory."


def test_an_a2a_agent_is_called_and_its_circuit_opens_when_it_is_gone(stage: Stage) -> None:
    url = stage.serve("a2a_agent.py")
    configure = (PYTHON, "-m", "fuseline", "configure", "shouter", "--register")
    stage.lines(
        *configure, f"url={url}", "protocol=a2a", "failure_threshold=3", "retry.max_attempts=1"
    )
    assert stage.lines(PYTHON, "examples/a2a_call.py") == [
        *(f"said: HELLO {number}" for number in range(5)),
        "part: AND IN PARTS",
    ]
    stage.end(url)
    lines = stage.lines(PYTHON, "examples/a2a_call.py")
    assert lines[:3] == ["failed: connect_refused"] * 3
    assert lines[3].startswith("refused: circuit of agent 'shouter' is open (consecutive_failures)")


def test_every_example_is_in_the_readme() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        if path.name != "README.md" and not path.name.startswith((".", "__")):
            assert f"({path.name})" in readme, path.name
