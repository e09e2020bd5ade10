"""Whether a platform may be asked now: its window is open and it does not rest; a person may let one run start all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.errors import NotNow, OutsideWindow, PlatformResting, TargetLags
from gateway.exchange import hours
from gateway.ledger import pace
from gateway.ledger.acts import acting
from gateway.ledger.pace import Rest
from gateway.model import Catalog, Hours, Platform, Route
from gateway.ports import Unread
from gateway.sla.calendar import Calendar

_LOOK_AGAIN = 300.0  # seconds until a front end that lags is looked at again


@dataclass(frozen=True, slots=True)
class Override:
    """Who lets a run start now, and why."""

    who: str
    why: str


def opening(catalog: Catalog, platform: Platform) -> datetime | None:
    """Return when a platform's window opens; None when it is open, or there is none."""
    return opens(catalog, platform.window)


def opens(catalog: Catalog, window: Hours | None) -> datetime | None:
    """Return when a window opens; None when it is open, or there is none."""
    if window is None:
        return None
    calendar = Calendar() if window.days == "all" else Calendar.from_files(catalog.calendar_files)
    return hours.opening(window, settings.now(), calendar.is_work)


def not_before(catalog: Catalog, platform: Platform, rests: Mapping[str, Rest]) -> datetime | None:
    """Return before when a platform is not asked, for people to see; None when it may be asked now."""
    rest = rests.get(platform.platform)
    found = [at for at in (opening(catalog, platform), rest and rest.until) if at]
    return max(found, default=None)


def refuse_early(hub: Connection, catalog: Catalog, platform: Platform) -> None:
    """Let pass when the platform may be asked now; else raise OutsideWindow or PlatformResting."""
    if until := opening(catalog, platform):
        raise OutsideWindow(
            f"platform {platform.platform} is asked only {platform.window}; that is closed until {shown(until)}",
            "The run starts then by itself under Airflow. `--now --why …` lets one start now.",
            (until - settings.now()).total_seconds(),
        )
    if rest := pace.resting(hub).get(platform.platform):
        raise PlatformResting(
            f"platform {platform.platform} rests until {shown(rest.until)}: {rest.why}",
            "It asked for that; the run starts then by itself under Airflow. `--now --why …` lets one start now.",
            rest.seconds,
        )


def lags(route: Route, found: Unread) -> TargetLags:
    """Return why nothing more is delivered for now: the other side has yet to fetch too much."""
    return TargetLags(
        f"{found.rows} rows or more of {route.dataset.name} lie unread at platform {route.peer.platform}; "
        f"it gets no more from {found.limit} on",
        "Ask its owner whether it still fetches. The run goes on by itself under Airflow when less lies there; "
        "`--now --why …` delivers all the same.",
        _LOOK_AGAIN,
    )


def start_early(deployment: Deployment, route: Route, early: NotNow, override: Override) -> None:
    """Chain the decision to run a route all the same; a rest ends with it."""
    with acting(deployment, "record who lets a run start") as act:
        body = {"what": "run now", "against": early.message, "who": override.who, "why": override.why}
        act.chained("decision", body, route.route)
        pace.wake(act.hub, route.peer.platform)


def shown(moment: datetime) -> str:
    """Return a moment in China, in the minute that is not too early."""
    whole = (moment + timedelta(seconds=59, microseconds=999_999)).astimezone(settings.CHINA)
    return f"{whole:%Y-%m-%d %H:%M} (China time)"
