"""What the approval system's tables hold when the city begins: cases, service items, organisations, pushes, supervision tasks, documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from sandbox import case_events, cases, documents, item_parts, items, orgs, pushes, supervision
from sandbox.messages import CHINA

Row = dict[str, Any]
# A data set, its good rows, and what makes further good rows by their number: for rows that must be bad in one way only.
Made = Iterator[tuple[str, Iterable[Row], Callable[[int], Row]]]
CASES, DOCUMENTS = 2_000, 400
_SPARE_CASES, _SPARE_EVENTS = 60, 40
_PUSHED = timedelta(minutes=10)  # how long after its result a case's task is pushed
_DAYS, _SPAN = 40, 30  # the oldest case was accepted so many days ago, the newest so many days later


def tables(seed: int, key: bytes) -> Made:
    """Yield every table of the approval system."""
    now = datetime.now(CHINA).replace(microsecond=0)
    told: dict[str, list[Row]] = {}
    begun = of_office(cases.APPROVAL, range(CASES), now.replace(tzinfo=None), Random(f"{seed}:cases"), seed, key)
    for dataset, rows, spare in begun:
        told[dataset] = rows
        yield dataset, rows, spare
    accepted = told["case.accept"]
    yield case_events.EVENT, case_events.of_cases(told), case_events.spare
    yield from _items(now, seed)
    yield from _orgs(seed, key)
    made = (pushes.message(n, accepted[n], now, seed) for n in range(pushes.MESSAGES))
    further = partial(_push, accepted=accepted, now=now, seed=seed)
    yield pushes.MESSAGE, made, further
    yield _tasks(accepted, told["case.result"], now, seed, key)
    came = (documents.of_case(n, accepted[n], now, seed, key) for n in range(DOCUMENTS))
    yield documents.META, came, lambda n: documents.of_case(DOCUMENTS + n, accepted[DOCUMENTS + n], now, seed, key)


def _push(number: int, accepted: list[Row], now: datetime, seed: int) -> Row:
    return pushes.message(pushes.MESSAGES + number, accepted[pushes.MESSAGES + number], now, seed)


def _tasks(
    accepted: list[Row], decided: list[Row], now: datetime, seed: int, key: bytes
) -> tuple[str, Iterator[Row], Callable[[int], Row]]:
    """Return a task of each result; further ones, under supervision, are of cases that are still open."""
    results = {row["project_no"]: row["result_date"].replace(tzinfo=CHINA) + _PUSHED for row in decided}
    done = [row for row in accepted if row["project_no"] in results]
    still = [row for row in accepted if row["project_no"] not in results]

    def further(number: int) -> Row:
        row = supervision.task(len(done) + number, still[number], now - timedelta(days=10), now, seed, key)
        return row | {"return_reason": None} | supervision.claimed(row, now, seed)

    made = (supervision.task(n, case, results[case["project_no"]], now, seed, key) for n, case in enumerate(done))
    return supervision.TASK, made, further


def of_office(
    office: cases.Office, numbers: range, now: datetime, rng: Random, seed: int, key: bytes, *, spare: int = 900_000_000
) -> Iterator[tuple[str, list[Row], Callable[[int], Row]]]:  # fmt: skip
    """Yield each table of an office's cases, with further rows to break: cases numbered from `spare` on, the oldest events."""
    begins = now - timedelta(days=_DAYS)
    by_dataset: dict[str, list[Row]] = {}
    for number in range(numbers.start, numbers.stop + _SPARE_CASES):
        accepted = begins + timedelta(minutes=rng.randrange(_SPAN * 24 * 60))
        for event in cases.case(number, accepted, seed, key, office=office):
            by_dataset.setdefault(event.dataset, []).append(event.row)
    for dataset, rows in by_dataset.items():
        if dataset == "case.accept":
            yield dataset, rows, _renumbered(rows, spare).__getitem__
            continue
        rows.sort(key=lambda row: row["cd_time"], reverse=True)  # the oldest are spare: long enough ago to be too late
        yield dataset, rows[:-_SPARE_EVENTS], rows[-_SPARE_EVENTS:].__getitem__


def _renumbered(rows: list[Row], first: int) -> list[Row]:
    """Return copies of the last rows under numbers of their own, for breaking."""
    return [r | {"row_guid": f"{r['row_guid'][:-4]}{i:04x}", "project_no": f"{r['project_no'][:-9]}{first + i:09d}"}
            for i, r in enumerate(rows[-_SPARE_CASES:])]  # fmt: skip


def _items(now: datetime, seed: int) -> Made:
    yield "item.directory", items.directory(now, seed), lambda i: items.entry(items.ITEMS + i, now, seed)
    yield items.GUIDE, items.guides(now, seed), lambda i: items.guide(items.ITEMS + i, now, seed)
    yield "item.material", item_parts.materials(seed), lambda i: item_parts.spare_material(i, seed)
    yield "item.fee", item_parts.fees(seed), lambda i: item_parts.spare_fee(i, seed)
    yield "item.faq", item_parts.faqs(seed), lambda i: item_parts.spare_faq(i, seed)
    yield "item.step", item_parts.steps(seed), lambda i: item_parts.spare_step(i, seed)


def _orgs(seed: int, key: bytes) -> Made:
    yield "org.region", orgs.regions(), orgs.spare_region
    yield "org.org", orgs.units(), orgs.spare_unit
    yield "org.contact", orgs.contacts(seed), lambda i: orgs.spare_contact(i, seed)
    members = (orgs.staff(n, seed, key) for n in range(orgs.STAFF))
    yield "org.staff", members, lambda i: orgs.staff(orgs.STAFF + i, seed, key)
    users = (orgs.user(n, seed, key) for n in range(orgs.USERS))
    yield "org.user", users, lambda i: orgs.user(orgs.USERS + i, seed, key)
    firms = (orgs.corporator(n, seed, key) for n in range(orgs.CORPORATORS))
    yield "org.corporator", firms, lambda i: orgs.corporator(orgs.CORPORATORS + i, seed, key)
