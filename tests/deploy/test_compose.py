"""docker-compose.yml says what the code, the files beside it and Compose's schema allow."""

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.compose_support import FILE, UnsetError, dotenv, load, variables
from tests.deploy.conftest import write_passwords
from tests.deploy.schema_support import objections as schema_objections
from tests.deploy.settings_support import ROOT, known_settings, known_variables, parse_command

PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?$")
OURS = {"projector", "worker", "notifier", "api", "migrate"}
THEIRS = {"valkey", "otel-collector", "jaeger", "prometheus", "grafana"}


@pytest.fixture(scope="module")
def document(passwords: dict[str, str]) -> dict[str, Any]:
    return load(passwords)


@pytest.fixture(scope="module")
def services(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["services"]
    return found


def test_it_follows_the_schema_of_compose(document: dict[str, Any]) -> None:
    assert schema_objections("compose-spec", yaml.safe_load(FILE.read_text())) == []
    assert schema_objections("compose-spec", document) == []
    assert schema_objections("compose-spec", {"services": {"a": {"comand": "x"}}})


def test_nothing_starts_without_passwords() -> None:
    with pytest.raises(UnsetError, match=r"passwords\.sh"):
        load({})


def test_passwords_are_for_this_user_alone_and_stay(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("GRAFANA_PASSWORD=mine\nVALKEY_PASSWORD_API=\n")
    first = dotenv(write_passwords(file).read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.pop("GRAFANA_PASSWORD") == "mine"
    made = [value for name, value in first.items() if name.startswith("VALKEY_PASSWORD_")]
    assert len(set(made)) == len(made) == 6
    assert all(re.fullmatch("[0-9a-f]{48}", password) for password in made)
    before = file.read_text()
    assert write_passwords(file).read_text() == before


def test_images_are_pinned(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if "build" in service:
            assert service["image"] == "fuseline:local", name
        else:
            assert PINNED.match(service["image"]), service["image"]
    assert {name for name, service in services.items() if "build" not in service} == THEIRS


def test_only_loopback_ports_are_published(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", ())]
    assert published
    for port in published:
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port), port


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc"}, name


def test_every_command_is_one_of_fuseline(services: dict[str, Any]) -> None:
    for name in OURS:
        assert "entrypoint" not in services[name]
        parse_command(services[name]["command"])
    shown: dict[str, str] = {}
    for service in services.values():
        if "build" in service and "entrypoint" in service:
            module = service["entrypoint"][-1]
            if module not in shown:
                command = [sys.executable, "-m", module, "--help"]
                shown[module] = subprocess.check_output(command, text=True)
            options = [word for word in service["command"] if word.startswith("--")]
            assert options
            assert all(option in shown[module] for option in options)


def test_a_command_that_is_none_is_noticed() -> None:
    for wrong in (["projektor"], ["worker", "--helth-port", "1"], ["api", "--port", "x"]):
        with pytest.raises(Exception, match=r"No such|valid integer"):
            parse_command(wrong)


def test_variables_of_containers_are_settings(services: dict[str, Any]) -> None:
    known = known_variables() | {"HEALTH_URL"}  # asked for by the image's health check
    for name, service in services.items():
        if "build" in service:
            assert set(service.get("environment", ())) <= known, name


def test_the_example_of_settings_is_complete() -> None:
    text = (ROOT / ".env.example").read_text()
    shown = set(re.findall(r"^# ((?:FUSELINE|CIRCUIT|REDIS)\w+)=", text, re.MULTILINE))
    # The demonstration's own, and one that only commands which archive read as an option.
    assert known_settings() - shown == {"FUSELINE_DEMO_AGENTS"}
    assert shown <= known_settings()


def test_variables_of_the_file_are_documented() -> None:
    guide = (ROOT / "docs/deployment.md").read_text()
    missing = {name for name in variables() if f"`{name}`" not in guide}
    assert {name for name in missing if not name.startswith("VALKEY_PASSWORD_")} == set()


def test_each_role_has_its_own_user(services: dict[str, Any]) -> None:
    roles = {file.stem for file in (ROOT / "deploy/redis/acl").glob("*.acl")}
    role_of = {name: name for name in OURS} | {"migrate": "deploy", "caller": "worker"}
    assert set(role_of.values()) == roles
    for name, role in role_of.items():
        url = services[name]["environment"]["REDIS_URL"]
        assert url.startswith(f"redis://fuseline-{role}:"), name
        assert url.endswith("@valkey:6379/0")


def test_files_it_names_exist(document: dict[str, Any]) -> None:
    seen = 0
    for service in document["services"].values():
        for volume in service.get("volumes", ()):
            source, target, *mode = volume.split(":")
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert mode == ["ro"], volume
                seen += 1
            else:
                assert source in document["volumes"], volume
            assert target.startswith("/")
    assert seen >= 5
    token = document["secrets"]["prometheus-token"]["file"]
    assert f"\n{Path(token).name}\n" in (ROOT / ".gitignore").read_text()


def test_names_within_it_lead_somewhere(document: dict[str, Any]) -> None:
    services = document["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", ())) <= set(services), name
        assert set(service.get("networks", ())) <= set(document["networks"]), name
        assert set(service.get("secrets", ())) <= set(document["secrets"]), name
        assert set(service.get("profiles", ())) <= {"demo", "observability"}, name
        if service.get("ports"):
            assert "outside" in service["networks"], name  # an internal network publishes nothing
    assert {name for name, s in services.items() if not s.get("profiles")} == OURS | {"valkey"}
    agents = services["caller"]["environment"]["FUSELINE_DEMO_AGENTS"]
    hosts = re.findall(r"=http://([\w-]+):8080", agents)
    assert sorted(hosts) == sorted(name for name in services if name.startswith("agent-"))


def test_grafana_finds_its_sources_and_dashboards(services: dict[str, Any]) -> None:
    folder = ROOT / "deploy/grafana/provisioning"
    sources = yaml.safe_load((folder / "datasources/fuseline.yaml").read_text())["datasources"]
    ports = {"prometheus": "9090", "jaeger": "16686"}
    for source in sources:
        assert source["url"] == f"http://{source['type']}:{ports[source['type']]}"
        assert any(p.endswith(ports[source["type"]]) for p in services[source["type"]]["ports"])
    (provider,) = yaml.safe_load((folder / "dashboards/fuseline.yaml").read_text())["providers"]
    mounts = dict(volume.split(":")[1::-1] for volume in services["grafana"]["volumes"])
    dashboards = ROOT / mounts[provider["options"]["path"]]
    assert {file.name for file in dashboards.glob("*.json")} >= {"overview.json", "agent.json"}
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (dashboards / Path(home).name).exists()
    assert mounts["/etc/grafana/provisioning"] == "./deploy/grafana/provisioning"


def test_prometheus_asks_services_that_there_are(services: dict[str, Any], tmp_path: Path) -> None:
    file = ROOT / "deploy/prometheus/compose.yml"
    jobs = {job["job_name"]: job for job in yaml.safe_load(file.read_text())["scrape_configs"]}
    (api,) = jobs["fuseline-api"]["dns_sd_configs"]
    assert (api["names"], api["port"]) == (["api"], 8787)
    (processes,) = jobs["fuseline"]["dns_sd_configs"]
    for name in processes["names"]:
        environment = services[name]["environment"]
        assert environment["OTEL_METRICS_EXPORTER"] == "prometheus"
        assert environment["OTEL_EXPORTER_PROMETHEUS_PORT"] == str(processes["port"])
        assert environment["OTEL_EXPORTER_PROMETHEUS_HOST"] == "0.0.0.0"
    secret = Path(jobs["fuseline-api"]["authorization"]["credentials_file"])
    assert secret.name in services["prometheus"]["secrets"]
    if promtool := shutil.which("promtool"):
        command = [promtool, "check", "config", "--syntax-only", file]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_collector_hands_on_what_it_takes(services: dict[str, Any]) -> None:
    config = yaml.safe_load((ROOT / "deploy/otel-collector.yaml").read_text())
    pipeline = config["service"]["pipelines"]["traces"]
    for kind in ("receivers", "processors", "exporters"):
        assert set(pipeline[kind]) == set(config[kind])
    assert set(config["service"]["extensions"]) == set(config["extensions"])
    host, port = config["exporters"]["otlp_grpc/jaeger"]["endpoint"].split(":")
    assert host in services
    listens = config["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    endpoint = services["projector"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert endpoint == f"http://otel-collector:{port}"
    assert listens == f"0.0.0.0:{port}"
