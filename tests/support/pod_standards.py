"""Kubernetes' restricted Pod Security Standard, and what Lookout asks beyond it, of rendered pods."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pods(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every pod's name and specification."""
    for document in documents:
        template = (document.get("spec") or {}).get("template")
        if document["kind"] in ("Deployment", "StatefulSet", "Job", "DaemonSet") and template:
            yield document["metadata"]["name"], template["spec"]


def violations(pod: Mapping[str, Any]) -> Sequence[str]:
    """What is wrong with a pod; empty when nothing is."""
    found = [*_of_pod(pod)]
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        found += [f"{container['name']}: {fault}" for fault in _of_container(container)]
    return found


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    context = pod.get("securityContext", {})
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield key
    if pod.get("automountServiceAccountToken") is not False:
        yield "its account's token is mounted"
    if pod.get("enableServiceLinks") is not False:
        yield "services' addresses come into its environment"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser", 0) < 1:
        yield "it may run as root"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "no seccomp profile"
    yield from _of_volumes(pod)


def _of_volumes(pod: Mapping[str, Any]) -> Iterator[str]:
    for volume in pod.get("volumes", ()):
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is {', '.join(kinds)}"
        # What is written is in memory: templates, chips and links must reach no disk.
        if "emptyDir" in volume and volume["emptyDir"].get("medium") != "Memory":
            yield f"volume {volume['name']} is on the node's disk"
        if "emptyDir" in volume and "sizeLimit" not in volume["emptyDir"]:
            yield f"volume {volume['name']} has no limit"


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if context.get("privileged") is not False:
        yield "may be privileged"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "its root file system can be written"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "keeps capabilities"
    if context.get("runAsNonRoot") is not True:
        yield "may run as root"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no seccomp profile"
    resources = container.get("resources", {})
    if "memory" not in resources.get("limits", {}) or "cpu" not in resources.get("requests", {}):
        yield "no limit of memory, or no request of processors"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield "takes a port of the node"
