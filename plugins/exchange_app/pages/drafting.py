"""The form that drafts a change: what it would do is found on a copy, and nobody is told yet.

This file must not postpone its annotations.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from exchange_app import frame, rights
from exchange_app.pages.board import LONGEST, SAID
from exchange_app.rights import Announcer, Posted, Visitor
from gateway.errors import GatewayError, NoticeRefused
from gateway.model import Catalog
from schemas.diff.compare import KINDS
from schemas.diff.model import BadDocument
from schemas.notice import lifecycle, planned
from schemas.notice.planned import Planned

router = APIRouter()


@router.get("/notice/new")
def blank(request: Request, visitor: Announcer) -> Response:
    """Show the empty form."""
    return _form(request, visitor, {}, "")


@router.post("/notice/new")
def drafted(request: Request, visitor: Announcer, form: Posted) -> Response:
    """Find out what the change does and keep it as a draft; sent twice, the same form drafts one notice."""
    deployment = frame.deployment()
    try:
        wanted = _wanted(deployment.catalog, form)
        made = _made(wanted.body["platform"], form)
        plan = {**wanted.body, **made.body, "effective": wanted.effective}
        number = lifecycle.draft(deployment, plan, made.changes)
    except BadDocument as error:
        return _form(request, visitor, form, str(error))
    except GatewayError as error:
        return _form(request, visitor, form, f"{error.message}。{error.hint}")
    except ValueError:
        return _form(request, visitor, form, frame.said(request).BAD_DAY)
    return frame.seen(request, f"notice/{number}")


@dataclass(frozen=True, slots=True)
class _Wanted:
    body: dict[str, Any]
    effective: date | None


def _wanted(city: Catalog, form: Mapping[str, str]) -> _Wanted:
    """Return what the notice is to say; NoticeRefused names what is missing or unknown."""
    platform, dataset, reason = (form.get(name, "") for name in ("platform", "dataset", "reason"))
    if not reason:
        raise NoticeRefused("the reason is missing", "Fill it in; it is told to everybody.")
    if not any((r.peer.platform, r.dataset.name) == (platform, dataset) for r in city.routes.values()):
        raise NoticeRefused(
            f"no route carries {dataset or 'a data set'} at platform {platform or 'none'}",
            "Choose the platform and a data set that it brings or gets.",
        )
    said = {name: form[name] for name in SAID if form.get(name)}
    if too_long := next((name for name, text in {**said, "reason": reason}.items() if len(text) > LONGEST), None):
        raise NoticeRefused(f"{too_long} has more than {LONGEST} characters", "Say it shorter.")
    effective = date.fromisoformat(form["effective"]) if form.get("effective") else None
    body = {"platform": platform, "dataset": dataset, "reason": reason, **said}
    return _Wanted({**body, "origin": f"page {form.get('form', '') or secrets.token_hex(8)}"}, effective)


def _made(platform: str, form: Mapping[str, str]) -> Planned:
    if form.get("ddl"):
        found = planned.by_script(frame.deployment(), platform, form["ddl"])
    elif form.get("old") and form.get("new"):
        found = planned.by_texts(form.get("kind", ""), form["old"], form["new"])
    else:
        raise NoticeRefused("there is no script and no pair of documents", "Give the script, or both documents.")
    if not found.changes:
        raise NoticeRefused("the change changes nothing of the structure", "Look at the script or the documents.")
    return found


def _form(request: Request, visitor: Visitor, form: Mapping[str, str], said: str) -> Response:
    city = frame.city()
    routes = sorted(city.routes.values(), key=lambda route: route.route)
    platforms = {route.peer.platform: route.peer.name for route in routes}
    datasets = {route.dataset.name: route.dataset.chinese for route in routes}
    context = {
        "platforms": dict(sorted(platforms.items())), "datasets": dict(sorted(datasets.items())), "kinds": KINDS,
        "form": {**dict.fromkeys(("kind", "ddl", "old", "new", "effective", "platform", "dataset", "reason", *SAID), ""),
                 "form": secrets.token_hex(8), **form},
        "said": said, "token": rights.token(visitor),
    }  # fmt: skip
    return frame.page(request, "draft.html", context, 409 if said else 200)
