"""The gateway's own pages below /exchange, in one app; each page is in a file of its own.

Every page demands Airflow's login and a role.
"""

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI

from exchange_app import frame, static
from exchange_app.pages import (
    audit,
    backups,
    board,
    changes,
    circulars,
    dockets,
    drafting,
    health,
    inbox,
    overview,
    quarantine,
    receipts,
    replays,
    routes,
    sla,
)
from exchange_app.rights import visitor

app = FastAPI(dependencies=[Depends(get_user), Depends(visitor)], docs_url=None, redoc_url=None, openapi_url=None)
frame.dress(app)
_PARTS = (
    changes, drafting, board, inbox, backups, overview, routes, receipts, sla,
    replays, quarantine, audit, health, circulars, dockets, static,
)  # fmt: skip
for _part in _PARTS:
    app.include_router(_part.router)
