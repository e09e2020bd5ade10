"""What the province sends back, shown from end to end: heard, in quarantine in its words, mended, sent again, closed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import psycopg2

from gateway.deployment import Deployment
from gateway.exchange import carry, quarantine
from sandbox.airflow import Api
from sandbox.province import Province
from sandbox.waiting import wait_for

IN, OUT = "case_accept_in", "case_accept_prov"
RECEIPTS, TOLD = "receipt_returned_in", "receipt_returned_approval"
_RUN_SECONDS = 600.0
_MEND = (
    "update public.dn_pro_accept set contact_mobile = left(contact_mobile, 8) || '001', "
    "cd_time = (now() at time zone 'Asia/Shanghai')::timestamp(0) where contact_mobile like '%000'"
)


def show(
    api: Api, deployment: Deployment, connections: Mapping[str, str], step: Callable[[str], None]
) -> dict[str, Any]:
    """Let the province judge what it collected, and answer all that it sent back; return what was heard and what is open."""
    province = Province(connections["PROV_ADMIN"])
    sent_back = province.judge()
    run(api, OUT)
    heard = _open(deployment)
    for words in sorted({row["words"] for row in heard}):
        step(f"  the province sends back: {words}")
    told = _told(api, connections["APPROVAL_BASE_ADMIN"])
    step(f"  the approval system is told of {told} rows of its own that were sent back")
    step(f"{sent_back} cases came back from the province; the city mends its rows, the province its list of numbers")
    mended = _mend_source(connections["APPROVAL_ADMIN"])
    province.mend()
    again = [row["id"] for row in heard if row["rule"] == "peer.E207"]
    for number in again:
        carry.replay(deployment, number, who="demo", why="省平台已登记号段")
    run(api, IN)
    run(api, OUT)
    refused = province.judge()
    left = len(_open(deployment))
    step(f"  {mended} rows mended at their source and {len(again)} sent again; {left} are still open")
    return {
        "sent_back": sent_back, "heard": len(heard), "words": sorted({row["words"] for row in heard}), "told": told, "mended": mended,
        "sent_again": len(again), "refused_again": refused, "open": left,
    }  # fmt: skip


def _told(api: Api, dsn: str) -> int:
    """Bring what was sent back to the system that brought the rows; return how many it has heard of."""
    run(api, RECEIPTS)
    run(api, TOLD)
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from public.receipt_returned where state = 'open'")
        return int(cursor.fetchall()[0][0])


def _open(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the entries of the route that the province's words opened."""
    with closing(deployment.hub(name="demo", autocommit=True)) as hub:
        rows = quarantine.list_rows(hub, route=OUT, state="open", limit=1000)
    return [row for row in rows if row["rule"].startswith(quarantine.PEER)]


def _mend_source(dsn: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_MEND)
        return int(cursor.rowcount)


def run(api: Api, route: str) -> str:
    """Run a route through Airflow to its end, beside whatever its clock starts, and return how it ended."""
    dag = f"route__{route}"
    started = api.trigger(dag)

    def ended() -> str | None:
        states = (r["state"] for r in api.runs(dag) if r["dag_run_id"] == started)
        return next((state for state in states if state in {"success", "failed"}), None)

    return wait_for(ended, _RUN_SECONDS, f"the run of {route} has not ended")
