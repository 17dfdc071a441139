"""Who may be looked at, when and where: the rules of a deployment record, and what services ask of them."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from lookout.events import Deployment, DeploymentState


def why_not_in_force(deployment: Deployment, now: datetime) -> str | None:
    """Why a deployment gives no authority at ``now``, or None when it does. The window is half open at its end."""
    if deployment.state is not DeploymentState.LIVE:
        return f"deployment {deployment.deployment_id} is {deployment.state}"
    if now < deployment.opens_at:
        return f"deployment {deployment.deployment_id} opens at {deployment.opens_at.isoformat()}"
    if now >= deployment.closes_at:
        return f"deployment {deployment.deployment_id} closed at {deployment.closes_at.isoformat()}"
    return None


class Authority(Protocol):
    """The deployments in force, as read from signed records. Fails closed: what is not known is not allowed."""

    def in_force(self, now: datetime) -> Collection[Deployment]:
        """Every deployment that gives authority at ``now``."""

    def deployment(self, deployment_id: str, now: datetime) -> Deployment | None:
        """The deployment, if it is in force."""

    def for_camera(self, camera_id: str, now: datetime) -> Deployment | None:
        """The deployment in force that covers a camera."""

    def why_not(self, now: datetime) -> str:
        """Why nothing is in force, in words for people; empty when something is."""
