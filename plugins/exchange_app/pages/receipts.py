"""One receipt (回执) in words, and whether its own hash and signature hold.

Receipts open to whoever may read their route's DAG, too. This file must not postpone its annotations: FastAPI could not
resolve them and would take `user` from the query.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from exchange_app import frame, proofs
from exchange_app.rights import VisitorDep, demand_route
from gateway import pg
from gateway.errors import NotFound
from gateway.exchange import quarantine
from gateway.ledger import chain, receipts
from gateway.model import Catalog
from gateway.sla import board
from gateway.sql import queries

_SQL = queries(__file__)

router = APIRouter()


@router.get("/receipts/{no}")
def receipt_page(
    request: Request, no: Annotated[int, InPath(ge=1, le=2**63 - 1)], user: GetUserDep, person: VisitorDep
) -> Response:
    """Show a receipt in words, and whether its own hash and signature hold; to a unit those of its own routes alone."""
    with frame.hub() as hub:
        found = chain.get(hub, no)
        if person.unit_only:
            if found["kind"] != "batch" or not board.answers_for(hub, person.login, found["route"]):
                raise NotFound(f"there is no receipt {no} for you", "See the page of time limits.")
        else:
            demand_route(person, user, found["route"])
        before = pg.one(hub, _SQL["before"], {"no": no - 1})
    city = frame.city()
    body = found["body"]
    shown = {
        "receipt": found, "body": body, "route": city.routes.get(found["route"] or ""),
        "rejects": _reasons(city, body, "rejects"), "warnings": _reasons(city, body, "warnings"),
        "proof": proofs.of_entry(found, before[0] if before else receipts.FIRST),
    }  # fmt: skip
    return frame.page(request, "receipt.html", shown)


def _reasons(city: Catalog, body: Mapping[str, Any], kind: str) -> list[tuple[str, int, str, str]]:
    """Return (rule, rows, Chinese reason, English reason), the most frequent first."""
    counted = sorted(body.get(kind, {}).items(), key=lambda item: -item[1])
    return [(rule, n, *quarantine.reason(city.datasets, body.get("dataset", ""), rule)) for rule, n in counted]
