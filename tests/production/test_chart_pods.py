"""Every pod of the chart: confined, told only what its service reads, given only what it uses, and replaced without loss."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest
from lookout.hosting.settings import PlatformSettings
from lookout.sealing.keyring import _REQUIRED_CONFIG
from lookout.topics import load_catalogue
from support.chart_derived import (
    NOT_SET_IN_A_CLUSTER,
    SERVICES,
    settings_of,
    variables_read_by,
)
from support.chart_golden import EXAMPLES
from support.helm import CHART, render
from support.pod_standards import pods, violations

Figures = Callable[[str, object], None]
PRODUCTION, KIND = (CHART / f"values-{example}.yaml" for example in EXAMPLES)
pytestmark = pytest.mark.timeout(1800)

NOT_OURS = {"SSL_CERT_FILE"}
"""Read by Python's own TLS."""

REQUIRED = {
    *("LOOKOUT_INSTANCE", "LOOKOUT_KAFKA_BOOTSTRAP", "LOOKOUT_KAFKA_SECURITY_PROTOCOL"),
    *("LOOKOUT_KEYRING_URL", "LOOKOUT_TOPIC_PREFIX", "LOOKOUT_TRUST_FILE"),
    *("LOOKOUT_VAULT_FOLDER", "LOOKOUT_VAULT_SECRET_FILE"),
    *("LOOKOUT_METRICS_HOST", "LOOKOUT_METRICS_PORT"),
}
"""What no service can do without, or whose default is meant for one machine."""

REQUIRED_BY = {
    "capture": {"LOOKOUT_CAPTURE_CAMERAS_FILE"},
    "detection": {"LOOKOUT_MODELS_FOLDER"},
    "embedding": {"LOOKOUT_MODELS_FOLDER"},
    "matching": {"LOOKOUT_MATCHING_GALLERY"},
    "console": {
        *("LOOKOUT_MODELS_FOLDER", "LOOKOUT_CONSOLE_DATABASE_URL", "LOOKOUT_CONSOLE_HOST"),
        *("LOOKOUT_CONSOLE_PORT", "LOOKOUT_CONSOLE_DATABASE_PASSWORD_FILE", "LOOKOUT_CONSOLE_TLS"),
    },
}


def services(documents: list[Any]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Service, its pod, and its environment by name (the entry as it stands)."""
    for document in documents:
        if document["kind"] == "Deployment":
            pod = document["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            yield container["name"], pod, {one["name"]: one for one in container["env"]}


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_confined(example: str, figures: Figures) -> None:
    found = dict(pods(render(CHART / f"values-{example}.yaml")))
    stores = {"lookout-valkey", "lookout-postgresql"}

    assert {name: violations(pod) for name, pod in found.items() if violations(pod)} == {}
    assert len(found) == {"production": 10, "kind": 11}[example], sorted(found)
    assert stores.isdisjoint(found) is (example == "production")
    figures(f"chart: pods held to the restricted standard, {example}", len(found))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("securityContext.runAsUser", 0),
        ("enableServiceLinks", True),
        ("automountServiceAccountToken", True),
        ("hostNetwork", True),
        ("containers.0.securityContext.readOnlyRootFilesystem", False),
        ("containers.0.securityContext.capabilities", {"drop": ["ALL"], "add": ["NET_RAW"]}),
        ("volumes.0", {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}),
        ("volumes.0", {"name": "tmp", "hostPath": {"path": "/"}}),
    ],
)
def test_a_pod_that_is_not_confined_would_be_found(path: str, value: object) -> None:
    pod = next(pod for _, pod in pods(render(KIND)))
    *above, last = path.split(".")
    at: Any = pod
    for part in above:
        at = at[int(part)] if part.isdigit() else at[part]
    at[int(last) if last.isdigit() else last] = value

    assert violations(pod)


@pytest.mark.parametrize("example", EXAMPLES)
def test_services_are_told_what_they_read_and_all_that_they_need(
    example: str, figures: Figures
) -> None:
    told = 0
    for service, _, environment in services(render(CHART / f"values-{example}.yaml")):
        names = set(environment) - NOT_OURS
        assert names <= variables_read_by(service), service
        assert names.isdisjoint(NOT_SET_IN_A_CLUSTER), service
        assert REQUIRED | REQUIRED_BY.get(service, set()) <= names, service
        told += len(names)
    figures(f"chart: settings given, each read by its service, {example}", told)


@pytest.mark.parametrize("example", EXAMPLES)
def test_jobs_are_told_what_they_read_and_no_password_but_their_own(example: str) -> None:
    jobs = {
        name.removeprefix("lookout-"): {one["name"] for one in pod["containers"][0]["env"]}
        for name, pod in pods(render(CHART / f"values-{example}.yaml"))
        if name in ("lookout-topics", "lookout-schemas", "lookout-migrations")
    }
    assert (
        jobs.keys()
        == {
            "production": {"schemas", "migrations"},
            "kind": {"topics", "migrations"},
        }[example]
    )
    for job, names in jobs.items():
        service = "console" if job == "migrations" else "capture"
        assert names - NOT_OURS <= variables_read_by(service), job
        passwords = {name for name in names if name.endswith("PASSWORD_FILE")}
        may_have = {
            "migrations": {"LOOKOUT_CONSOLE_DATABASE_PASSWORD_FILE"},
            "schemas": {"LOOKOUT_REGISTRY_PASSWORD_FILE"},
            "topics": {"LOOKOUT_KAFKA_PASSWORD_FILE"},
        }[job]
        assert passwords <= may_have, job


@pytest.mark.parametrize("example", EXAMPLES)
def test_services_accept_the_settings_that_they_are_given(
    example: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for service, _, environment in services(render(CHART / f"values-{example}.yaml")):
        for name in [name for name in os.environ if name.startswith("LOOKOUT_")]:
            monkeypatch.delenv(name)
        for name, entry in environment.items():
            monkeypatch.setenv(name, entry.get("value", "from-the-cluster"))
        platform = PlatformSettings()
        settings_of(service)()
        assert platform.instance == "from-the-cluster"
        assert platform.metrics_port == 9100
        assert platform.demonstration is (example == "kind")
        seen.add(service)
    assert seen == set(SERVICES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_file_that_is_named_is_mounted(example: str) -> None:
    for service, pod, environment in services(render(CHART / f"values-{example}.yaml")):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        assert {mount["name"] for mount in mounts.values()} == set(volumes), service
        for name, entry in environment.items():
            for path in re.findall(
                r"/(?:etc|var/lib|run)/lookout/[^\s?&]+", entry.get("value", "")
            ):
                at = PurePosixPath(path)
                mount = mounts.get(str(at)) or mounts.get(str(at.parent))
                assert mount is not None, f"{service}: {name}={path}"
                volume = volumes[mount["name"]]
                source = volume.get("secret") or volume.get("downwardAPI") or {}
                items = {item["path"] for item in source.get("items", ())}
                assert not items or at.name in items, f"{service}: {name}={path}"


def test_secrets_come_from_secrets_that_exist_before_and_are_in_no_value() -> None:
    for document in render(PRODUCTION):
        if document["kind"] == "Secret":
            assert document["stringData"] == {"username": "lookout-monitor"}
    for service, _, environment in services(render(PRODUCTION)):
        for name, entry in environment.items():
            assert "secretKeyRef" not in entry.get("valueFrom", {}), f"{service}: {name}"
            if re.search(r"PASSWORD|SECRET|API_KEY|WEBHOOK_URL|TOKEN", name):
                assert name.endswith("_FILE"), f"{service}: {name}"


def test_a_service_link_would_break_a_setting_so_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documents = render(PRODUCTION)
    links = {
        f"{one['metadata']['name'].upper().replace('-', '_')}_PORT"
        for one in documents
        if one["kind"] == "Service"
    }
    assert {"LOOKOUT_METRICS_PORT", "LOOKOUT_CONSOLE_PORT"} <= links
    monkeypatch.setenv("LOOKOUT_METRICS_PORT", "tcp://10.96.0.1:9100")
    with pytest.raises(ValueError, match="metrics_port"):
        PlatformSettings()
    assert all(pod["enableServiceLinks"] is False for _, pod in pods(documents))


def test_long_lived_keys_are_mounted_only_where_they_are_used() -> None:
    vaults = {}
    for service, pod, _ in services(render(PRODUCTION)):
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        claim = volumes["vault"].get("persistentVolumeClaim")
        vaults[service] = None if claim is None else claim["readOnly"]
        assert ("secret" in volumes["vault-secret"]) is (claim is not None), service
    assert vaults == {
        **dict.fromkeys(("capture", "detection", "embedding", "alerting")),
        "matching": True,
        "keeper": False,
        "console": False,
    }


def test_each_set_of_cameras_sees_its_own_list_only() -> None:
    lists = {
        pod["volumes"][number]["secret"]["secretName"]
        for service, pod, _ in services(render(PRODUCTION))
        if service == "capture"
        for number, volume in enumerate(pod["volumes"])
        if volume["name"] == "cameras"
    }
    assert lists == {"cameras-high-street", "cameras-station"}


def deployments(documents: list[Any]) -> Mapping[str, Any]:
    return {
        one["metadata"]["name"].removeprefix("lookout-"): one["spec"]
        for one in documents
        if one["kind"] == "Deployment"
    }


def test_updates_never_wait_for_a_replica_that_would_get_no_partition() -> None:
    partitions = load_catalogue().named("lookout.frames").entry.partitions
    few = deployments(render(PRODUCTION, overlay={"services": {"detection": {"replicas": 3}}}))
    all_of_them = {"services": {"detection": {"replicas": partitions}}}
    full = deployments(render(PRODUCTION, overlay=all_of_them))

    surging = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    in_place = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert few["detection"]["strategy"] == surging
    assert full["detection"]["strategy"] == in_place
    assert full["console"]["strategy"] == surging
    for name in ("capture-station", "keeper"):
        assert full[name]["strategy"] == {"type": "Recreate"}
        assert full[name]["replicas"] == 1
    assert full["console"]["replicas"] == 1


def test_replicas_follow_the_lag_up_to_the_partitions_and_never_of_capture() -> None:
    wanted = {
        "services": {
            "detection": {"autoscaling": {"kind": "keda", "maxReplicas": 50}},
            "matching": {"autoscaling": {"kind": "hpa", "maxReplicas": 50}},
        }
    }
    documents = render(PRODUCTION, overlay=wanted)
    partitions = {topic.entry.topic: topic.entry.partitions for topic in load_catalogue().topics}
    keda = {
        one["metadata"]["name"]: one["spec"] for one in documents if one["kind"] == "ScaledObject"
    }
    hpa = {
        one["metadata"]["name"]: one["spec"]
        for one in documents
        if one["kind"] == "HorizontalPodAutoscaler"
    }

    assert set(keda) == {"lookout-detection", "lookout-embedding"}
    assert set(hpa) == {"lookout-matching", "lookout-alerting"}
    assert keda["lookout-detection"]["maxReplicaCount"] == partitions["frames"]
    assert keda["lookout-embedding"]["maxReplicaCount"] == partitions["faces"]
    assert hpa["lookout-matching"]["maxReplicas"] == partitions["embeddings"]
    assert all(spec["minReplicaCount"] >= 1 for spec in keda.values())
    assert all(spec["minReplicas"] >= 1 for spec in hpa.values())
    assert "replicas" not in deployments(documents)["matching"]


def test_a_gpu_is_asked_for_with_what_computes_on_it() -> None:
    for service, pod, environment in services(render(PRODUCTION)):
        limits = pod["containers"][0]["resources"]["limits"]
        on_gpu = service == "detection"
        assert ("nvidia.com/gpu" in limits) is on_gpu, service
        assert ("LOOKOUT_ONNX_PROVIDER" in environment) is on_gpu, service
        assert ("runtimeClassName" in pod) is on_gpu, service


def test_metrics_are_found_of_pods_that_are_not_ready_too() -> None:
    (service,) = [
        one
        for one in render(PRODUCTION)
        if one["kind"] == "Service" and one["metadata"]["name"] == "lookout-metrics"
    ]
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["clusterIP"] == "None"


def test_the_keyring_in_the_chart_is_as_every_service_asks() -> None:
    documents = render(KIND)
    (configuration,) = [
        one["data"]["valkey.conf"]
        for one in documents
        if one["metadata"]["name"] == "lookout-valkey" and one["kind"] == "ConfigMap"
    ]
    told = dict(line.split(" ", 1) for line in configuration.splitlines())
    assert {name: told[name].strip('"') for name in _REQUIRED_CONFIG} == dict(_REQUIRED_CONFIG)
    (keyring,) = [pod for name, pod in pods(documents) if name == "lookout-valkey"]
    assert "ulimit -c 0" in keyring["containers"][0]["command"][-1]
    assert not any("persistentVolumeClaim" in volume for volume in keyring["volumes"])
