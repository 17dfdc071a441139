"""Resources of Strimzi, of the Prometheus operator and of KEDA, checked by hand: their schemas are not to be had here.

Written after their documentation of the fields that the chart uses; a field that is not named here is refused.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# A shape is a type, a set of allowed values, [shape] for a list, {key: shape} for an object that has no other keys
# (a key with "?" may be missing), and {"*": shape} for one with any keys.
Shape = Any

_SETTING = (str, int)
_CLUSTER = "strimzi.io/cluster"
_RESOURCE = {
    "type": {"topic", "group", "cluster", "transactionalId"},
    "name?": str,
    "patternType?": {"literal", "prefix"},
}
_OPERATIONS = {"Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"}
_RULE = {
    "alert?": str,
    "record?": str,
    "expr": (str, int, float),
    "for?": str,
    "keep_firing_for?": str,
    "labels?": {"*": str},
    "annotations?": {"*": str},
}

SHAPES: Mapping[tuple[str, str], Shape] = {
    ("kafka.strimzi.io", "KafkaTopic"): {
        "topicName": str,
        "partitions": int,
        "replicas": int,
        "config": {"*": _SETTING},
    },
    ("kafka.strimzi.io", "KafkaUser"): {
        "authentication": {"type": {"scram-sha-512", "tls"}},
        "authorization": {
            "type": {"simple"},
            "acls": [{"resource": _RESOURCE, "operations": [_OPERATIONS]}],
        },
    },
    ("monitoring.coreos.com", "ServiceMonitor"): {
        "selector": {"matchLabels": {"*": str}},
        "endpoints": [
            {
                "port": str,
                "interval": str,
                "scrapeTimeout": str,
                "relabelings": [{"sourceLabels": [str], "targetLabel": str}],
            }
        ],
    },
    ("monitoring.coreos.com", "PrometheusRule"): {
        "groups": [{"name": str, "interval?": str, "labels?": {"*": str}, "rules": [_RULE]}]
    },
    ("keda.sh", "ScaledObject"): {
        "scaleTargetRef": {"name": str},
        "minReplicaCount": int,
        "maxReplicaCount": int,
        "cooldownPeriod": int,
        "triggers": [
            {
                "type": {"kafka"},
                "metadata": {
                    "bootstrapServers": str,
                    "consumerGroup": str,
                    "topic": str,
                    "lagThreshold": str,
                    "sasl?": {"plaintext", "scram_sha256", "scram_sha512"},
                    "tls": {"enable", "disable"},
                },
                "authenticationRef?": {"name": str},
            }
        ],
    },
    ("keda.sh", "TriggerAuthentication"): {
        "secretTargetRef": [
            {
                "parameter": {"username", "password", "ca", "cert", "key"},
                "name": str,
                "key": str,
            }
        ]
    },
}
_VERSIONS = {
    "kafka.strimzi.io": {"v1beta2", "v1"},
    "monitoring.coreos.com": {"v1"},
    "keda.sh": {"v1alpha1"},
}


def is_theirs(document: Mapping[str, Any]) -> bool:
    """Whether Kubernetes' own schemas do not know it."""
    return str(document["apiVersion"]).partition("/")[0] in _VERSIONS


def faults(document: Mapping[str, Any]) -> Sequence[str]:
    """What is wrong with one; empty when nothing is."""
    group, _, version = str(document["apiVersion"]).partition("/")
    name = f"{document['kind']} {document['metadata'].get('name')}"
    shape = SHAPES.get((group, str(document["kind"])))
    if shape is None or version not in _VERSIONS[group]:
        return [f"{name}: no resource of {document['apiVersion']}"]
    found = [f"{name}: {fault}" for fault in _faults(document["spec"], shape, "spec")]
    if set(document) != {"apiVersion", "kind", "metadata", "spec"}:
        found.append(f"{name}: has {', '.join(sorted(document))}")
    if group == "kafka.strimzi.io" and _CLUSTER not in document["metadata"]["labels"]:
        found.append(f"{name}: names no cluster")
    return found


def _faults(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if isinstance(shape, dict):
        yield from _of_object(value, shape, path)
    elif isinstance(shape, list):
        if not isinstance(value, list) or not value:
            yield f"{path} is no list, or empty"
            return
        for number, part in enumerate(value):
            yield from _faults(part, shape[0], f"{path}[{number}]")
    elif isinstance(shape, set):
        if value not in shape:
            yield f"{path} is {value!r}"
    elif not isinstance(value, shape) or isinstance(value, bool):
        yield f"{path} is a {type(value).__name__}"


def _of_object(value: Any, shape: Mapping[str, Shape], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object"
        return
    if "*" in shape:
        for key, part in value.items():
            yield from _faults(part, shape["*"], f"{path}.{key}")
        return
    known = {key.removesuffix("?"): part for key, part in shape.items()}
    for key in value.keys() - known.keys():
        yield f"{path}.{key} is not known"
    for key in {key for key in shape if not key.endswith("?")} - value.keys():
        yield f"{path}.{key} is missing"
    for key, part in value.items():
        if key in known:
            yield from _faults(part, known[key], f"{path}.{key}")
