"""What Airflow calls when a run misses its deadline: the gateway's alarm. Airflow keeps no record of deadlines that were met."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.alarms import routes, watch
from gateway.deployment import Deployment


async def late(context: Mapping[str, Any], route: str, minutes: int) -> None:
    """Tell whoever runs the gateway that a run of a route has not ended in time; the triggerer goes on meanwhile."""
    run = context["dag_run"]
    await asyncio.to_thread(_tell, route, str(run["dag_run_id"]), str(run["queued_at"]), minutes)


def _tell(route: str, run: str, queued: str, minutes: int) -> None:
    deployment = Deployment.open()
    begun = datetime.fromisoformat(queued)
    watch.raise_one(deployment, routes.overrun(deployment.catalog, route, run, begun, minutes))
