"""The REST API: what the pages do, for other systems and scripts, under the same permissions."""

from typing import Final

from lookout_console.web.api import alerts, deployments, keeping, passes

ROUTERS: Final = (deployments.router, alerts.router, keeping.router, passes.router)
