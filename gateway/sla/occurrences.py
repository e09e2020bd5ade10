"""Occurrences: what was expected when, made of the calendar, and what receipts say of it.

They are made before they are due, and again whenever somebody asks for figures: a scheduler that stood still loses no
obligation. Measuring is repeatable: the same receipts give the same rows. A day of which nothing can change any more is
counted for good, so that a report reads counts and not millions of occurrences.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta

from croniter import croniter
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from gateway import pg
from gateway.deployment import Deployment
from gateway.settings import CHINA
from gateway.sla import agreements
from gateway.sla.calendar import Calendar
from gateway.sql import queries

_SQL = queries(__file__)
# Upper bounds of the histogram in milliseconds; the last bucket has none.
BUCKETS = (1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000,
           21_600_000, 86_400_000)  # fmt: skip
# What a platform answered, or did not, when it was asked: proof that it was not there.
PLATFORM_FAULTS = ("GW-201", "GW-202", "GW-203", "GW-204", "GW-207", "GW-208")
_PAGE = 5000
_SIDES = min(4, os.cpu_count() or 1)
_NEVER = 1 << 62  # milliseconds of what has not arrived


def refresh(deployment: Deployment, begins: datetime, ends: datetime, as_of: datetime) -> None:
    """Bring agreements, occurrences and what is measured of them from `begins` to `ends` up to date.

    Days are measured side by side, each in a transaction of its own: of a report that broke off the days stay that it measured.
    """
    calendar = Calendar.from_files(deployment.catalog.calendar_files)
    doing = "bring the occurrences up to date"

    def measured(day: tuple[datetime, datetime]) -> None:
        with pg.hub_errors(doing), closing(deployment.hub(name="gateway sla day")) as hub, hub:
            pg.run(hub, _SQL["alone"], {"day": str(day[0].astimezone(CHINA).date())})
            measure(hub, calendar, *day, as_of)

    with pg.hub_errors(doing), closing(deployment.hub(name="gateway sla")) as hub, hub:
        agreements.sync(hub, deployment.catalog, as_of)
    with ThreadPoolExecutor(_SIDES) as sides:
        list(sides.map(measured, _days(begins, ends)))


def make(connection: Connection, calendar: Calendar, begins: datetime, ends: datetime) -> None:
    """Make the occurrences from `begins` to `ends` as they are before anything was due."""
    measure(connection, calendar, begins, ends, begins)


def measure(connection: Connection, calendar: Calendar, begins: datetime, ends: datetime, as_of: datetime) -> None:
    """Make the occurrences from `begins` to `ends`, take what came of them from receipts and attempts, count days that are over."""
    values = {
        "begins": begins, "ends": ends, "as_of": as_of, "faults": list(PLATFORM_FAULTS), "buckets": list(BUCKETS), "never": _NEVER,
        "width": agreements.WINDOW, "workdays": _workdays(calendar, begins, ends),
    }  # fmt: skip
    pg.run(connection, _SQL["session"])
    pg.run(connection, _SQL["undue"], values)
    pg.run(connection, _SQL["open"], values)
    if not pg.one(connection, _SQL["any"])[0]:
        return
    _strike(connection, ends)
    pg.run(connection, _SQL["timed"], values | pg.dicts(connection, _SQL["promised"])[0])
    found = " union all ".join(_SQL[name] for name in ("scheduled", "windows_in", "windows_out"))
    pg.run(connection, _SQL["take"].replace("{found}", found), values)
    pg.run(connection, _SQL["tally"], values)


def _strike(connection: Connection, ends: datetime) -> None:
    """Note the slots of every cron line that has open days: a line is struck once, however many routes share it."""
    pg.run(connection, _SQL["stage"])
    with connection.cursor() as cursor:
        for line in pg.dicts(connection, _SQL["lines"]):
            rows = [(line["schedule"], *moments) for moments in slots(line["schedule"], line["first"], ends)]
            execute_values(cursor, "insert into sla_slot values %s", rows, page_size=_PAGE)


def slots(schedule: str, first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield each moment from `first` to before `last` at which a cron line strikes, by clocks in China, and the next one."""
    line = croniter(schedule, first.astimezone(CHINA) - timedelta(microseconds=1))
    slot = line.get_next(datetime)
    while slot < last:
        following = line.get_next(datetime)
        yield slot, following
        slot = following


def _days(begins: datetime, ends: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Cut a time into days in China."""
    while begins < ends:
        dawn = begins.astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        yield begins, min(dawn, ends)
        begins = dawn


def _workdays(calendar: Calendar, begins: datetime, ends: datetime) -> list[date]:
    last = (ends - timedelta(microseconds=1)).astimezone(CHINA).date()
    return [day.day for day in calendar.days(begins.astimezone(CHINA).date(), last) if day.is_work]
