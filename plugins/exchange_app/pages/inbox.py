"""The inbox of a unit: what its logged-in user was told and has to answer, of its own unit alone.

Which unit that is stands in each statement, by the login; no form and no address can name another. This file must not
postpone its annotations.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Request, Response

from exchange_app import frame, rights
from exchange_app.pages.board import Number
from exchange_app.rights import Posted, UnitUser, Visitor
from gateway.errors import NotFound, NoticeRefused
from gateway.sql import queries
from schemas.notice import compose, lifecycle, store, words
from schemas.notice.lifecycle import Reply
from schemas.notice.store import Recipient

_SQL = queries(__file__)

router = APIRouter()


@router.get("/inbox")
def inbox(request: Request, visitor: UnitUser) -> Response:
    """List the unit's notices, those to be answered first."""
    city = frame.city()
    with frame.hub() as hub:
        rows = frame.rows(hub, _SQL["own"], {"login": visitor.login, "today": frame.today()})
        unit = next((row["unit"] for row in frame.rows(hub, _SQL["unit"], {"login": visitor.login})), None)
    name = city.units[unit].name if unit and unit in city.units else unit
    return frame.page(request, "inbox.html", {"city": city, "rows": rows, "unit": name})


@router.get("/inbox/{notice}")
def shown(request: Request, notice: Number, visitor: UnitUser) -> Response:
    """Show a notice as the unit was told it, with its answer or the form for one."""
    return _shown(request, notice, visitor)


@router.post("/inbox/{notice}")
def answered(request: Request, notice: Number, visitor: UnitUser, form: Posted) -> Response:
    """Keep the unit's answer."""
    _, own = _told(notice, visitor)
    try:
        until = date.fromisoformat(form["until"]) if form.get("until") else None
        reply = Reply(form.get("answer", ""), form.get("by", ""), form.get("title", ""), until, form.get("remark", ""))
        revision = int(form.get("revision", "0"))
        lifecycle.answer(frame.deployment(), notice, own.unit, reply, revision=revision)
    except NoticeRefused as refused:
        return _shown(request, notice, visitor, f"{refused.message}。{refused.hint}", form)
    except ValueError:
        return _shown(request, notice, visitor, frame.said(request).BAD_DAY, form)
    return frame.seen(request, f"inbox/{notice}")


def _told(notice: int, visitor: Visitor) -> tuple[int, Recipient]:
    """Return the revision in force and the unit's line of it; NotFound when the unit was not told, as when there is none."""
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["told"], {"login": visitor.login, "notice": notice})
    if not found:
        raise NotFound(f"there is no notice {notice} for you", "See the inbox.")
    return found[0].pop("revision"), Recipient(**found[0])


def _shown(
    request: Request, notice: int, visitor: Visitor, said: str = "", form: Mapping[str, str] | None = None
) -> Response:
    city = frame.city()
    number, own = _told(notice, visitor)
    with frame.hub() as hub:
        head, revision = store.get(hub, notice), store.revision(hub, notice, number)
    facts = compose.facts_of(city, head, revision, own, None)
    given: dict[str, Any] = {
        "by": visitor.name,
        **dict.fromkeys(("answer", "until", "remark", "title"), ""),
        **(form or {}),
    }
    context = {
        "facts": facts, "said_of_it": compose.template("facts.html.j2").render(facts), "head": head, "revision": revision,
        "own": own, "said": said, "form": given, "token": rights.token(visitor),
        "choices": [(name, chinese, words.ANSWERS_ENGLISH[name]) for name, chinese in words.ANSWERS.items()],
    }  # fmt: skip
    return frame.page(request, "told.html", context, 409 if said else 200)
