"""Exemptions (免考核) and disputes (申诉): filed, ruled on once, withdrawn; joined when figures are read.

No occurrence is ever edited. A ruling after a period's issue was frozen appears in the next issue as a correction.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import DocketRefused
from gateway.ledger.acts import acting
from gateway.sla import occurrences
from gateway.sql import queries

_SQL = queries(__file__)
_DAY = timedelta(days=1)
_PREFIX = {"exempt": "MK", "dispute": "SS"}
EXEMPTIONS = ("maintenance", "third_party", "disaster", "own_fault")
DISPUTES = ("verdict", "blame")
EFFECTS = ("exempt", "source", "hub", "target")


def file(
    deployment: Deployment, kind: str, route: str, begins: datetime, ends: datetime, *, reason: str, words: str, who: str,
    effect: str = "exempt",
) -> str:  # fmt: skip
    """File an exemption or dispute about a route's occurrences from `begins` to `ends` and return its number.

    DocketRefused when nothing is expected then, when maintenance has begun already, or when reason and kind do not fit.
    """
    now = settings.now()
    _refuse_unfit(kind, reason, effect, begins, now)
    occurrences.refresh(
        deployment, _dawn(begins), _dawn(ends + _DAY - timedelta(microseconds=1)), now
    )  # days are made whole
    with acting(deployment, "file a docket") as act:
        pg.one(act.hub, _SQL["alone"])
        touched = pg.dicts(act.hub, _SQL["touched"], {"route": route, "begins": begins, "ends": ends})
        if not touched:
            raise DocketRefused(
                f"nothing was or is expected of route {route} in that time",
                "Give a route of the catalog and a time with slots.",
            )
        prefix = f"{_PREFIX[kind]}-{now.astimezone(settings.CHINA).year}-"
        no = f"{prefix}{pg.one(act.hub, _SQL['next'], {'prefix': prefix})[0]:03}"
        values = {
            "no": no,
            "kind": kind,
            "unit": touched[-1]["unit"],
            "reason": reason,
            "words": words,
            "effect": effect,
        }
        pg.run(act.hub, _SQL["file"], {**values, "who": who, "now": now})
        with act.hub.cursor() as cursor:
            rows = [(no, route, row["slot"]) for row in touched]
            execute_values(cursor, "insert into gateway.docket_event (no, route, slot) values %s", rows, page_size=1000)
        act.chained("decision", {"what": "docket file", "docket": no, "occurrences": len(touched), "who": who}, route)
    return no


def rule(deployment: Deployment, no: str, *, granted: bool, words: str, who: str) -> None:
    """Rule on a docket; DocketRefused when that was done already, or it was withdrawn."""
    ruling = "granted" if granted else "refused"
    _decide(deployment, "rule", no, words, who, {"ruling": ruling})


def withdraw(deployment: Deployment, no: str, *, words: str, who: str) -> None:
    """Take a docket back: it counts no more, and stays to be seen."""
    _decide(deployment, "withdraw", no, words, who, {})


def listing(connection: Connection, unit: str | None = None) -> list[dict[str, Any]]:
    """Return dockets, newest first: all, or a unit's."""
    return pg.dicts(connection, _SQL["listing"], {"unit": unit})


def _decide(deployment: Deployment, what: str, no: str, words: str, who: str, more: dict[str, str]) -> None:
    with acting(deployment, f"{what} a docket") as act:
        if pg.one(act.hub, _SQL[what], {"no": no, "who": who, "words": words, "now": settings.now(), **more}) is None:
            raise DocketRefused(
                f"docket {no} is not there, ruled on already or withdrawn", "See `gateway docket list`."
            )
        act.chained("decision", {"what": f"docket {what}", "docket": no, "who": who, "why": words, **more})


def _dawn(moment: datetime) -> datetime:
    return moment.astimezone(settings.CHINA).replace(hour=0, minute=0, second=0, microsecond=0)


def _refuse_unfit(kind: str, reason: str, effect: str, begins: datetime, now: datetime) -> None:
    known = EXEMPTIONS if kind == "exempt" else DISPUTES
    if reason not in known:
        raise DocketRefused(f"{reason!r} is no reason of this kind", f"Use one of {', '.join(known)}.")
    if effect not in EFFECTS or (kind == "exempt" and effect != "exempt"):
        raise DocketRefused(
            f"{effect!r} cannot be asked for", "An exemption exempts; a dispute names exempt, source, hub or target."
        )
    if reason == "maintenance" and begins <= now:
        raise DocketRefused(
            "maintenance is filed before it begins",
            "What was not announced counts; file a dispute if it was not yours.",
        )
