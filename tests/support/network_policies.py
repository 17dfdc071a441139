"""Which connections rendered NetworkPolicies allow, as Kubernetes reads them; and what the table of edges says they should."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

EDGES = Path(__file__).parents[2] / "charts" / "lookout" / "files" / "edges.yaml"
METRICS, PAGES = 9100, 8080
_OPERATORS = {"In", "NotIn", "Exists", "DoesNotExist"}


@dataclass(frozen=True, slots=True, order=True)
class Connection:
    """``source`` and ``target`` are components of the release, or a peer outside as canonical JSON."""

    source: str
    target: str
    port: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A kind of pod of the release. Pods of one component with different labels are of different kinds."""

    name: str
    component: str
    labels: Mapping[str, str]


def pods_of(documents: Iterable[Mapping[str, Any]]) -> Sequence[Pod]:
    """Every kind of pod that the documents make."""
    found = []
    for document in documents:
        if document["kind"] in ("Deployment", "StatefulSet", "Job", "DaemonSet"):
            labels = document["spec"]["template"]["metadata"]["labels"]
            component = labels["app.kubernetes.io/component"]
            found.append(Pod(document["metadata"]["name"], component, labels))
    return found


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects these labels; an empty one selects everything."""
    selector = selector or {}
    assert set(selector) <= {"matchLabels", "matchExpressions"}, selector
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions", ())
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    assert operator in _OPERATORS, operator
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) is (operator == "Exists")
    return (labels.get(key) in expression["values"]) is (operator == "In")


def undefended(documents: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """Pods that some direction of traffic is not denied for by default."""
    policies = _policies(documents)
    return [
        f"{pod.name}: {direction}"
        for pod in pods_of(documents)
        for direction in ("Ingress", "Egress")
        if not any(
            direction in policy["policyTypes"] and selects(policy["podSelector"], pod.labels)
            for policy in policies
        )
    ]


def allowed(documents: Sequence[Mapping[str, Any]]) -> set[Connection]:
    """Every connection from, to or between the release's pods that the policies allow.

    Between two of its pods both ends must allow it. A rule that names no peer or no port allows every one: it shows as ``*``.
    """
    pods = pods_of(documents)
    policies = _policies(documents)
    ours = {pod.name for pod in pods}
    out = set(_rules(pods, policies, "egress"))
    back = set(_rules(pods, policies, "ingress"))
    found = {Connection(pod, peer, port) for pod, peer, port in out if peer not in ours}
    found |= {Connection(peer, pod, port) for pod, peer, port in back if peer not in ours}
    between = {(pod, peer, port) for pod, peer, port in out if peer in ours}
    answered = {(peer, pod, port) for pod, peer, port in back if peer in ours}
    return found | {Connection(*both) for both in between & answered}


def _policies(documents: Iterable[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    # A hook's policy is there while its job is, and counts.
    return [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]


def _rules(
    pods: Sequence[Pod], policies: Sequence[Mapping[str, Any]], direction: str
) -> Iterator[tuple[str, str, str]]:
    side = "to" if direction == "egress" else "from"
    for pod in pods:
        for policy in policies:
            if direction.title() not in policy["policyTypes"]:
                continue
            if not selects(policy["podSelector"], pod.labels):
                continue
            for rule in policy.get(direction, ()):
                ports = [f"{one['port']}/{one['protocol']}" for one in rule.get("ports", ())]
                for peer in rule.get(side) or [None]:
                    for name in _peers(pods, peer):
                        for port in ports or ["*"]:
                            yield pod.name, name, port


def _peers(pods: Sequence[Pod], peer: Mapping[str, Any] | None) -> Sequence[str]:
    """Pods of the release by name, where the peer is some in its own namespace; else the peer, as JSON."""
    if peer is None:
        return ["*"]
    if set(peer) == {"podSelector"}:
        return [pod.name for pod in pods if selects(peer["podSelector"], pod.labels)]
    return [canonical(peer)]


def canonical(peer: object) -> str:
    """A peer in one spelling."""
    return json.dumps(peer, sort_keys=True)


def table() -> Sequence[Mapping[str, Any]]:
    """The table of edges."""
    found: Sequence[Mapping[str, Any]] = yaml.safe_load(EDGES.read_text())
    return found


def expected(
    values: Mapping[str, Any], pods: Sequence[Pod], *, services: Sequence[str]
) -> set[Connection]:
    """What the table of edges allows with these values (defaults included), worked out apart from the chart's templates."""
    found: set[Connection] = set()
    by_component: dict[str, list[str]] = {}
    for pod in pods:
        by_component.setdefault(pod.component, []).append(pod.name)
    stores = {"keyring": "valkey", "qdrant": "qdrant", "database": "postgresql"}
    for edge in table():
        to = edge["to"]
        everybody = [*services, "topics", "migrations"]
        sources = everybody if edge["from"] == ["everybody"] else edge["from"]
        names = [name for one in sources for name in by_component.get(one, ())]
        if to == "cameras":
            for camera_set in values["services"]["capture"]["sets"]:
                name = f"lookout-capture-{camera_set['name']}"
                port = camera_set.get("port", 554)
                found |= {
                    Connection(name, canonical(peer), f"{port}/TCP") for peer in camera_set["peers"]
                }
        elif to in ("metrics", "console"):
            targets = services if to == "metrics" else ["console"]
            inward = values["monitoring"] if to == "metrics" else values["console"]["ingress"]
            port = METRICS if to == "metrics" else PAGES
            found |= {
                Connection(canonical(peer), name, f"{port}/TCP")
                for peer in inward["peers"]
                for target in targets
                for name in by_component.get(target, ())
            }
        elif values["inChart"].get(stores.get(to, ""), {}).get("enabled"):
            (store,) = by_component[stores[to]]
            port = {"keyring": 6379, "qdrant": 6333, "database": 5432}[to]
            found |= {Connection(name, store, f"{port}/TCP") for name in names}
        else:
            found |= set(_outward(values, to, names))
    return found


def _outward(values: Mapping[str, Any], to: str, names: Sequence[str]) -> Iterator[Connection]:
    section = {
        **{
            name: values[name]
            for name in ("kafka", "keyring", "registry", "database", "dns", "traces")
        },
        "qdrant": values["gallery"],
        "anchors": values["anchors"],
        "identity": values["console"]["identity"],
        "notifications": values["console"]["notifications"],
    }.get(to)
    unused = {
        "traces": not values["traces"]["endpoint"],
        "qdrant": values["gallery"]["kind"] != "server",
        "registry": not values["registry"]["url"],
        "anchors": not values["anchors"]["webhook"]["existingSecret"],
    }
    if section is None or unused.get(to):
        return
    for peer in section["peers"]:
        for name in names:
            yield Connection(name, canonical(peer), f"{section['port']}/TCP")
            if to == "dns":
                yield Connection(name, canonical(peer), f"{section['port']}/UDP")
