"""Who looks at the pages and what they may do: Airflow's login, its roles, and a token in every form.

A right follows from the name of a role; `gateway user add` makes the roles. This file must not postpone its annotations:
FastAPI could not resolve them and would take `user` from the query.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qs

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request

from exchange_app import frame
from gateway import settings
from gateway.errors import FormStale

READ, ANNOUNCE, INBOX = "read", "announce", "inbox"
ROWS, MEND, MEND_OWN = (
    "rows",
    "mend",
    "mend own",
)  # see quarantined rows (all by READ); unmask, correct, give up all or the unit's
AUDIT, HEALTH = "audit", "health"
CIRCULARS, REVIEW, FILE, EVIDENCE = (
    "circulars",
    "review",
    "file",
    "evidence",
)  # see issues and dockets; read a draft and rule; file for the own unit; take what figures were made of
RIGHTS: Mapping[str, frozenset[str]] = {
    "Admin": frozenset({READ, ANNOUNCE, ROWS, MEND, AUDIT, HEALTH, CIRCULARS, REVIEW, EVIDENCE}),
    "Exchange Engineer": frozenset({READ, ANNOUNCE, ROWS, MEND, HEALTH, CIRCULARS}),
    "Exchange Bureau": frozenset({READ, ROWS, CIRCULARS, REVIEW, EVIDENCE}),
    "Exchange Auditor": frozenset({READ, ROWS, AUDIT, CIRCULARS, EVIDENCE}),
    "Exchange Unit": frozenset({INBOX, ROWS, MEND_OWN, CIRCULARS, FILE}),
}
DAG = "route__"  # before a route's name
_LARGEST = 262_144  # bytes of a form: two documents
_FIELDS = 60  # a page of quarantined rows, and what is done to them
_FOREIGN = ("cross-site", "same-site")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is logged in: the login, the person's name, and the rights of all its roles."""

    login: str
    name: str
    rights: frozenset[str]

    def may(self, *rights: str) -> bool:
        """Tell whether the visitor has a right, or one of several."""
        return not self.rights.isdisjoint(rights)

    @property
    def unit_only(self) -> bool:
        """Tell whether the visitor sees what concerns its own unit, and nothing else."""
        return self.may(INBOX) and not self.may(READ)


def visitor(request: Request, user: GetUserDep) -> Visitor:
    """Return who is logged in; the frame shows what they may open."""
    rights = frozenset[str]().union(*(RIGHTS.get(role.name, frozenset()) for role in getattr(user, "roles", ())))
    found = Visitor(user.get_name(), str(getattr(user, "first_name", "")), rights)
    request.state.visitor = found
    return found


def holder(*rights: str) -> Callable[..., Visitor]:
    """Return a dependency that refuses whoever has none of some rights."""

    def inner(found: Annotated[Visitor, Depends(visitor)]) -> Visitor:
        if not found.rights & set(rights):
            raise HTTPException(403)
        return found

    return inner


def demand_route(found: Visitor, user: Any, route: str | None) -> None:
    """Refuse who may neither oversee nor read the route's DAG; an entry of no route needs the right to read all of them."""
    if not found.may(READ) and not may_read_dag(user, route):
        raise HTTPException(403)


def may_read_dag(user: Any, route: str | None) -> bool:
    """Tell whether Airflow shows a person the route's DAG, and its runs."""
    details = DagDetails(id=f"{DAG}{route}") if route else None
    return get_auth_manager().is_authorized_dag(method="GET", details=details, user=user)


VisitorDep = Annotated[Visitor, Depends(visitor)]
Reader = Annotated[Visitor, Depends(holder(READ))]
Announcer = Annotated[Visitor, Depends(holder(ANNOUNCE))]
UnitUser = Annotated[Visitor, Depends(holder(INBOX))]
RowSeer = Annotated[Visitor, Depends(holder(ROWS))]
Mender = Annotated[Visitor, Depends(holder(MEND, MEND_OWN))]
Auditor = Annotated[Visitor, Depends(holder(AUDIT))]
Keeper = Annotated[Visitor, Depends(holder(HEALTH))]
CircularReader = Annotated[Visitor, Depends(holder(CIRCULARS))]
Reviewer = Annotated[Visitor, Depends(holder(REVIEW))]
EvidenceTaker = Annotated[Visitor, Depends(holder(EVIDENCE))]
Filer = Annotated[Visitor, Depends(holder(FILE))]


def token(found: Visitor, day: date | None = None) -> str:
    """Return what a form of this visitor bears; it is good until the end of the next day."""
    on = day or settings.now().astimezone(settings.CHINA).date()
    return frame.deployment().keys.keyed_hash(f"form {on} {found.login.encode().hex()}")


async def posted(request: Request, found: VisitorDep) -> dict[str, str]:
    """Return the fields of a form that this visitor was given by us; FormStale when it was not."""
    if request.headers.get("sec-fetch-site", "same-origin") in _FOREIGN:
        raise FormStale("the form was sent by another site", "Open the page and fill it in there.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            raise HTTPException(413)
    try:
        fields = {
            name: values[-1].replace("\r\n", "\n").strip()
            for name, values in parse_qs(body.decode(), max_num_fields=_FIELDS).items()
        }
    except ValueError:
        raise HTTPException(400) from None
    today = settings.now().astimezone(settings.CHINA).date()
    given = fields.pop("token", "").encode()
    if not any(hmac.compare_digest(given, token(found, day).encode()) for day in (today, today - timedelta(days=1))):
        raise FormStale(
            "the form was not made for this login, or before yesterday", "Open the page anew and repeat it."
        )
    return fields


Posted = Annotated[dict[str, str], Depends(posted)]
