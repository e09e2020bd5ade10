"""The stand-in assessment system is a strict peer: account, parameters, numbered pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import exemptions
from sandbox.assess import AssessmentSystem
from sandbox.exemptions import EXEMPTION


@pytest.fixture(scope="module")
def shared() -> Iterator[AssessmentSystem]:
    """Yield a filled system that no test changes."""
    with AssessmentSystem() as system:
        yield system


@pytest.fixture
def small() -> Iterator[AssessmentSystem]:
    """Yield a small system to write to."""
    with AssessmentSystem(count=20) as system:
        yield system


def get(system: AssessmentSystem, **query: Any) -> requests.Response:
    """Ask for exemptions with the system's account."""
    parts = urlsplit(system.dsn)
    account = (str(parts.username), str(parts.password))
    return requests.get(f"{system.url}/exemptions", query, auth=account, timeout=5)


def records(system: AssessmentSystem, **query: Any) -> list[dict[str, Any]]:
    """Return the records of a page."""
    found: list[dict[str, Any]] = get(system, **query).json()["result"]["records"]
    return found


def test_pages_hold_every_exemption_once(shared: AssessmentSystem) -> None:
    """As many as declared, the contract's fields with the interval inside; a page past the end is empty."""
    pages = [get(shared, pageNo=n, pageSize=50).json()["result"] for n in (1, 2, 3, 4)]
    items = [item for page in pages for item in page["records"]]
    rows = {row["exemption_id"]: row for row in shared.rows(EXEMPTION)}
    assert {page["total"] for page in pages} == {len(items)} == {len(rows)}
    assert (len(pages[0]["records"]), pages[3]["records"]) == (50, [])
    first = dict(items[0])
    assert first.pop("attachments") == []
    interval = first.pop("interval")
    assert first | {"begins_at": interval["begin"], "ends_at": interval["end"]} == rows[first["exemption_id"]]


def test_what_is_bad_is_told(shared: AssessmentSystem) -> None:
    """Each bad record is there under its key."""
    there = {(row["exemption_id"],) for row in shared.rows(EXEMPTION)}
    assert [rule for key, rule in shared.bad[EXEMPTION] if key not in there] == []
    assert tuple(rule for _, rule in shared.bad[EXEMPTION]) == exemptions.breakable()


def test_bounds_are_included(shared: AssessmentSystem) -> None:
    """`begin` and `end` give what was changed in that time, both ends too."""
    stamps = sorted(datetime.fromisoformat(row["updated_at"]) for row in shared.rows(EXEMPTION))
    low, high = stamps[30], stamps[90]
    found = records(shared, begin=low.isoformat(), end=high.isoformat(), pageSize=200)
    assert len(found) == sum(low <= s <= high for s in stamps)


def test_what_waits_longest_is_granted(small: AssessmentSystem) -> None:
    """A turn of life decides the oldest application, with person, time and a number of its own; then there is none left."""
    bad = {key for key, _ in small.bad[EXEMPTION]}
    waiting = [row for row in small.rows(EXEMPTION) if row["state"] == "1" and (row["exemption_id"],) not in bad]
    oldest = min(waiting, key=lambda row: str(row["applied_at"]))
    for _ in range(len(waiting) + 1):
        small.live()
    after = {row["exemption_id"]: row for row in small.rows(EXEMPTION)}
    granted = [after[row["exemption_id"]] for row in waiting]
    assert [row["state"] for row in granted] == ["2"] * len(waiting)
    assert all(row["decided_by"] and row["updated_at"] >= oldest["updated_at"] for row in granted)
    numbers = [row["decision_no"] for row in after.values() if row["decision_no"] and (row["exemption_id"],) not in bad]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("account", [None, ("gateway", "wrong"), ("", "")])
def test_a_wrong_account_is_refused(shared: AssessmentSystem, account: tuple[str, str] | None) -> None:
    """401 with the scheme that would help."""
    answer = requests.get(f"{shared.url}/exemptions", auth=account, timeout=5)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="assess"')


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-11-01T00:00:00+08:00"},  # misspelt
        {"begin": "2026-11-01"},  # no offset
        {"begin": "yesterday"},
        {"begin": ["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"]},
        {"pageNo": 0},
        {"pageSize": 201},
        {"pageNo": "１"},  # a full-width digit
    ],
)
def test_what_the_system_does_not_know_is_refused(shared: AssessmentSystem, query: dict[str, Any]) -> None:
    """A misspelt filter must never mean everything."""
    assert get(shared, **query).status_code == 400


def test_a_stopped_system_comes_back_as_it_was(tmp_path: Path) -> None:
    """Same address, account and records; a stopped one refuses connections and leaves no thread."""
    path, before = tmp_path / "assess.sqlite", _threads()
    with AssessmentSystem(path, count=20) as system:
        dsn, held = system.dsn, system.rows(EXEMPTION)
        system.stop()
        with pytest.raises(requests.ConnectionError):
            get(system)
        system.start()
        assert len(records(system, pageSize=200)) == len(held)
        assert path.stat().st_mode & 0o777 == 0o600
    with AssessmentSystem(path, count=9) as again:
        assert (again.dsn, again.rows(EXEMPTION)) == (dsn, held)
    assert _threads() == before


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "assessment system"}


def test_two_fills_have_different_accounts() -> None:
    """A secret is made, never written down."""
    with AssessmentSystem(count=3) as one, AssessmentSystem(count=3) as other:
        first, second = urlsplit(one.dsn), urlsplit(other.dsn)
    assert first.username != second.username
    assert first.password != second.password
