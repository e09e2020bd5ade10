"""The quarantine (隔离区) at the desk: rows by route, rule, unit and age, and what a person does about one of them.

A unit's user sees its own unit's rows alone: the login stands in each statement. Values are masked; one row is unmasked for a reason,
which is chained with the login. This file must not postpone its annotations.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from exchange_app import connections, frame, rights
from exchange_app.pages.board import Number
from exchange_app.rights import Mender, Posted, RowSeer, Visitor
from gateway import settings
from gateway.errors import GatewayError, NotFound, ReasonMissing
from gateway.exchange import carry, quarantine
from gateway.exchange.unmask import refuse_unreasoned, unmask
from gateway.model import Catalog
from gateway.sql import queries

_SQL = queries(__file__)
_PAGE = 50
_BOUND = 1001  # more are not counted
_EDITS = 4  # fields that one form corrects
_DIGITS = 18
AGES = {"1": 1, "7": 7, "30": 30}

router = APIRouter()


@router.get("/quarantine")
def listed(request: Request, visitor: RowSeer) -> Response:
    """List rows, newest first, as the filter asks; older ones by the number that the last page ended with."""
    city, asked = frame.city(), request.query_params
    filters = filter_of(asked, visitor)
    below = asked.get("below", "")
    bounds = {"below": int(below) if below.isascii() and below.isdigit() and len(below) <= _DIGITS else None}
    with frame.hub() as hub:
        rows = frame.rows(hub, _SQL["rows"], {**filters, **bounds, "limit": _PAGE + 1})
        count = frame.rows(hub, _SQL["count"], {**filters, "bound": _BOUND})[0]["rows"]
    shown = rows[:_PAGE]
    for row in shown:
        row["reason"] = quarantine.reason(city.datasets, row["dataset"], row["rule"], row["words"])
    kept = {name: asked[name] for name in ("route", "rule", "owner", "age", "state") if asked.get(name)}
    older = urlencode({**kept, "below": shown[-1]["id"]}) if len(rows) > _PAGE else ""
    context = {
        "city": city, "rows": shown, "count": count, "bound": _BOUND, "older": older, "asked": kept, "ages": AGES,
        "below": bounds["below"], "own": own_login(visitor) is not None,
        "token": rights.token(visitor) if visitor.may(rights.MEND) or visitor.may(rights.MEND_OWN) else "",
    }  # fmt: skip
    return frame.page(request, "quarantine.html", context)


@router.get("/quarantine/{row}")
def shown(request: Request, row: Number, visitor: RowSeer) -> Response:
    """Show one row, masked, why it was rejected, and what can be done."""
    return _whole(request, row, visitor)


@router.post("/quarantine/{row}/unmask")
def unmasked(request: Request, row: Number, visitor: Mender, form: Posted) -> Response:
    """Show the row as it came, once, after the reason was chained."""
    owner = _owner(row, acting_login(visitor))
    unit = None if acting_login(visitor) is None else owner
    try:
        values = unmask(frame.deployment(), row, who=visitor.login, why=form.get("why", ""), unit=unit)
    except ReasonMissing as refused:
        return _whole(request, row, visitor, refused, form)
    return _whole(request, row, visitor, form=form, plain=values)


@router.post("/quarantine/{row}/replay")
def replayed(request: Request, row: Number, visitor: Mender, form: Posted) -> Response:
    """Judge the row again, with the values that the form corrects, and carry it when it passes."""
    _owner(row, acting_login(visitor))
    try:
        why = _reason(form)
        outcome = carry.replay(connections.deployment(), row, who=visitor.login, why=why, edits=edits_of(form))
    except GatewayError as refused:
        return _whole(request, row, visitor, refused, form)
    done = "still" if outcome.rejected else "carried"
    return frame.seen(request, f"quarantine/{row}?done={done}")


@router.post("/quarantine/{row}/discard")
def discarded(request: Request, row: Number, visitor: Mender, form: Posted) -> Response:
    """Give the row up for good."""
    _owner(row, acting_login(visitor))
    try:
        quarantine.discard(frame.deployment(), row, who=visitor.login, why=_reason(form))
    except GatewayError as refused:
        return _whole(request, row, visitor, refused, form)
    return frame.seen(request, f"quarantine/{row}?done=discarded")


def filter_of(asked: Mapping[str, str], visitor: Visitor) -> dict[str, Any]:
    """Return what a filter means to the statements; what it does not know finds nothing or is left out."""
    days = AGES.get(asked.get("age", ""))
    return {
        "closed": asked.get("state") == "all",
        "login": own_login(visitor),
        "before": settings.now() - timedelta(days=days) if days else None,
        **{name: asked.get(name, "").strip() or None for name in ("route", "rule", "owner")},
    }


def own_login(visitor: Visitor) -> str | None:
    """Return the login by which rows are narrowed to its unit's; None for who oversees all."""
    return None if visitor.may(rights.READ) else visitor.login


def acting_login(visitor: Visitor) -> str | None:
    """Return the login by whose unit acts are narrowed; who oversees all rows may not act on all of them by that."""
    return None if visitor.may(rights.MEND) else visitor.login


def edits_of(form: Mapping[str, str]) -> dict[str, str | None]:
    """Return the fields that a form corrects; a field without a value is emptied."""
    pairs = [(form.get(f"field{n}", ""), form.get(f"value{n}", "")) for n in range(_EDITS)]
    return {field: value or None for field, value in pairs if field}


def _reason(form: Mapping[str, str]) -> str:
    why = form.get("why", "")
    refuse_unreasoned(why)
    return why


def _owner(row: int, login: str | None) -> str:
    """Return the unit that owns a row; NotFound when there is none of the login's unit."""
    if (found := _found(row, login)) is None:
        raise NotFound(f"there is no quarantined row {row} for you", "See the list of quarantined rows.")
    return found


def _found(row: int, login: str | None) -> str | None:
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["own"], {"id": row, "login": login})
    return str(found[0]["owner"]) if found else None


def _whole(
    request: Request, row: int, visitor: Visitor, refused: GatewayError | None = None,
    form: Mapping[str, str] | None = None, plain: Mapping[str, Any] | None = None,
) -> Response:  # fmt: skip
    city = frame.city()
    _owner(row, own_login(visitor))
    with frame.hub() as hub:
        found = quarantine.show(hub, city.datasets, row)
    route = city.routes.get(found["route"])
    can = visitor.may(rights.MEND) or (visitor.may(rights.MEND_OWN) and _found(row, visitor.login) is not None)
    context = {
        "city": city, "row": found, "fields": _fields(city, found), "plain": plain, "refused": refused, "form": form or {},
        "can": can, "token": rights.token(visitor) if can else "", "edits": range(_EDITS) if route and not route.outbound else (),
        "done": request.query_params.get("done", ""),
    }  # fmt: skip
    return frame.page(request, "quarantine_row.html", context, 409 if refused else 200)


def _fields(city: Catalog, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the row's fields in the contract's order, with their Chinese names and whether its rule looks at them."""
    dataset = city.datasets.get(row["dataset"])
    if dataset is None:
        return [{"name": name, "chinese": "", "looked_at": False} for name in row["masked"]]
    rule = next((rule for rule in dataset.rules if rule.id == row["rule"]), None)
    looked_at = set(rule.fields) if rule else set()
    known = [
        {"name": field.name, "chinese": field.chinese, "looked_at": field.name in looked_at} for field in dataset.fields
    ]
    return known + [{"name": n, "chinese": "", "looked_at": False} for n in row["masked"] if n not in dataset.columns]
