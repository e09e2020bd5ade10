"""Exemptions (免考核) and disputes (申诉) at the desk: a unit files and withdraws its own, the bureau rules.

This file must not postpone its annotations.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from exchange_app import frame, rights
from exchange_app.pages import circulars
from exchange_app.rights import CircularReader, Filer, Posted, Reviewer, Visitor
from gateway import settings
from gateway.errors import DocketRefused, NotFound
from gateway.security import users
from gateway.sla import dockets

_LONGEST = timedelta(days=31)
_WORDS = 500  # characters of what is said
No = Annotated[str, InPath(pattern=r"^(MK|SS)-20[0-9]{2}-[0-9]{3,6}$")]

router = APIRouter()


@router.get("/dockets")
def listed(request: Request, visitor: CircularReader) -> Response:
    """List dockets, newest first: all, or those of the visitor's unit with a form for another."""
    return _listed(request, visitor)


@router.post("/dockets")
def file(request: Request, visitor: Filer, form: Posted) -> Response:
    """File an exemption or a dispute about a route of the visitor's unit."""

    def act() -> None:
        route = form.get("route", "")
        if route not in _own_routes(visitor):
            raise DocketRefused(f"route {route} is none by which your unit is judged", "Choose a route of the list.")
        begins, ends = _moment(form.get("begins")), _moment(form.get("ends"))
        if not begins < ends <= begins + _LONGEST:
            raise DocketRefused("the time is empty, or longer than 31 days", "Give its begin and its end.")
        reason = form.get("reason", "")
        kind = "dispute" if reason in dockets.DISPUTES else "exempt"
        effect = form.get("effect", "exempt") if kind == "dispute" else "exempt"
        dockets.file(
            frame.deployment(),
            kind,
            route,
            begins,
            ends,
            reason=reason,
            words=_said(form),
            who=visitor.login,
            effect=effect,
        )

    return _done(request, visitor, form, act)


@router.post("/dockets/{no}/withdraw")
def withdraw(request: Request, no: No, visitor: Filer, form: Posted) -> Response:
    """Take one of the unit's own dockets back."""
    with frame.hub() as hub:
        own = {row["no"] for row in dockets.listing(hub, users.unit_of(hub, visitor.login) or "")}
    if no not in own:
        raise NotFound(f"there is no docket {no} for you", "See the list of dockets.")
    return _done(
        request, visitor, form, lambda: dockets.withdraw(frame.deployment(), no, words=_said(form), who=visitor.login)
    )


@router.post("/dockets/{no}/rule")
def rule(request: Request, no: No, visitor: Reviewer, form: Posted) -> Response:
    """Grant or refuse a docket, once."""

    def act() -> None:
        if (ruling := form.get("ruling")) not in {"granted", "refused"}:
            raise DocketRefused("it is neither granted nor refused", "Choose one.")
        dockets.rule(frame.deployment(), no, granted=ruling == "granted", words=_said(form), who=visitor.login)

    return _done(request, visitor, form, act)


def _done(request: Request, visitor: Visitor, form: Mapping[str, str], act: Callable[[], None]) -> Response:
    """Do it and show the list anew; what is refused is told above the form, which keeps what was filled in."""
    try:
        act()
    except DocketRefused as refused:
        return _listed(request, visitor, refused, form)
    return frame.seen(request, "dockets")


def _listed(
    request: Request, visitor: Visitor, refused: DocketRefused | None = None, form: Mapping[str, str] | None = None
) -> Response:
    city = frame.city()
    with frame.hub() as hub:
        unit = None if visitor.may(rights.READ) else users.unit_of(hub, visitor.login) or ""
        rows = dockets.listing(hub, unit)
    context = {
        "city": city, "rows": rows, "refused": refused, "form": form or {}, "unit": unit,
        "routes": _own_routes(visitor) if visitor.may(rights.FILE) else [], "reasons": (*dockets.EXEMPTIONS, *dockets.DISPUTES),
        "effects": dockets.EFFECTS, "can_rule": visitor.may(rights.REVIEW), "can_file": visitor.may(rights.FILE),
        "token": rights.token(visitor) if visitor.may(rights.FILE) or visitor.may(rights.REVIEW) else "",
    }  # fmt: skip
    return frame.page(request, "dockets.html", context, 409 if refused else 200)


def _own_routes(visitor: Visitor) -> list[str]:
    with frame.hub() as hub:
        found = frame.rows(hub, circulars.SQL["own_routes"], {"login": visitor.login})
    return [row["route"] for row in found]


def _moment(text: str | None) -> datetime:
    """Read a moment as the browser writes it, in China."""
    try:
        return datetime.fromisoformat(text or "").replace(tzinfo=settings.CHINA)
    except ValueError:
        raise DocketRefused("a moment is missing or none", "Write it as 2026-11-28 02:00.") from None


def _said(form: Mapping[str, str]) -> str:
    if not 1 <= len(words := form.get("words", "")) <= _WORDS:
        raise DocketRefused(f"the reason is missing, or longer than {_WORDS} characters", "Say why.")
    return words
