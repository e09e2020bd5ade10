"""What the licence library's table holds when the city begins: licences of the cases that ended with one, and older ones."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import chain

import psycopg2
from psycopg2.extras import RealDictCursor

from sandbox import licences
from sandbox.approval_tables import Made, Row

_DECIDED = """
    select a.task_name, a.task_code, a.applyer_name, a.applyer_page_type, a.applyer_page_code,
           r.result_cetr_name, r.result_cetr_no, r.result_date
      from dn_pro_result r join dn_pro_accept a using (project_no)
     where r.result_cetr_no is not null
       and not exists (select from sandbox.bad_row b where b.key in (r.row_guid, a.row_guid))
     order by r.project_no
"""


def tables(handling: Iterable[str], scale: float, seed: int, key: bytes) -> Made:
    """Yield a licence for each good result of a good case that has one, then those of earlier years.

    `handling`: the databases of the systems that handle cases.
    """
    count = round(licences.LICENCES * min(scale, 1.0))
    cases = [case for dsn in handling for case in _decided(dsn)]
    rows = (licences.of_case(case, number, seed) for number, case in enumerate(cases))
    earlier = (licences.licence(number, seed, key) for number in range(count))
    yield "licence.data", chain(rows, earlier), lambda i: licences.licence(count + i, seed, key)


def _decided(dsn: str) -> list[Row]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_DECIDED)
        return [dict(row) for row in cursor.fetchall()]
