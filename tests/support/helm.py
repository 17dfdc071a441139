"""Helm, and a check against Kubernetes' own schemas: got once into the cache, and what the chart renders with them."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[2] / "charts" / "lookout"
HELM = "v3.16.4"
KUBERNETES_VALIDATE = "1.33.1"
KUBERNETES = ("1.27.0", "1.33.0")
"""The oldest version that the chart says it runs on, and the newest that the schemas know."""

_CACHE = Path.home() / ".cache" / "lookout"
_BUILD_S = 1500

Document = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - it is an answer
    """What Helm said instead of rendering."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@cache
def helm() -> str:
    """Helm's program. Built from its released source where it is not there; skips, and says why, where it cannot be."""
    cached = _CACHE / f"helm-{HELM}" / "helm"
    if not cached.exists():
        go = shutil.which("go")
        if go is None:
            pytest.skip("no Helm: that needs Go, which builds it")
        built = subprocess.run(
            [go, "install", f"helm.sh/helm/v3/cmd/helm@{HELM}"],
            env={**os.environ, "GOBIN": str(cached.parent)},
            capture_output=True,
            text=True,
            timeout=_BUILD_S,
            check=False,
        )
        if built.returncode:
            pytest.skip(f"no Helm: go install failed: {built.stderr.splitlines()[-1]}")
        told = subprocess.run(
            [go, "version", "-m", cached], capture_output=True, text=True, check=True
        ).stdout
        assert f"helm.sh/helm/v3\t{HELM}\t" in told, f"{cached} is not Helm {HELM}"
    return str(cached)


def render(*files: Path, overlay: object = None, kubernetes: str = KUBERNETES[-1]) -> list[Any]:
    """The documents that the chart makes of values files, and of ``overlay`` over them. `Refused` where it makes none."""
    answer = _run("template", files, overlay, ["--namespace", "lookout"], kubernetes)
    return [document for document in yaml.safe_load_all(answer) if document]


def notes(*files: Path) -> str:
    """What `helm install` would say at its end. Helm tells it to a cluster only, so it is rendered as a template here."""
    with tempfile.TemporaryDirectory() as folder:
        chart = shutil.copytree(CHART, Path(folder) / "lookout")
        text = (chart / "templates" / "NOTES.txt").read_text()
        wrapped = f'{{{{ define "notes" }}}}{text}{{{{ end }}}}\nkind: Notes\nsaid: {{{{ include "notes" . | toJson }}}}'
        (chart / "templates" / "notes.yaml").write_text(wrapped)
        arguments = ["--show-only", "templates/notes.yaml", "--namespace", "lookout"]
        answer = _run("template", files, None, arguments, KUBERNETES[-1], chart=chart)
    said: str = yaml.safe_load(answer)["said"]
    return said


def lint(*files: Path, overlay: object = None, kubernetes: str = KUBERNETES[-1]) -> str:
    """What `helm lint --strict` says. `Refused` where it finds something."""
    return _run("lint", files, overlay, ["--strict"], kubernetes)


def _run(
    command: str,
    files: Sequence[Path],
    overlay: object,
    arguments: Sequence[str],
    kubernetes: str,
    *,
    chart: Path = CHART,
) -> str:
    with tempfile.TemporaryDirectory() as folder:
        over = Path(folder) / "overlay.json"
        over.write_text(json.dumps(overlay or {}))
        name = ["lookout"] if command == "template" else []
        values = [word for file in (*files, over) for word in ("--values", str(file))]
        done = subprocess.run(
            [helm(), command, *name, chart, *values, "--kube-version", kubernetes, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def check_against_kubernetes(documents: Sequence[Document], version: str) -> Sequence[str]:
    """What Kubernetes' own schemas, strictly, find wrong. Resources of other makers are not among the documents."""
    folder = _kubernetes_validate()
    with tempfile.TemporaryDirectory() as work:
        file = Path(work) / "rendered.yaml"
        file.write_text(yaml.safe_dump_all(documents))
        done = subprocess.run(
            [
                *(sys.executable, folder / "bin" / "kubernetes-validate", "--strict"),
                *("--kubernetes-version", version, str(file)),
            ],
            env={**os.environ, "PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    lines = (done.stdout + done.stderr).splitlines()
    passed = [line for line in lines if line.startswith("INFO") and " passed for resource " in line]
    wrong = [line for line in lines if line not in passed]
    if not wrong and len(passed) != len(documents):
        return [f"{len(passed)} of {len(documents)} documents were checked"]
    return wrong


@cache
def _kubernetes_validate() -> Path:
    folder = _CACHE / f"kubernetes-validate-{KUBERNETES_VALIDATE}"
    if not (folder / "bin").exists():
        got = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)),
                f"kubernetes-validate=={KUBERNETES_VALIDATE}",
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if got.returncode:
            pytest.skip(f"no schemas of Kubernetes: pip failed: {got.stderr.splitlines()[-1]}")
    return folder
