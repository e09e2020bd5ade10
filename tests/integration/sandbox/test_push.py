"""The stand-in push system: what it answers, what it refuses, and what outlives a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.push import HEADER, PushSystem
from sandbox.pushes import RECEIPT


@pytest.fixture(scope="module")
def push() -> Iterator[PushSystem]:
    """Yield a push system with few receipts."""
    with PushSystem(messages=120) as push:
        yield push


def _ask(push: PushSystem, *, key: str | None = None, **query: Any) -> requests.Response:
    known = urlsplit(push.dsn).password or ""
    return requests.get(f"{push.url}/v2/receipts", params=query, headers={HEADER: key or known}, timeout=10)


def test_all_receipts_come_in_parts(push: PushSystem) -> None:
    """Each once, in one order, with a total; behind the last there is nothing."""
    found: list[Any] = []
    while part := _ask(push, limit=50, offset=len(found)).json()["list"]:
        found += part
    assert _ask(push).json()["total"] == len(found) == len(push.rows(RECEIPT))
    assert found == push.rows(RECEIPT)


def test_a_time_bounds_what_is_told(push: PushSystem) -> None:
    """Both ends; a moment without offset is refused."""
    stamps = sorted(row["updated_at"] for row in push.rows(RECEIPT))
    middle = stamps[len(stamps) // 2]
    told = _ask(push, changed_after=middle, limit=500).json()
    assert told["total"] == sum(stamp >= middle for stamp in stamps)
    assert _ask(push, changed_before=middle, limit=500).json()["total"] == sum(stamp <= middle for stamp in stamps)
    assert _ask(push, changed_after="2026-11-25T09:00:00").status_code == 400


@pytest.mark.parametrize(
    ("key", "query", "status"),
    [
        ("wrong", {}, 401),  # not its key
        (None, {"page": 1}, 400),  # not its parameter
        (None, {"limit": 0}, 400),  # nothing asked for
        (None, {"limit": 501}, 400),  # more than it gives
        (None, {"offset": "-1"}, 400),
        (None, {"limit": "十"}, 400),
    ],
)
def test_what_it_does_not_know_is_refused(
    push: PushSystem, key: str | None, query: dict[str, Any], status: int
) -> None:
    """In its own words, with its own code."""
    answer = _ask(push, key=key, **query)
    assert (answer.status_code, answer.json()["errcode"]) == (status, status)


def test_a_failed_message_is_tried_again_and_all_outlives_a_restart(tmp_path: Path) -> None:
    """One by one until none is left; then nothing happens."""
    with PushSystem(tmp_path / "push.sqlite", messages=40) as push:
        before, dsn = len(push.rows(RECEIPT)), push.dsn
        for _ in range(4):
            push.live()
        retried = push.rows(RECEIPT)[before:]
        assert [row["attempt"] for row in retried] == [2]
        failed = [r for r in push.rows(RECEIPT) if r["failed_reason"] and r["push_id"] == retried[0]["push_id"]]
        assert len(failed) == 1
        assert f"{before + 1} receipts" in push.told()
    with PushSystem(tmp_path / "push.sqlite") as push:
        assert (len(push.rows(RECEIPT)), urlsplit(push.dsn).password) == (before + 1, urlsplit(dsn).password)
