"""The housing bureau's own system of permits: cases that are handled there and not in the approval system.

Two cases were handed on by the approval bureau, and both systems tell of them under one number.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from random import Random

import psycopg2
from psycopg2.extras import RealDictCursor

from sandbox import approval_tables, cases, orgs, sources
from sandbox.approval_tables import Made
from sandbox.cases import Row
from sandbox.messages import CHINA

NAME = "self_zjj_case"
ACCEPT, CLAIMED = "case.accept", "key.claimed"
CASES, HANDED_ON = 300, 2
_FIRST, _SPARE = 500_000_000, 600_000_000  # numbers that the approval system does not give
_SERVICES = (2, 6)  # building permits, drainage permits
_HANDED_ON = """
    select * from dn_pro_accept a
     where not exists (select from sandbox.bad_row b where b.key = a.row_guid)
       and 1 = (select count(*) from dn_pro_accept o where o.project_no = a.project_no)
     order by project_no limit %s
"""


def office() -> cases.Office:
    """Return the housing bureau as it stands in the register of organisations."""
    unit = next(unit for unit in orgs.live_units() if unit["org_name"] == "承德市住房和城乡建设局")
    return cases.Office(unit["org_cc_code"], unit["org_name"], _SERVICES, pauses=False)


def tables(seed: int, key: bytes) -> Made:
    """Yield every table of the system."""
    now, numbers = datetime.now(CHINA).replace(microsecond=0, tzinfo=None), range(_FIRST, _FIRST + CASES)
    made = approval_tables.of_office(office(), numbers, now, Random(f"{seed}:permits"), seed, key, spare=_SPARE)
    yield from (table for table in made if table[0] in sources.DATABASES[NAME])


def handed_on(approval_dsn: str) -> list[Row]:
    """Return the cases that the approval system holds as well."""
    names = [column.name for column in sources.table(ACCEPT).columns]
    with (
        closing(psycopg2.connect(approval_dsn)) as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute(_HANDED_ON, (HANDED_ON,))
        return [{name: row[name] for name in names} for row in cursor.fetchall()]
