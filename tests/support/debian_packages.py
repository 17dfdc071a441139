"""Debian packages that a check needs, installed where that is possible."""

import os
import shutil
import subprocess

import pytest

_WITHIN_S = 600.0


def need_programs(**packages: str) -> None:
    """Have each program, from the package named after it; skips the test where one cannot be had."""
    missing = {program: name for program, name in packages.items() if not shutil.which(program)}
    if not missing:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(f"not installed: {', '.join(missing)}; that needs root and apt-get")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    names = sorted(set(missing.values()))
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip(f"apt-get {command[0]} {' '.join(names)} failed: {done.stderr[-200:]}")
