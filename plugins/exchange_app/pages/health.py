"""How the gateway itself is (系统健康): what `gateway doctor` finds, and the heartbeats of Airflow's components.

This file must not postpone its annotations.
"""

from collections.abc import Iterator
from datetime import datetime

from airflow.api.common.airflow_health import get_airflow_health
from fastapi import APIRouter, Request, Response

from exchange_app import connections, frame
from exchange_app.rights import Keeper
from gateway.cli import doctor
from gateway.cli.finding import Finding

_WORST = ("fail", "warn", "ok")
_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
_HINT = "See the component's log, and start it again."

router = APIRouter()


@router.get("/health")
def health(request: Request, _: Keeper) -> Response:
    """List what was looked at, the worst first; with `peers`, every platform and backup source is asked too, one by one."""
    peers = request.query_params.get("peers") == "1"
    found = [*heartbeats(), *doctor.examine(connections.deployment, peers=peers)]
    found.sort(key=lambda finding: _WORST.index(finding.state))
    counted = {state: sum(f.state == state for f in found) for state in _WORST}
    return frame.page(request, "health.html", {"findings": found, "counted": counted, "peers": peers})


def heartbeats() -> Iterator[Finding]:
    """Yield how each component of Airflow is, by its own record of heartbeats."""
    told = get_airflow_health()
    for part in _PARTS:
        said = told[part]
        beat = next((value for name, value in said.items() if name.startswith("latest_")), None)
        heard = f", last heard {datetime.fromisoformat(beat):%Y-%m-%d %H:%M:%S %Z}" if beat else ""
        state = {"healthy": "ok", None: "ok"}.get(said["status"], "fail")  # None: this deployment has none of it
        yield Finding(f"airflow {part}", state, f"{said['status'] or 'not used'}{heard}", _HINT)
