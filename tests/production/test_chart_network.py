"""Every edge of the data flow that the table names is allowed by the rendered policies, and nothing else is."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from support.chart_derived import SERVICES
from support.chart_golden import EXAMPLES
from support.helm import CHART, render
from support.network_policies import Connection, allowed, expected, pods_of, undefended

Figures = Callable[[str, object], None]
pytestmark = pytest.mark.timeout(1800)

QDRANT = {
    "gallery": {"kind": "server", "existingSecret": "gallery"},
    "inChart": {"qdrant": {"enabled": True, "tls": {"existingSecret": "qdrant-tls"}}},
}
EDGE_VAN = {"services": {name: {"enabled": name == "capture"} for name in SERVICES}}
"""Only capture: the rest runs somewhere else."""

CASES = [
    *[(example, f"values-{example}.yaml", {}) for example in EXAMPLES],
    ("kind with Qdrant", "values-kind.yaml", QDRANT),
    ("a van", "values-production.yaml", EDGE_VAN),
]


def merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, dict):
        return {
            key: merged(under.get(key), over.get(key, under.get(key))) for key in {**under, **over}
        }
    return over


def values(file: str, overlay: object) -> Mapping[str, Any]:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    with_file = merged(defaults, yaml.safe_load((CHART / file).read_text()))
    found: Mapping[str, Any] = merged(with_file, overlay)
    return found


@pytest.mark.parametrize(("name", "file", "overlay"), CASES, ids=[case[0] for case in CASES])
def test_every_edge_of_the_table_is_allowed_and_no_other(
    name: str, file: str, overlay: object, figures: Figures
) -> None:
    documents = render(CHART / file, overlay=overlay)
    told = expected(values(file, overlay), pods_of(documents), services=SERVICES)

    found = allowed(documents)

    assert sorted(found - told) == []
    assert sorted(told - found) == []
    policies = sum(document["kind"] == "NetworkPolicy" for document in documents)
    figures(f"chart: NetworkPolicy edges of {name}", f"{len(found)} allowed by {policies} policies")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_denied_everything_that_is_not_allowed(example: str) -> None:
    assert undefended(render(CHART / f"values-{example}.yaml")) == []


def test_who_reaches_what_is_what_the_data_flow_says() -> None:
    """Spelled out once, by hand, apart from the table and from the templates."""
    found = allowed(render(CHART / "values-production.yaml"))

    def reach(port: str, *, word: str = "") -> set[str]:
        return {
            edge.source.removeprefix("lookout-")
            for edge in found
            if edge.port == port and word in edge.target
        }

    captures = {"capture-high-street", "capture-station"}
    services = captures | {"detection", "embedding", "matching", "alerting", "keeper", "console"}
    assert reach("9093/TCP") == services
    assert reach("6379/TCP", word="keyring") == services
    assert reach("8443/TCP", word="registry") == services
    assert reach("4318/TCP", word="collector") == services
    assert reach("6333/TCP") == {"matching"}
    assert reach("5432/TCP") == {"console", "migrations"}
    assert reach("554/TCP", word="192.0.2.0/28") == {"capture-high-street"}
    assert reach("554/TCP", word="192.0.2.32/28") == {"capture-station"}
    assert reach("443/TCP", word="198.51.100.20/32") == {"keeper"}
    assert reach("443/TCP", word="198.51.100.10/32") == {"console"}
    assert reach("53/UDP") == services | {"migrations"}
    inward = {edge for edge in found if edge.target.startswith("lookout-")}
    assert {edge.port for edge in inward} == {"9100/TCP", "8080/TCP"}
    assert {edge.target for edge in inward if edge.port == "8080/TCP"} == {"lookout-console"}
    assert all("ingress-nginx" in edge.source for edge in inward if edge.port == "8080/TCP")
    assert all("prometheus" in edge.source for edge in inward if edge.port == "9100/TCP")


def test_no_service_reaches_another() -> None:
    documents = render(CHART / "values-kind.yaml")
    names = {pod.name for pod in pods_of(documents)}
    stores = {"lookout-valkey", "lookout-postgresql"}

    between = {edge for edge in allowed(documents) if {edge.source, edge.target} <= names}

    assert {edge.target for edge in between} == stores


def _dropped(documents: list[Any]) -> None:
    documents.remove(policy(documents, "lookout-matching-to-kafka"))


def _opened_to_all(documents: list[Any]) -> None:
    del policy(documents, "lookout-keeper-to-anchors")["spec"]["egress"][0]["to"]


def _any_port(documents: list[Any]) -> None:
    del policy(documents, "lookout-console-to-database")["spec"]["egress"][0]["ports"]


def _another_peer(documents: list[Any]) -> None:
    rule = policy(documents, "lookout-ingress-to-console")["spec"]["ingress"][0]
    rule["from"].append({"ipBlock": {"cidr": "203.0.113.0/24"}})


def _too_many_pods(documents: list[Any]) -> None:
    labels = policy(documents, "lookout-matching-to-qdrant")["spec"]["podSelector"]["matchLabels"]
    del labels["app.kubernetes.io/component"]


def policy(documents: list[Any], name: str) -> Any:
    return next(
        one
        for one in documents
        if one["kind"] == "NetworkPolicy" and one["metadata"]["name"] == name
    )


@pytest.mark.parametrize(
    "break_it", [_dropped, _opened_to_all, _any_port, _another_peer, _too_many_pods]
)
def test_a_policy_that_is_wrong_would_be_found(break_it: Callable[[list[Any]], None]) -> None:
    documents = render(CHART / "values-production.yaml")
    told = expected(values("values-production.yaml", {}), pods_of(documents), services=SERVICES)
    broken = copy.deepcopy(documents)
    break_it(broken)

    assert allowed(documents) == told
    assert allowed(broken) != told


def test_without_the_denial_pods_would_be_undefended() -> None:
    documents = render(CHART / "values-production.yaml")
    documents.remove(policy(documents, "lookout-deny"))

    assert any("Ingress" in one for one in undefended(documents))


def test_peers_compare_however_they_are_spelled() -> None:
    one = Connection("a", json.dumps({"x": 1, "y": 2}, sort_keys=True), "1/TCP")
    assert one == Connection("a", json.dumps({"y": 2, "x": 1}, sort_keys=True), "1/TCP")
