"""What a kubelet does for a pod, on this machine: its volumes as folders, its environment, and its program as a process."""

import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Contents = Mapping[str, Mapping[str, bytes]]
"""Secrets and ConfigMaps: by name, the content of each key."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the cluster would have: contents by name, and volumes by claim."""

    contents: Contents
    claims: Mapping[str, Path]


@dataclass(frozen=True, kw_only=True)
class LaidPod:
    """A pod with its volumes on this machine. Paths of its environment lead there."""

    module: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Its process. The caller ends it."""
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                env={**_of_this_machine(), **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
            )

    def run(self, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Its process, to the end: for jobs."""
        return subprocess.run(
            [sys.executable, "-m", self.module, *self.arguments],
            env={**_of_this_machine(), **self.environment},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def lay(
    pod: Mapping[str, Any], *, module: str, root: Path, ground: Ground, instead: Mapping[str, str]
) -> LaidPod:
    """Make a pod's volumes under ``root``. ``instead`` are variables of this machine: where servers are, which ports are free.

    Raises:
        KeyError: the pod names a Secret, a key, a ConfigMap or a claim that ``ground`` has none of.
    """
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    paths = {
        mount["mountPath"]: str(_made(volumes[mount["name"]], root, ground))
        for mount in container["volumeMounts"]
    }
    environment = {}
    for entry in container["env"]:
        value = _moved(entry.get("value", ""), paths)
        if entry.get("valueFrom", {}).get("fieldRef"):
            value = root.name
        environment[entry["name"]] = instead.get(entry["name"], value)
    arguments = tuple(_moved(word, paths) for word in container.get("args", ()))
    return LaidPod(module=module, arguments=arguments, environment=environment)


def _made(volume: Mapping[str, Any], root: Path, ground: Ground) -> Path:
    if "persistentVolumeClaim" in volume:
        return ground.claims[volume["persistentVolumeClaim"]["claimName"]]
    folder = root / str(volume["name"])
    folder.mkdir(parents=True, mode=0o700)
    if "secret" in volume:
        held = ground.contents[volume["secret"]["secretName"]]
        for item in volume["secret"]["items"]:
            (folder / item["path"]).write_bytes(held[item["key"]])
    elif "configMap" in volume:
        for key, content in ground.contents[volume["configMap"]["name"]].items():
            (folder / key).write_bytes(content)
    elif "downwardAPI" in volume:
        for item in volume["downwardAPI"]["items"]:
            assert item["fieldRef"] == {"fieldPath": "metadata.uid"}
            (folder / item["path"]).write_text(str(uuid.uuid4()))
    return folder


def _moved(value: str, paths: Mapping[str, str]) -> str:
    for mounted in sorted(paths, key=len, reverse=True):
        if value == mounted or f"{mounted}/" in value:
            return value.replace(mounted, paths[mounted], 1)
    return value


def _of_this_machine() -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LOOKOUT_")}
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
