"""The manifests: Kubernetes' own schemas, the command line, and each other."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.compose_support import load
from tests.deploy.settings_support import ROOT, known_variables, parse_command

FOLDER = ROOT / "deploy/kubernetes"
VERSIONS = ("1.34", "1.37")
OVERLAYS = ("trial", "production")
KUBECTL = shutil.which("kubectl")

Document = dict[str, Any]


def documents(text: str) -> list[Document]:
    return [found for found in yaml.safe_load_all(text) if found]


def written(*folders: str) -> list[Document]:
    """All resources below folders, as they are written."""
    files = [file for folder in folders for file in sorted((FOLDER / folder).rglob("*.yaml"))]
    found = [document for file in files for document in documents(file.read_text())]
    own = ("kustomize.config.k8s.io/v1beta1", "kustomize.config.k8s.io/v1alpha1")
    return [d for d in found if "kind" in d and d.get("apiVersion") not in own]


def rendered(folder: str) -> list[Document]:
    if KUBECTL is None:
        pytest.skip("no kubectl on PATH: what kustomize makes of the manifests is not looked at")
    command = [KUBECTL, "kustomize", FOLDER / folder]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return documents(ended.stdout)


def pods(found: list[Document]) -> Iterator[tuple[str, Document]]:
    """Names and templates of what makes pods."""
    for document in found:
        if document["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield document["metadata"]["name"], document["spec"]["template"]


def containers(found: list[Document]) -> Iterator[tuple[str, Document]]:
    for name, template in pods(found):
        for container in template["spec"]["containers"]:
            yield name, container


def of_kind(found: list[Document], kind: str) -> list[Document]:
    return [document for document in found if document["kind"] == kind]


@pytest.fixture(scope="module")
def base() -> list[Document]:
    return written("base")


@pytest.fixture(scope="module")
def everything() -> list[Document]:
    return written("base", "components", "overlays")


def valid(found: list[Document]) -> None:
    for document in found:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def test_manifests_follow_the_schemas(everything: list[Document]) -> None:
    assert len(everything) > 15
    valid(everything)


def test_a_field_that_there_is_not_is_noticed(base: list[Document]) -> None:
    (deployment,) = [d for d in of_kind(base, "Deployment") if "projector" in str(d["metadata"])]
    wrong = json.loads(json.dumps(deployment))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_overlays_render_to_what_the_schemas_allow(overlay: str) -> None:
    found = rendered(f"overlays/{overlay}")
    valid(found)
    names = [(document["kind"], document["metadata"]["name"]) for document in found]
    assert len(set(names)) == len(names)
    assert {document["metadata"]["namespace"] for document in found} == {"fuseline"}
    images = {container["image"] for name, container in containers(found) if "valkey" not in name}
    assert images == {"registry.example.com/fuseline:0.1.0"}
    labels = "app.kubernetes.io/part-of"
    for name, template in pods(found):
        assert (labels in template["metadata"]["labels"]) is (name != "fuseline-valkey")


def test_the_autoscaler_alone_says_how_many_projectors_there_are() -> None:
    found = {
        d["metadata"]["name"]: d for d in of_kind(rendered("overlays/production"), "Deployment")
    }
    assert "replicas" not in found["fuseline-projector"]["spec"]
    assert found["fuseline-worker"]["spec"]["replicas"] == 3


def test_commands_and_variables_are_those_of_the_code(base: list[Document]) -> None:
    known = known_variables()
    seen = set()
    for name, container in containers(base):
        assert "command" not in container  # the image's entry point
        parse_command(container["args"])
        assert {variable["name"] for variable in container["env"]} <= known, name
        seen.add(container["args"][0])
    assert seen == {"projector", "worker", "api", "alerts", "status"}
    for config in of_kind(written("base", "overlays"), "ConfigMap"):
        assert set(config["data"]) <= known
    overlay = yaml.safe_load((FOLDER / "overlays/production/kustomization.yaml").read_text())
    for patch in overlay["patches"]:
        assert set(yaml.safe_load(patch["patch"])["data"]) <= known


def test_probes_ask_what_the_processes_answer(base: list[Document]) -> None:
    paths = set(json.loads((ROOT / "docs/openapi.json").read_text())["paths"])
    paths |= set(re.findall(r'b"(/[a-z]+z)"', (ROOT / "fuseline/cli/health.py").read_text()))
    for name, container in containers(base):
        if name == "fuseline-migrate":
            continue
        ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
        for probe in ("livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["path"] in paths, asked
            assert asked["port"] in ports
        assert container["livenessProbe"]["httpGet"]["path"] != asked["path"]
        if "health" in ports:
            words = container["args"]
            assert words[words.index("--health-port") + 1] == ports["health"]
            assert words[words.index("--health-host") + 1] == "0.0.0.0"
        else:
            assert (ports["http"], container["args"][1:]) == ("8787", ["--host", "0.0.0.0"])
    (config,) = of_kind(base, "ConfigMap")
    assert config["data"]["OTEL_EXPORTER_PROMETHEUS_PORT"] == "9464"


def test_every_pod_is_confined(everything: list[Document]) -> None:
    for name, template in pods(everything):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "privileged" not in context


def test_no_service_sets_variables_of_ours(base: list[Document]) -> None:
    services = [service["metadata"]["name"] for service in of_kind(base, "Service")]
    set_by_kubernetes = {f"{name.upper().replace('-', '_')}_PORT" for name in services}
    assert set_by_kubernetes & known_variables(), "the reason for enableServiceLinks is gone"
    for name, template in pods(base):
        assert template["spec"]["enableServiceLinks"] is False, name


def test_processes_run_as_the_images_user(base: list[Document]) -> None:
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user is not None
    for _, template in pods(base):
        pod = template["spec"]["securityContext"]
        assert (pod["runAsUser"], pod["runAsGroup"]) == (int(user[1]), int(user[2]))


def test_selectors_find_pods(everything: list[Document]) -> None:
    labels = [template["metadata"]["labels"] for _, template in pods(everything)]
    labels = [given | {"app.kubernetes.io/part-of": "fuseline"} for given in labels]

    def found(selector: Document) -> bool:
        wanted = selector.get("matchLabels", {})
        matching = [given for given in labels if wanted.items() <= given.items()]
        for rule in selector.get("matchExpressions", ()):
            assert rule["operator"] == "In"
            values = {given[rule["key"]] for given in matching if rule["key"] in given}
            assert set(rule["values"]) <= values
        return bool(matching)

    for document in everything:
        spec = document.get("spec", {})
        match document["kind"]:
            case "PodDisruptionBudget" | "Deployment" | "StatefulSet":
                assert found(spec["selector"]), document
            case "Service":
                assert found({"matchLabels": spec["selector"]}), document
            case "NetworkPolicy":
                assert found(spec["podSelector"]), document
    budgets = {d["metadata"]["name"] for d in of_kind(everything, "PodDisruptionBudget")}
    assert budgets == {d["metadata"]["name"] for d in of_kind(everything, "Deployment")}


def test_two_of_everything_that_serves(base: list[Document]) -> None:
    replicas = {d["metadata"]["name"]: d["spec"]["replicas"] for d in of_kind(base, "Deployment")}
    assert set(replicas) == {f"fuseline-{n}" for n in ("projector", "worker", "api", "notifier")}
    assert set(replicas.values()) == {2}


def test_the_network_is_closed_but_for_what_is_named(base: list[Document]) -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in of_kind(base, "NetworkPolicy")}
    deny = policies.pop("fuseline-deny")
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not deny.keys() & {"ingress", "egress"}
    ports = {
        container_port["name"]
        for _, container in containers(base)
        for container_port in container.get("ports", ())
    }
    for policy in policies.values():
        for rule in (*policy.get("ingress", ()), *policy.get("egress", ())):
            assert rule["ports"], policy
            for port in rule["ports"]:
                assert isinstance(port["port"], int) or port["port"] in ports


def test_secrets_are_referred_to_and_made_by_the_script(everything: list[Document]) -> None:
    assert not of_kind(everything, "Secret")
    script = ["sh", FOLDER / "secrets.sh", "rediss://redis.example.com:6380/0"]
    text = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    made = {secret["metadata"]["name"]: secret["stringData"] for secret in documents(text)}
    valid([secret | {"metadata": secret["metadata"]} for secret in documents(text)])
    for name, container in containers(everything):
        for variable in container.get("env", ()):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                asked = variable["valueFrom"]["secretKeyRef"]
                assert asked["key"] in made[asked["name"]], name
    role_of = {"migrate": "deploy"}
    for name, container in containers(written("base")):
        (url,) = [v for v in container["env"] if v["name"] == "REDIS_URL"]
        role = name.removeprefix("fuseline-")
        assert url["valueFrom"]["secretKeyRef"]["key"] == f"{role_of.get(role, role)}-url"
    for key, url in made["fuseline-redis"].items():
        role = key.removesuffix("-url")
        password = made["valkey-passwords"][f"VALKEY_PASSWORD_{role.upper()}"]
        assert url == f"rediss://fuseline-{role}:{password}@redis.example.com:6380/0"


def test_the_trials_server_is_that_of_the_compose_file(passwords: dict[str, str]) -> None:
    compose = load(passwords)["services"]["valkey"]
    ((_, server),) = containers(written("overlays/trial"))
    assert server["image"] == compose["image"]
    assert server["command"] == compose["entrypoint"]
    assert server["args"] == compose["command"]
    (namespace,) = [variable["valueFrom"]["configMapKeyRef"] for variable in server["env"]]
    (config,) = of_kind(written("base"), "ConfigMap")
    assert namespace["name"] == config["metadata"]["name"]
    assert namespace["key"] in config["data"]
    given = yaml.safe_load((ROOT / "deploy/redis/acl/kustomization.yaml").read_text())
    (files,) = [generator["files"] for generator in given["configMapGenerator"]]
    there = {file.name for file in (ROOT / "deploy/redis/acl").iterdir()}
    assert set(files) == there - {"README.md", "kustomization.yaml"}


def test_the_autoscaler_watches_a_figure_that_is_exported(everything: list[Document]) -> None:
    (scaler,) = of_kind(everything, "HorizontalPodAutoscaler")
    (metric,) = [m["external"]["metric"]["name"] for m in scaler["spec"]["metrics"]]
    telemetry = (ROOT / "docs/telemetry.md").read_text()
    assert f"`{metric}`" in telemetry
    values = yaml.safe_load((FOLDER / "components/autoscaling/prometheus-adapter.yaml").read_text())
    (rule,) = values["rules"]["external"]
    assert rule["name"]["as"] == metric
    assert rule["seriesQuery"].startswith(metric)
    names = {document["metadata"]["name"] for document in of_kind(everything, "Deployment")}
    assert scaler["spec"]["scaleTargetRef"]["name"] in names
    (config,) = of_kind(written("base"), "ConfigMap")
    assert scaler["spec"]["maxReplicas"] <= int(config["data"]["FUSELINE_SHARDS"])


def test_files_that_kustomizations_name_exist() -> None:
    for file in FOLDER.rglob("kustomization.yaml"):
        document = yaml.safe_load(file.read_text())
        for name in (*document.get("resources", ()), *document.get("components", ())):
            path = file.parent / name
            assert path.is_file() or (Path(path) / "kustomization.yaml").is_file(), path


def test_the_image_has_the_version_of_the_code() -> None:
    import fuseline

    for overlay in OVERLAYS:
        document = yaml.safe_load((FOLDER / f"overlays/{overlay}/kustomization.yaml").read_text())
        assert [image["newTag"] for image in document["images"]] == [fuseline.__version__]
