"""What `deploy/` has for Prometheus and Grafana fits what is exported."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fuseline.telemetry.instruments import METRICS, Type

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
PROMTOOL = shutil.which("promtool")
FOREIGN = {"up", "process_cpu_seconds_total", "process_resident_memory_bytes"}
NAME = re.compile(r"\b(?:fuseline|http|db|process)[a-z0-9_]*(?::[a-z0-9_:]+)?|\bup\b")
LABEL = re.compile(r"[{,(]\s*([a-z_]+)\s*(?:=~|!=|!~|=)|by \(([a-z_, ]+)\)|on \(([a-z_, ]+)\)")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)"
)


def rules() -> list[dict[str, Any]]:
    return [r for group in yaml.safe_load(RULES.read_text())["groups"] for r in group["rules"]]


def queries(board: Path) -> list[str]:
    panels = json.loads(board.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def series() -> dict[str, set[str]]:
    """All series that queries may name, with their labels."""
    found: dict[str, set[str]] = {name: {"instance", "job"} for name in FOREIGN}
    for metric in METRICS:
        labels = {attribute.replace(".", "_") for attribute in metric.attributes}
        labels |= {"instance", "job"}
        name = metric.prometheus_name
        if metric.type is Type.HISTOGRAM:
            found |= {f"{name}_bucket": labels | {"le"}}
            found |= {f"{name}_count": labels, f"{name}_sum": labels}
        else:
            found[name] = labels
    for rule in rules():
        if "record" in rule:
            by = re.findall(r"by \(([a-z_, ]+)\)", rule["expr"])
            found[rule["record"]] = {part.strip() for one in by for part in one.split(",")}
    return found


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboards_ask_for_what_is_exported(board: Path) -> None:
    assert_known(queries(board))
    document = json.loads(board.read_text())
    ids = [panel["id"] for panel in document["panels"]]
    assert len(set(ids)) == len(ids)
    assert document["uid"] == f"fuseline-{board.stem}"


def test_rules_ask_for_what_is_exported() -> None:
    assert_known([rule["expr"] for rule in rules()])
    assert len(DASHBOARDS) == 3


def assert_known(expressions: list[str]) -> None:
    known = series()
    assert expressions
    for expression in expressions:
        labels = {
            part.strip()
            for groups in LABEL.findall(expression)
            for group in groups
            for part in group.split(",")
            if part.strip()
        }
        named = set(NAME.findall(re.sub(r'"[^"]*"', '""', expression))) - labels
        assert named, expression
        assert named <= set(known), (expression, named - set(known))
        allowed = set().union(*(known[name] for name in named))
        assert labels <= allowed, (expression, labels - allowed)


@needs_promtool
def test_rules_are_valid_and_do_what_their_cases_say() -> None:
    assert PROMTOOL is not None
    for command in (
        ["check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")],
        ["test", "rules", str(DEPLOY / "prometheus" / "rules.test.yml")],
    ):
        ended = subprocess.run([PROMTOOL, *command], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_has_a_case() -> None:
    cases = yaml.safe_load((DEPLOY / "prometheus" / "rules.test.yml").read_text())["tests"]
    tested = {
        case["alertname"]
        for test in cases
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }
    assert tested == {rule["alert"] for rule in rules() if "alert" in rule}


@needs_promtool
@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda path: path.stem)
def test_queries_of_dashboards_can_be_read(board: Path, tmp_path: Path) -> None:
    assert PROMTOOL is not None
    written = [
        {"record": f"dashboard:query:{n}", "expr": query.replace("$__rate_interval", "1m")}
        for n, query in enumerate(queries(board))
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": written}]}))
    ended = subprocess.run(
        [PROMTOOL, "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
