"""What a stand-in is sent and keeps: strict in form, each page once, its lot the same each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import sources
from sandbox.push import HEADER, PushSystem

KEY = "k" * 40
COLUMNS = [column.name for column in sources.table("push.message").columns]


@pytest.fixture
def push() -> Iterator[PushSystem]:
    """Yield a push system."""
    with PushSystem(messages=30) as push:
        yield push


def order(number: int, **changes: Any) -> dict[str, Any]:
    """Return an item as the manual says."""
    return {"op": "put", **dict.fromkeys(COLUMNS), "push_id": f"p{number:05}"} | changes


def send(push: PushSystem, body: Any, key: str = KEY, secret: str = "") -> requests.Response:
    """Send a body as it is, or a list as the items of a page."""
    text = json.dumps({"batch": 7, "items": body}) if isinstance(body, list) else body
    headers = {HEADER: secret or str(urlsplit(push.dsn).password), "Idempotency-Key": key}
    return requests.post(f"{push.url}/v2/messages", data=text.encode(), headers=headers, timeout=10)


def test_a_page_is_taken_once(push: PushSystem) -> None:
    """Under its key it is answered as before and changes nothing, whatever comes with it."""
    first = send(push, [order(1), order(2)]).json()
    assert (first["counts"]["inserted"], first["repeated"]) == (2, False)
    assert send(push, [order(3)]).json() == first | {"repeated": True}
    assert [row["push_id"] for row in push.orders.rows()] == ["p00001", "p00002"]


def test_what_became_of_each_row_is_counted(push: PushSystem) -> None:
    """New, changed, the same, gone."""
    send(push, [order(1), order(2), order(4)])
    page = [order(1), order(2, remark="改"), order(3), {"op": "drop", "push_id": "p00004"}]
    assert send(push, page, key="l" * 40).json()["counts"] == {
        "inserted": 1,
        "updated": 1,
        "unchanged": 1,
        "deleted": 1,
    }
    assert [(row["push_id"], row["remark"]) for row in push.orders.rows()] == [
        ("p00001", None),
        ("p00002", "改"),
        ("p00003", None),
    ]


def test_the_lot_falls_on_the_same_rows_each_time(push: PushSystem) -> None:
    """A few rows are refused, in words, and sent again they are refused again."""
    items = [order(number) for number in range(2_000)]
    refused = [send(push, items[at : at + 200], key=f"{at:040}").json()["refused"] for at in range(0, 2_000, 200)]
    again = [send(push, items[at : at + 200], key=f"x{at:039}").json()["refused"] for at in range(0, 2_000, 200)]
    assert refused == again
    assert 0 < sum(map(len, refused)) < 20
    assert {one["words"] for page in refused for one in page} == {"接收人已退订该模板"}


@pytest.mark.parametrize(
    "body",
    [
        "",  # nothing
        "{",  # no JSON
        "[]",  # no object
        '{"batch": 7, "items": []}',  # no row
        '{"batch": "7", "items": [{}]}',  # a number in quotes
        '{"batch": true, "items": [{}]}',  # no number at all
        '{"items": [{}]}',  # no batch
        '{"batch": 7, "items": [7]}',  # no row but a number
        json.dumps({"batch": 7, "items": [order(1)] * 201}),  # more than it takes
        [order(1, op="delete")],  # another word for what to do
        [order(1, op=None)],
        [{"op": "put", "push_id": "p1"}],  # fields are missing
        [order(1, colour="red")],  # one that it does not know
        [{"op": "drop", "push_id": "p1", "remark": None}],  # more than the key
    ],
)
def test_a_page_of_another_form_is_refused_as_a_whole(push: PushSystem, body: Any) -> None:
    """Nothing of it is kept."""
    assert send(push, body).status_code == 400
    assert push.orders.rows() == []


def test_who_asks_and_under_which_key_matters(push: PushSystem) -> None:
    """An unknown secret, and a page without a proper key."""
    assert send(push, [order(1)], secret="wrong").status_code == 401
    assert [send(push, [order(1)], key=key).status_code for key in ("short", "k" * 65)] == [400, 400]
