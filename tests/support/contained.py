"""Services as containers on the host's network, each confined as docker-compose.yml confines it."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.container_engine import Engine

USER = 65532
CONFINED = (
    *("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"),  # noqa: S108 - inside the container
    *("--security-opt", "no-new-privileges", "--ulimit", "core=0", "--network", "host"),
)


class Containers:
    """Starts containers and removes all of them at the end."""

    def __init__(self, engine: Engine, prefix: str) -> None:
        self._engine, self._prefix = engine, prefix
        self._names: list[str] = []

    def start(
        self,
        name: str,
        image: str,
        *,
        environment: Mapping[str, str],
        mounts: Sequence[str],
        memory: str = "1g",
    ) -> str:
        """Start one in the background; its name. ``mounts`` are docker's own, SOURCE:TARGET[:ro]."""
        container = f"{self._prefix}-{name}"
        self._names.append(container)
        self._engine.run(
            *("run", "--detach", "--name", container, *CONFINED),
            *("--memory", memory, "--memory-swap", memory),
            *(word for key, said in environment.items() for word in ("--env", f"{key}={said}")),
            *(word for mount in mounts for word in ("--volume", mount)),
            image,
        )
        return container

    def once(
        self, image: str, *command: str, environment: Mapping[str, str], mounts: Sequence[str]
    ) -> str:
        """Run one to its end; what it printed. `EngineError` with what it said where it fails."""
        return self._engine.run(
            *("run", "--rm", *CONFINED, "--memory", "2g"),
            *(word for key, said in environment.items() for word in ("--env", f"{key}={said}")),
            *(word for mount in mounts for word in ("--volume", mount)),
            *(image, *command),
            within_s=300,
        )

    def health(self, container: str) -> str:
        """What its health check says: starting, healthy, unhealthy."""
        return str(self._engine.inspect(container)["State"].get("Health", {}).get("Status", ""))

    def log(self, container: str) -> str:
        """Its last words."""
        return self._engine.run("logs", "--tail", "40", container, check=False)

    def stop(self, container: str) -> int:
        """SIGTERM and time to drain; its exit code."""
        self._engine.run("stop", "--time", "30", container)
        return int(self._engine.inspect(container)["State"]["ExitCode"])

    def remove(self) -> None:
        """Remove all that were started."""
        for name in self._names:
            self._engine.run("rm", "--force", name, check=False)


def hand_over(folder: Path) -> None:
    """Give a folder and all in it to the containers' user."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER, follow_symlinks=False)
