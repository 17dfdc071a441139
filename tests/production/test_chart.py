"""The chart renders what Kubernetes takes, as committed, and refuses values that would be wrong on a street."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml
from lookout.topics import load_catalogue
from lookout_cli.production.acl_formats import as_users
from lookout_cli.production.acls import principals
from lookout_cli.production.strimzi import Labels, as_topics
from support.chart_derived import files as derived_files
from support.chart_golden import EXAMPLES, GOLDEN, golden
from support.helm import CHART, KUBERNETES, Refused, check_against_kubernetes, lint, notes, render
from support.network_policies import canonical
from support.other_makers import faults, is_theirs

Figures = Callable[[str, object], None]
PRODUCTION = CHART / "values-production.yaml"
KIND = CHART / "values-kind.yaml"

pytestmark = pytest.mark.timeout(1800)

EVERYTHING = {
    "monitoring": {
        "rules": {"enabled": True},
        "dashboards": {"enabled": True},
        "serviceMonitor": {"enabled": True},
    },
    "topics": {"strimzi": {"users": True, "cluster": "kafka"}},
    "gallery": {"kind": "server", "existingSecret": "gallery"},
    "inChart": {"qdrant": {"enabled": True, "tls": {"existingSecret": "qdrant-tls"}}},
}
"""Over the evaluation's values: all that neither example has."""

MTLS = {
    "kafka": {"securityProtocol": "SSL"},
    "services": {"detection": {"autoscaling": {"kind": "keda"}}},
}


def variants() -> Sequence[tuple[str, Any]]:
    made = [(example, render(CHART / f"values-{example}.yaml")) for example in EXAMPLES]
    made.append(("everything in the chart", render(KIND, overlay=EVERYTHING)))
    made.append(("mutual TLS", render(PRODUCTION, overlay=MTLS)))
    return made


def test_helm_finds_nothing_to_say(figures: Figures) -> None:
    for example in EXAMPLES:
        for version in KUBERNETES:
            assert "0 chart(s) failed" in lint(CHART / f"values-{example}.yaml", kubernetes=version)
    figures(
        "chart: values files linted", f"{len(EXAMPLES)}, for Kubernetes {', '.join(KUBERNETES)}"
    )


def test_kubernetes_own_schemas_take_everything(figures: Figures) -> None:
    checked = 0
    for name, documents in variants():
        ours = [document for document in documents if not is_theirs(document)]
        for version in KUBERNETES:
            assert check_against_kubernetes(ours, version.rpartition(".")[0]) == [], name
            checked += len(ours)
    figures("chart: resources checked by Kubernetes' schemas", checked)


def test_kubernetes_own_schemas_refuse_what_they_should() -> None:
    documents = render(KIND)
    deployment = next(one for one in documents if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["memory"] = "1Gi"

    assert check_against_kubernetes([deployment], "1.33")


def test_resources_of_strimzi_prometheus_and_keda_have_their_fields(figures: Figures) -> None:
    theirs = [one for _, documents in variants() for one in documents if is_theirs(one)]

    assert [fault for document in theirs for fault in faults(document)] == []
    kinds = {document["kind"] for document in theirs}
    assert kinds == {
        *("KafkaTopic", "KafkaUser", "ServiceMonitor", "PrometheusRule"),
        *("ScaledObject", "TriggerAuthentication"),
    }
    figures("chart: resources of Strimzi, Prometheus' operator and KEDA checked", len(theirs))


def test_a_field_that_strimzi_does_not_know_is_found() -> None:
    topic = next(one for one in render(PRODUCTION) if one["kind"] == "KafkaTopic")
    topic["spec"]["partition"] = topic["spec"].pop("partitions")

    assert sorted(fault.partition(": ")[2] for fault in faults(topic)) == [
        "spec.partition is not known",
        "spec.partitions is missing",
    ]


def test_topics_and_rights_are_those_that_the_command_line_prints(figures: Figures) -> None:
    catalogue, labels = load_catalogue(), Labels(cluster="kafka")
    printed = as_topics(catalogue, labels, replicas=3, min_in_sync=2) + as_users(
        principals(catalogue), labels, authentication="scram"
    )
    wanted = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(printed)}
    documents = [one for one in render(PRODUCTION) if one["kind"] in ("KafkaTopic", "KafkaUser")]

    assert {one["metadata"]["name"]: one["spec"] for one in documents} == wanted
    rights = [
        acl for one in documents for acl in one["spec"].get("authorization", {}).get("acls", ())
    ]
    figures(
        "chart: Strimzi topics, users and their rights", f"{len(documents)}, {len(rights)} rights"
    )


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_is_rendered_is_as_committed(example: str) -> None:
    committed = (GOLDEN / f"{example}.yaml").read_text()

    assert golden(example) == committed, (
        "see the difference, then PYTHONPATH=tests python -m support.chart_golden"
    )


def test_no_two_resources_have_one_name() -> None:
    for name, documents in variants():
        names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in documents]
        assert len(names) == len(set(names)), name


def test_names_are_short_enough_for_kubernetes_though_the_releases_is_long() -> None:
    documents = render(PRODUCTION, overlay={"fullnameOverride": "l" * 60})

    assert max(len(one["metadata"]["name"]) for one in documents) <= 63 + len("lookout.")


def test_rules_and_dashboards_are_those_of_the_files(figures: Figures) -> None:
    documents = render(KIND, overlay=EVERYTHING)
    rules = [one["spec"] for one in documents if one["kind"] == "PrometheusRule"]
    wanted = [
        yaml.safe_load(path.read_text())
        for folder in ("alerts", "rules")
        for path in sorted((CHART / "files" / folder).glob("*.yaml"))
    ]
    dashboards = [one for one in documents if "-dashboard-" in one["metadata"]["name"]]
    texts = sorted(path.read_text() for path in (CHART / "files" / "dashboards").glob("*.json"))

    assert sorted(map(canonical, rules)) == sorted(map(canonical, wanted))
    assert sorted(text.strip() for one in dashboards for text in one["data"].values()) == [
        text.strip() for text in texts
    ]
    figures("chart: rule files and dashboards carried", f"{len(rules)} and {len(dashboards)}")


def test_notes_say_where_the_first_sign_in_is_and_warn_of_an_evaluation() -> None:
    street, kind = notes(PRODUCTION), notes(KIND)

    assert "https://lookout.force.example" in street
    assert "EVALUATION" in kind
    assert "EVALUATION" not in street
    assert "/run/lookout/first/link" in street


def test_derived_files_are_current() -> None:
    assert all(path.read_text() == text for path, text in derived_files().items())


def over(path: str, value: object) -> Any:
    made: Any = value
    for part in reversed(path.split(".")):
        made = {part: made}
    return made


ANYWHERE = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
BAD: Sequence[tuple[str, object, str]] = (
    ("evaluaton", True, "Additional property evaluaton"),
    ("kafka.bootstrap", "", "kafka.bootstrap"),
    ("kafka.securityProtocol", "PLAINTEXT", "kafka.securityProtocol"),
    ("kafka.securityProtocol", "SASL_PLAINTEXT", "kafka.securityProtocol"),
    ("kafka.password", "secret", "Additional property password"),
    ("kafka.peers", [], "peers must say where it is"),
    ("kafka.peers", ANYWHERE, "kafka.peers.0"),
    ("kafka.peers", [{}], "kafka.peers.0"),
    ("kafka.peers", [{"podSelector": {}}], "kafka.peers.0"),
    ("kafka.peers", [{"namespaceSelector": {"matchlabels": {}}}], "matchlabels"),
    ("kafka.port", 0, "kafka.port"),
    ("keyring.url", "redis://keyring:6379", "keyring.url"),
    ("keyring.url", "rediss://lookout:secret@keyring:6379", "keyring.url"),
    ("keyring.existingSecret", "", "keyring.existingSecret"),
    ("keyring.peers", [], "keyring is used"),
    ("database.url", "postgresql+pg8000://lookout:secret@db/lookout", "database.url"),
    ("database.url", "sqlite:///console.db", "database.url"),
    ("database.ca.existingSecret", "", "database.ca.existingSecret"),
    ("registry.url", "http://registry:8081", "registry.url"),
    ("registry.username", "", "registry.username must be set"),
    ("traces.endpoint", "http://collector:4318", "traces.endpoint"),
    ("traces.peers", [], "traces is used"),
    ("gallery.url", "http://qdrant:6333", "gallery.url"),
    ("gallery.existingSecret", "", "gallery.url and gallery.existingSecret"),
    ("settings.demonstration", True, "settings.demonstration"),
    ("settings.log_level", "TRACE", "settings.log_level"),
    ("settings.keyring_url", "rediss://other", "Additional property keyring_url"),
    ("services.detection.settings.most_shots", 0, "most_shots"),
    ("services.detection.settings.most_shots", 9, "more chances of a false match"),
    ("services.detection.settings.guess_age", True, "Additional property guess_age"),
    ("services.detection.replicas", 5, "frames has 4 partitions"),
    ("services.matching.replicas", 0, "services.matching.replicas"),
    ("services.matching.autoscaling.minReplicas", 0, "services.matching.autoscaling.minReplicas"),
    ("services.alerting.autoscaling.minReplicas", 0, "services.alerting.autoscaling.minReplicas"),
    ("services.embedding.autoscaling.minReplicas", 9, "minReplicas is above maxReplicas"),
    ("services.capture.autoscaling", {"kind": "hpa"}, "Additional property autoscaling"),
    ("services.capture.replicas", 2, "Additional property replicas"),
    ("services.keeper.replicas", 2, "Additional property replicas"),
    ("services.console.replicas", 2, "Additional property replicas"),
    ("services.capture.sets", [], "name a set of cameras"),
    ("services.matching.resources.limits.memory", 4, "services.matching.resources.limits.memory"),
    ("console.tls.existingSecret", "", "console.tls.existingSecret"),
    ("console.ingress.tls.existingSecret", "", "console.ingress.tls.existingSecret"),
    ("console.identity.peers", [], "where the OpenID provider is"),
    ("console.notifications.peers", [], "where those are who are told"),
    ("console.ingress.peers", [], "peers that say where the ingress controller is"),
    ("inChart.valkey.enabled", True, "inChart.valkey.enabled"),
    ("inChart.postgresql.enabled", True, "inChart.postgresql.enabled"),
    ("terminationGracePeriodSeconds", 30, "terminationGracePeriodSeconds"),
    ("security.runAsUser", 0, "security.runAsUser"),
    ("vault.existingClaim", "", "vault.existingClaim"),
    ("models.existingClaim", "", "models.existingClaim"),
    ("trust.existingConfigMap", "", "trust.existingConfigMap"),
    ("topics.strimzi.cluster", "", "topics.strimzi.cluster"),
    ("dns.peers", [], "dns.peers"),
)


@pytest.mark.parametrize(("path", "value", "why"), BAD, ids=[f"{a}={b}"[:60] for a, b, _ in BAD])
def test_a_bad_value_is_refused_with_the_reason(path: str, value: object, why: str) -> None:
    with pytest.raises(Refused) as refused:
        render(PRODUCTION, overlay=over(path, value))

    assert why in refused.value.said


def test_without_values_it_says_what_is_missing(figures: Figures) -> None:
    with pytest.raises(Refused) as refused:
        render()

    for missing in ("kafka.bootstrap", "keyring.url", "trust.existingConfigMap"):
        assert missing in refused.value.said
    figures("chart: bad values refused", len(BAD))
