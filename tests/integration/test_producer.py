"""The approval system at work: what it writes while the demo runs belongs together."""

from __future__ import annotations

import uuid
from collections import defaultdict
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from gateway.embedded import Server
from sandbox import approval, sources
from sandbox.waiting import until


def count(cursor: Any, table: str) -> int:
    """Return how many rows a table has."""
    cursor.execute(f"select count(*) from {table}")
    found: int = cursor.fetchone()[0]
    return found


def test_cases_bring_numbered_events_and_a_task_of_each_result(
    servers: tuple[Server, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events of a case count from 1 without a gap, and each result has exactly one supervision task."""
    monkeypatch.setattr(approval, "_PACE", 1 / 100_000)
    name = f"producer_{uuid.uuid4().hex[:8]}"
    servers[1].create_database(name)
    dsn = servers[1].dsn(name)
    with closing(psycopg2.connect(dsn)) as there, there.cursor() as cursor:
        there.autocommit = True
        for dataset in sources.DATABASES["approval"]:
            cursor.execute(sources.table(dataset).create())
        with approval.Producer(dsn, per_second=20):
            until(lambda: count(cursor, "dn_pro_result") >= 5, 60, "no five cases came to a result")
        cursor.execute("select project_no, version from dn_pro_event order by id")
        numbers = defaultdict(list)
        for project, number in cursor.fetchall():
            numbers[project].append(number)
        cursor.execute("select array_agg(project_no order by project_no) from dn_pro_result")
        decided = cursor.fetchall()[0][0]
        cursor.execute("select array_agg(project_no order by project_no) from superv_task")
        assert cursor.fetchall()[0][0] == decided
    assert decided
    assert all(found == list(range(1, len(found) + 1)) for found in numbers.values())
