"""Topics as Strimzi's ``KafkaTopic``, and what its documents have in common. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml
from lookout.topics import Catalogue

API_VERSION = "kafka.strimzi.io/v1beta2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What every document says of where it belongs. ``cluster`` is the name of the ``Kafka`` resource."""

    cluster: str
    namespace: str | None = None
    api_version: str = API_VERSION

    def document(self, kind: str, name: str, spec: Mapping[str, object]) -> Mapping[str, object]:
        """One Kubernetes document."""
        metadata: dict[str, object] = {"name": name}
        if self.namespace is not None:
            metadata["namespace"] = self.namespace
        metadata["labels"] = {
            "strimzi.io/cluster": self.cluster,
            "app.kubernetes.io/part-of": "lookout",
        }
        return {"apiVersion": self.api_version, "kind": kind, "metadata": metadata, "spec": spec}


def as_topics(
    catalogue: Catalogue, labels: Labels, *, replicas: int, min_in_sync: int | None
) -> str:
    """``KafkaTopic`` documents of the catalogue; ``min_in_sync`` replicas acknowledge, the broker's default if None."""
    added = {} if min_in_sync is None else {"min.insync.replicas": min_in_sync}
    return as_yaml(
        labels.document(
            "KafkaTopic",
            topic.name,
            {
                "topicName": topic.name,
                "partitions": topic.entry.partitions,
                "replicas": replicas,
                "config": {**topic.entry.config, **added},
            },
        )
        for topic in catalogue.topics
    )


def as_yaml(documents: Iterable[Mapping[str, object]]) -> str:
    """Documents one after another, as kubectl takes them."""
    return yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=120)
