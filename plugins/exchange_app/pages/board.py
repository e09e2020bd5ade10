"""Notices for those who announce and those who oversee: the list, one notice whole, and what is done to it by a form.

Whatever is done bears the login's name in the chain. This file must not postpone its annotations.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath

from exchange_app import frame, rights
from exchange_app.pages import changes
from exchange_app.rights import Announcer, Posted, Reader, Visitor
from gateway.errors import CalendarMissing, NotFound, NoticeRefused, SchemaMismatch
from gateway.sql import queries
from schemas.notice import gate, lifecycle, planned, store
from schemas.notice.planned import Planned
from schemas.notice.store import Revision

_SQL = queries(__file__)
Number = Annotated[int, InPath(ge=1, le=2**63 - 1)]
LONGEST = 500  # characters of what a notice says in a line
SAID = ("measures", "fallback", "contact")
_COLUMN = 3  # parts of a path that names a column: schema.table.column

router = APIRouter()


@router.get("/notice")
def listed(request: Request, _: Reader) -> Response:
    """List all notices, newest first; with `number`, lead to the one of that number."""
    city = frame.city()
    if number := request.query_params.get("number", "").strip():
        with frame.hub() as hub:
            found = frame.rows(hub, _SQL["by_number"], {"number": number})
        if not found:
            raise NotFound(f"there is no notice {number}", "See the list.")
        return frame.seen(request, f"notice/{found[0]['notice']}")
    with frame.hub() as hub:
        rows = changes.listing(hub)
    return frame.page(request, "notices.html", {"city": city, "rows": changes.with_days(city, rows)})


@router.get("/notice/{notice}")
def shown(request: Request, notice: Number, visitor: Reader) -> Response:
    """Show a notice whole."""
    return _whole(request, notice, visitor)


@router.post("/notice/{notice}/announce")
def announce(request: Request, notice: Number, visitor: Announcer, form: Posted) -> Response:
    """Send a draft to every unit that it touches."""

    def act() -> None:
        day = _day(form.get("effective"))
        lifecycle.announce(
            frame.deployment(), str(notice), who=visitor.login, effective_on=day, emergency=form.get("emergency", "")
        )

    return _done(request, notice, visitor, form, act)


@router.post("/notice/{notice}/postpone")
def postpone(request: Request, notice: Number, visitor: Announcer, form: Posted) -> Response:
    """Move the day of effect later."""

    def act() -> None:
        day = _day(_demanded(form, "effective", "the later day"))
        assert day is not None
        why = _demanded(form, "why", "the reason")
        lifecycle.postpone(frame.deployment(), str(notice), who=visitor.login, why=why, effective_on=day)

    return _done(request, notice, visitor, form, act)


@router.post("/notice/{notice}/revise")
def revise(request: Request, notice: Number, visitor: Announcer, form: Posted) -> Response:
    """Announce other changes, another day or other words under the same number: everybody is told and asked anew."""

    def act() -> None:
        why, day = _demanded(form, "why", "the reason"), _day(form.get("effective"))
        if too_long := next((name for name in (*SAID, "why") if len(form.get(name, "")) > LONGEST), None):
            raise NoticeRefused(f"{too_long} has more than {LONGEST} characters", "Say it shorter.")
        with frame.hub() as hub:
            standing = store.get(hub, notice)
            now = store.revision(hub, notice, standing.revision)
        found = _replanned(standing.platform, now, form.get("ddl", ""))
        body = {**{name: form.get(name, "") for name in SAID}, **(found.body if found else {})}
        changes_found = found.changes if found else None
        lifecycle.revise(
            frame.deployment(), str(notice), changes_found, who=visitor.login, why=why, effective_on=day, planned=body
        )

    return _done(request, notice, visitor, form, act)


def _replanned(platform: str, now: Revision, script: str) -> Planned | None:
    """Return what another script changes; None when it is the one that was announced, or none is given."""
    if not script or script.split() == str(now.body.get("script") or "").split():
        return None
    found = planned.by_script(frame.deployment(), platform, script)
    if not found.changes:
        raise NoticeRefused(
            "the change changes nothing of the structure", "Look at the script, or withdraw the notice."
        )
    return found


@router.post("/notice/{notice}/withdraw")
def withdraw(request: Request, notice: Number, visitor: Announcer, form: Posted) -> Response:
    """Take a notice back."""

    def act() -> None:
        why = _demanded(form, "why", "the reason")
        lifecycle.withdraw(frame.deployment(), str(notice), who=visitor.login, why=why)

    return _done(request, notice, visitor, form, act)


def _done(
    request: Request, notice: int, visitor: Visitor, form: Mapping[str, str], act: Callable[[], None]
) -> Response:
    """Do it and show the notice anew; what is refused is told at the form, which keeps what was filled in."""
    try:
        act()
    except (NoticeRefused, CalendarMissing, SchemaMismatch) as refused:
        return _whole(request, notice, visitor, f"{refused.message}。{refused.hint}", form)
    except ValueError:
        return _whole(request, notice, visitor, frame.said(request).BAD_DAY, form)
    return frame.seen(request, f"notice/{notice}")


def _whole(
    request: Request, notice: int, visitor: Visitor, said: str = "", form: Mapping[str, str] | None = None
) -> Response:
    city = frame.city()
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["notice"], {"notice": notice})
        if not found:
            raise NotFound(f"there is no notice {notice}", "See the list of notices.")
        head = found[0]
        revisions = frame.rows(hub, _SQL["revisions"], {"notice": notice})
        told = frame.rows(hub, _SQL["recipients"], {"notice": notice, "revision": head["revision"]})
        topics = [f"{head['number']} r{one['revision']}" for one in revisions]
        sent = frame.rows(hub, _SQL["sent"], {"topics": topics})
        names = [head["number"] or f"draft {notice}", f"draft {notice}"]
        acts = frame.rows(hub, _SQL["acts"], {"names": names})
        rehearsed = store.rehearsed(hub, store.revision(hub, notice, head["revision"]))
        in_the_way = gate.seen(frame.deployment(), hub, notice) if head["state"] == "announced" else []
    now = next(one for one in revisions if one["revision"] == head["revision"])
    rows = [changes.row_of(change, _name(change["path"])) for change in now["body"]["changes"]]
    context = {
        "city": city, "head": head, "now_in_force": now, "revisions": revisions, "told": told, "sent": sent, "acts": acts,
        "rehearsed": rehearsed, "gate": in_the_way, "blocked": {o.unit: o.words for o in in_the_way if o.unit},
        "rows": sorted(rows, key=lambda row: -row["level"]), "said": said, "form": dict(form or {}),
        "token": rights.token(visitor) if visitor.may(rights.ANNOUNCE) else "",
        "days": changes.with_days(city, [{**head, **now}])[0],
    }  # fmt: skip
    return frame.page(request, "notice.html", context, 409 if said else 200)


def _name(path: str) -> str:
    parts = path.split(".")
    return parts[-1] if len(parts) == _COLUMN else path


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _demanded(form: Mapping[str, str], name: str, words: str) -> str:
    if not form.get(name):
        raise NoticeRefused(f"{words} is missing", "Fill it in; it is told to everybody.")
    return form[name]
