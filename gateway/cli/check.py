"""`gateway check`: everything that can be wrong with what a city declares."""

from __future__ import annotations

from contextlib import closing

from rich.markup import escape

from gateway import catalog
from gateway.cli import added
from gateway.cli.frame import DONE, FAILED, err, out, print_json
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange import hub as hub_tables
from gateway.model import Catalog
from gateway.sla.calendar import Calendar


def run(*, offline: bool, as_json: bool) -> int:
    """Print every fault and return the exit code; on line also prepare the hub and reach every platform."""
    faults = catalog.problems()
    found = None if faults and _refused() else catalog.load()
    if found is not None:
        faults += _calendar_faults(found)
        faults += [fault for part in added.checks() for fault in part.faults(found)]
        if not offline:
            faults += _connection_faults()
    if as_json:
        print_json({"ok": not faults, "faults": faults})
    for fault in [] if as_json else faults:
        err.print(f"[red]✗[/red] {escape(fault)}", soft_wrap=True)
    if not faults and not as_json and found is not None:
        out.print(f"ok: {len(found.routes)} routes, {len(found.datasets)} data sets, {len(found.platforms)} platforms")
    return FAILED if faults else DONE


def _refused() -> bool:
    try:
        catalog.load()
    except GatewayError:
        return True
    return False


def _calendar_faults(found: Catalog) -> list[str]:
    try:
        Calendar.from_files(found.calendar_files)
    except GatewayError as error:
        return [str(error)]
    return []


def _connection_faults() -> list[str]:
    """Prepare the hub, and describe the data set of every route at its platform."""
    faults: list[str] = []
    try:
        deployment = Deployment.open()
        hub_tables.prepare(deployment)
    except GatewayError as error:
        return [str(error)]
    for route in deployment.catalog.routes.values():
        try:
            open_ = deployment.target if route.outbound else deployment.source
            with closing(open_(route.peer)) as peer:
                peer.describe(route.dataset)
        except GatewayError as error:
            faults.append(f"route {route.route}: {error}")
    return faults + [fault for part in added.checks() for fault in part.connection_faults(deployment)]
