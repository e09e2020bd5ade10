"""What happens to cases as numbered events, in the style of a message bus: each case counts from 1, without a gap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox import items

Row = dict[str, Any]
EVENT = "case.event"
_BEGINS = datetime(2026, 1, 5, 9)  # noqa: DTZ001 - sources hold naive times


def of_cases(told: Mapping[str, Iterable[Row]]) -> Iterator[Row]:
    """Yield the events of cases, from their rows by data set; naive times are China's."""
    tasks = {row["project_no"]: row["task_code"] for row in told["case.accept"]}
    happened: defaultdict[str, list[tuple[datetime, str, str | None]]] = defaultdict(list)
    for dataset, rows in told.items():
        for row in rows:
            happened[row["project_no"]] += of_row(dataset, row)
    for project, events in happened.items():
        for number, (when, kind, remark) in enumerate(sorted(events, key=lambda event: event[:2]), 1):
            yield event(project, tasks[project], number, kind, when, remark)


def of_row(dataset: str, row: Row) -> Iterator[tuple[datetime, str, str | None]]:
    """Yield when what happened of which a row of a case tells, and a remark; a row may tell of two events, or of none."""
    if dataset == "case.accept":
        yield row["apply_date"], "0", None
        yield row["accept_date"], "2", f"受理人：{row['handle_user_name']}"
    elif dataset == "case.process":
        yield row["event_end_time"], "3", row["handle_explain"]
    elif dataset == "case.special":
        yield row["special_time"], "5", row["special_reason"]
        if row["end_time"]:
            yield row["end_time"], "6", row["result"]
    elif dataset == "case.result":
        yield row["result_date"], "4", row["result_explain"]


def event(project: str, task: str, number: int, kind: str, when: datetime, remark: str | None) -> Row:
    """Return an event as the approval system's table holds it."""
    return {
        "project_no": project, "event_type": kind, "version": number, "task_code": task, "division": "130800000000",
        "happened_at": when, "outcome": "1", "remark": remark, "updated_at": when,
    }  # fmt: skip


def spare(number: int) -> Row:
    """Return the first event of a case that nobody has accepted yet."""
    when = _BEGINS + timedelta(minutes=number)
    return event(f"1308{when:%Y%m%d}8{number:08d}", items.task(number % 10), 1, "01"[number % 2], when, "窗口收件")
