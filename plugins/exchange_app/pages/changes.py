"""What became of structures: the board of changes, and one version of a platform side by side with the one before.

This file must not postpone its annotations.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from psycopg2.extensions import connection as Connection

from exchange_app import frame
from exchange_app.rights import Reader
from gateway.errors import NotFound
from gateway.model import Catalog
from gateway.sla.calendar import Calendar
from gateway.sql import queries
from schemas.diff.model import Effect
from schemas.notice import terms, words

_SQL = queries(__file__)
_PARTS = 2  # of a path that name a relation: schema.table

router = APIRouter()


@router.get("/changes")
def board(request: Request, _: Reader) -> Response:
    """Show what was seen, what is held, and which notices stand; by platform, level and state where asked for."""
    city, asked = frame.city(), request.query_params
    level, state = asked.get("level") or None, asked.get("state") or None
    values = {"platform": asked.get("platform") or None, "level": level, "state": state, "today": frame.today()}
    with frame.hub() as hub:
        found = {name: frame.rows(hub, _SQL[name], values) for name in ("versions", "holds", "notices", "states")}
    counted = {row["state"]: row["notices"] for row in found["states"]}
    holds = [{**hold, "who": city.routes.get(hold["route"])} for hold in found["holds"]]
    shown = {
        "city": city, "asked": values, "versions": found["versions"], "holds": holds,
        "notices_shown": with_days(city, found["notices"]), "counted": counted,
        "levels": [effect.name for effect in Effect], "overdue": sum(row["overdue"] for row in found["notices"]),
    }  # fmt: skip
    return frame.page(request, "changes.html", shown)


@router.get("/changes/{platform}/{version}")
def one_version(
    request: Request, platform: str, version: Annotated[int, InPath(ge=1, le=2**31 - 1)], _: Reader
) -> Response:
    """Show what was different in a version, relation by relation, before beside after."""
    city = frame.city()
    with frame.hub() as hub:
        found = frame.rows(hub, _SQL["around"], {"platform": platform, "version": version})
    if not found or found[0]["version"] != version:
        raise NotFound(f"no version {version} of platform {platform} was kept", "See the board of changes.")
    after, before = found[0], found[1] if len(found) > 1 else None
    shown = {
        "platform": city.platforms.get(platform), "name": platform, "after": after, "before": before,
        "relations": relations(after["changes"], before and before["document"], after["document"]),
    }  # fmt: skip
    return frame.page(request, "version.html", shown)


def listing(hub: Connection) -> list[dict[str, Any]]:
    """Return all notices, newest first."""
    return frame.rows(hub, _SQL["notices"], {"platform": None, "state": None, "today": frame.today()})


def with_days(city: Catalog, notices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to each announced notice how many working days it was sent ahead, and how many are left."""
    calendar = Calendar.from_files(city.calendar_files)
    for row in notices:
        row["lead"] = row["left"] = None
        if row["announced_at"] is not None:
            row["lead"] = calendar.workdays_between(terms.day_zero(row["announced_at"], calendar), row["effective_on"])
            if row["state"] == "announced" and frame.today() <= row["effective_on"]:
                row["left"] = calendar.workdays_between(frame.today(), row["effective_on"])
    return notices


def relations(
    changes: list[Mapping[str, Any]], before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Return the changes by what they are changes of, the most harmful first, with all its columns on both sides."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        parts = change["path"].split(".")
        whole = ".".join(parts[:_PARTS])
        grouped.setdefault(whole, []).append(row_of(change, ".".join(parts[_PARTS:]) or "—"))
    sides = [_columns(document) for document in (before, after)]
    found = [
        {"name": name, "rows": rows, "columns": _beside(*(side.get(name, {}) for side in sides)),
         "level": max(row["level"] for row in rows)}
        for name, rows in grouped.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-one["level"], one["name"]))


def row_of(change: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a change in words: what it is, before and after, and what it does to those who read and who write."""
    return {
        "name": name, "kind": words.kind(change["rule"], change["kind"]), "rule": change["rule"],
        "before": change["before"], "after": change["after"],
        "reader": change["effect_reader"], "writer": change["effect_writer"],
        "level": max(Effect[change["effect_reader"]], Effect[change["effect_writer"]]),
    }  # fmt: skip


def _columns(document: Mapping[str, Any] | None) -> dict[str, dict[str, str]]:
    """Return the columns of each relation of a database's snapshot, each as it would be declared."""
    found = (document or {}).get("relations", ())
    return {
        f"{relation['schema']}.{relation['name']}": {c["name"]: _declared(c) for c in relation["columns"]}
        for relation in found
        if "columns" in relation
    }


def _declared(column: Mapping[str, Any]) -> str:
    parts = [str(column.get("type", ""))]
    if column.get("notnull"):
        parts.append("not null")
    if column.get("default"):
        parts.append(f"default {column['default']}")
    return " ".join(parts)


def _beside(before: Mapping[str, str], after: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return both sides' columns in their order, line by line; what is on one side only has an empty other side."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        {"name": name, "before": before.get(name), "after": after.get(name),
         "same": before.get(name) == after.get(name)}
        for name in names
    ]  # fmt: skip
