"""What the stand-in interaction system takes, and how strictly: records of the WSDL, once under a request id."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from zeep import Client, Settings
from zeep.exceptions import Fault
from zeep.wsse.username import UsernameToken

from sandbox.superv import WSDL, SupervisionSystem
from sandbox.supervision import FEEDBACK, TASK

BATCH = {"region": "130800", "BatchNo": 7, "SentAt": "2026-11-24T12:00:00+08:00", "RequestId": "r" * 16}
RECORD = {
    "id": "t1", "Action": "save", "ProjectNo": "P1", "ItemCode": "I1", "SupervisingUnit": "U1", "UpdatedAt": "2026-11-24T12:00:00Z",
    "Party": {"Kind": "1", "Key": "k", "Name": "张三"},
}  # fmt: skip
NOTE = {"id": "t1", "Action": "save", "No": 1, "content": "好", "updated_at": "2026-11-24T12:00:00Z"}


@pytest.fixture(scope="module")
def superv() -> Iterator[SupervisionSystem]:
    """Yield a small system."""
    with SupervisionSystem(tasks=1, feedbacks=0) as system:
        yield system


def push(superv: SupervisionSystem, *records: Any, request: str, operation: str = "PushTasks", **batch: Any) -> Any:
    """Push a page as zeep makes it."""
    parts = urlsplit(superv.dsn)
    token = UsernameToken(parts.username, parts.password, use_digest=True, zulu_timestamp=True)
    client = Client(str(WSDL), wsse=token, settings=Settings(strict=True))
    name = "{http://ws.superv.example.invalid/}SupervisionBinding"
    service = client.create_service(name, superv.url)
    tag = "Task" if operation == "PushTasks" else "Feedback"
    batch = {**BATCH, "RequestId": request.ljust(16, "."), **batch}
    return service[operation](Batch=batch, **{tag: list(records)})


def test_records_are_kept_updated_and_removed(superv: SupervisionSystem) -> None:
    """Each page tells what became of its records."""
    told = push(superv, RECORD, {**RECORD, "id": "t2"}, request="first")
    assert (told.Code, told.Inserted, told.Updated, told.Removed, told.Error) == ("0000", 2, 0, 0, [])
    gone = {"id": "t2", "Action": "remove"}
    told = push(superv, {**RECORD, "State": "2"}, gone, {**gone, "id": "nobody"}, request="second")
    assert (told.Inserted, told.Updated, told.Removed) == (0, 1, 1)
    (held,) = superv.held(TASK)
    assert (held["superv_id"], held["state"], held["party_name"]) == ("t1", "2", "张三")


def test_page_that_comes_again_is_answered_as_before(superv: SupervisionSystem) -> None:
    """Its request id is known, whatever it holds now."""
    first = push(superv, NOTE, request="once", operation="PushFeedback")
    again = push(superv, {**NOTE, "No": 2}, request="once", operation="PushFeedback")
    assert (first.Repeated, again.Repeated, again.Inserted) == (False, True, 1)
    assert [row["feedback_no"] for row in superv.held(FEEDBACK)] == ["1"]


def test_one_record_in_a_hundred_is_refused(superv: SupervisionSystem) -> None:
    """By its key and always the same, with a code and a reason, while the others are kept."""
    records = [{**NOTE, "id": "lot2", "No": n} for n in range(1, 201)]
    told = push(superv, *records, request="lot", operation="PushFeedback")
    assert 0 < len(told.Error) < 10
    assert told.Inserted == 200 - len(told.Error)
    assert {(e.id, e.Code) for e in told.Error} == {("lot2", "E201")}
    assert {e.No for e in told.Error}.isdisjoint({row["feedback_no"] for row in superv.held(FEEDBACK)})


@pytest.mark.parametrize(
    ("record", "batch"),
    [
        (RECORD, {"region": "130900"}),  # not ours
        (RECORD, {"RequestId": "short"}),
        (RECORD, {"RequestId": "r" * 65}),
        (RECORD, {"SentAt": "2026-11-24T12:00:00"}),  # no offset
        (RECORD, {"BatchNo": -1}),
        ({**RECORD, "Action": "drop"}, {}),
        ({**RECORD, "UpdatedAt": "2026-11-24T12:00:00"}, {}),
        ({**RECORD, "id": ""}, {}),
        ({k: v for k, v in RECORD.items() if k != "ProjectNo"}, {}),
    ],
)
def test_page_that_is_not_as_the_manual_says_is_refused_whole(
    superv: SupervisionSystem, record: Any, batch: Any
) -> None:
    """With a fault that blames the caller; nothing of it is kept."""
    before = superv.held(TASK)
    with pytest.raises(Fault) as raised:
        push(superv, record, request="wrong", **batch)
    assert str(raised.value.code).endswith("Client")
    assert superv.held(TASK) == before


def test_page_is_bounded(superv: SupervisionSystem) -> None:
    """Two hundred records are the most."""
    with pytest.raises(Fault, match="200"):
        push(superv, *[{**NOTE, "No": n} for n in range(201)], request="many", operation="PushFeedback")
