"""What is pushed to the interaction system: a page of records, read as strictly as its WSDL says, and what it answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml import etree

from sandbox.messages import Row
from sandbox.supervision import FEEDBACK, KEYS, TASK

Element = Any  # lxml has no types
TNS = "http://ws.superv.example.invalid/"
REGION = "130800"
LARGEST = 200
PUSHES: Mapping[str, tuple[str, str]] = {"PushTasks": (TASK, "Task"), "PushFeedback": (FEEDBACK, "Feedback")}
# The elements of a record in their order, each with the contract's field; the id stands in an attribute.
ELEMENTS: Mapping[str, Mapping[str, str]] = {
    TASK: {
        "ProjectNo": "project_no", "ItemCode": "task_code", "ResultType": "result_type", "Party/Kind": "party_kind",
        "Party/Key": "party_key", "Party/Name": "party_name", "LicenceId": "licence_source_id", "ApprovalUnit": "approval_unit",
        "SupervisingUnit": "supervising_unit", "PushedAt": "pushed_at", "ClaimDue": "claim_due", "State": "state",
        "ClaimedAt": "claimed_at", "ClaimedBy": "claimed_by", "ReturnReason": "return_reason", "NextCheckOn": "next_check_on",
        "UpdatedAt": "updated_at",
    },
    FEEDBACK: {
        "No": "feedback_no", "kind": "kind", "content": "content", "feedback_at": "feedback_at", "unit": "unit",
        "updated_at": "updated_at",
    },
}  # fmt: skip
_NEEDED = {TASK: {"ProjectNo", "ItemCode", "SupervisingUnit", "UpdatedAt"}, FEEDBACK: {"No", "content", "updated_at"}}
_BATCH = ("region", "BatchNo", "SentAt", "RequestId")
_SHARE = 100  # one record in so many is refused
_DATE_TIME = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
Store = Callable[[str, str, Row | None], bool]


class Fault(Exception):
    """Raised to answer with a fault: a code of SOAP 1.1 without prefix (Client, Server, …) or one of `wsse:`."""

    def __init__(self, code: str, words: str) -> None:
        """Keep the code."""
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Pushed:
    """A page: its operation, data set, batch and request id, and for each record whether it goes away, and its fields."""

    operation: str
    dataset: str
    batch: int
    request: str
    records: list[tuple[bool, Row]]

    def objected(self, seed: int) -> list[str]:
        """Return the tasks of the page that their unit will send back when it has looked at them."""
        if self.dataset != TASK:
            return []
        ids = [str(row["superv_id"]) for removed, row in self.records if not removed]
        return [one for one in ids if _drawn(seed, f"later:{one}") and not _drawn(seed, json.dumps([one]))]

    def answer(self, seed: int, store: Store) -> Element:
        """Keep what is sound and return what became of each record."""
        counts: Counter[str] = Counter({"Inserted": 0, "Updated": 0, "Removed": 0})
        errors = []
        for removed, row in self.records:
            key = json.dumps([row[name] for name in KEYS[self.dataset]])
            if not removed and _drawn(seed, key):
                errors.append(_error(row, "E201", "监管单位未在名录登记"))
            elif removed:
                counts["Removed"] += store(self.dataset, key, None)
            else:
                counts["Updated" if store(self.dataset, key, row) else "Inserted"] += 1
        told = etree.Element(f"{{{TNS}}}{self.operation}Response", nsmap={"ns2": TNS})
        said = {"Code": "0000", "Message": "成功", "Repeated": "false", **{k: str(v) for k, v in counts.items()}}
        told.extend([*(element(name, text) for name, text in said.items()), *errors])
        return told


def pushed(operation: str, call: Element) -> Pushed:
    """Return a page as it was sent; what is not as the WSDL says is refused as a whole."""
    dataset, tag = PUSHES[operation]
    if not len(call):
        raise Fault("Client", "消息没有内容")
    head, *records = call
    if head.tag != f"{{{TNS}}}Batch" or [e.tag for e in head] != [f"{{{TNS}}}{n}" for n in _BATCH]:
        raise Fault("Client", f"Batch应有：{'、'.join(_BATCH)}")
    region, number, sent, request = ((e.text or "").strip() for e in head)
    if region != REGION or not number.isdecimal() or not is_moment(sent) or not 16 <= len(request) <= 64:
        raise Fault("Client", "Batch的内容不符合要求")
    if not 0 < len(records) <= LARGEST or any(r.tag != f"{{{TNS}}}{tag}" for r in records):
        raise Fault("Client", f"应有1至{LARGEST}个{tag}")
    return Pushed(operation, dataset, int(number), request, [_record(dataset, r) for r in records])


def element(name: str, text: str | None) -> Element:
    """Return an element of the service."""
    made = etree.Element(f"{{{TNS}}}{name}")
    made.text = text
    return made


def is_moment(text: str) -> bool:
    """Tell whether a text is a moment with an offset."""
    try:
        return bool(_DATE_TIME.fullmatch(text)) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _record(dataset: str, record: Element) -> tuple[bool, Row]:
    """Return whether a record goes away, and its fields: each element known, once, in the order of the WSDL."""
    found = {path: text for e in record for path, text in _leaves(e)}
    wanted = [path for path in ("Action", *ELEMENTS[dataset]) if path in found]
    action, needed = found.get("Action"), _NEEDED[dataset] & {"No"}
    if action == "save":
        needed = _NEEDED[dataset]
    if list(found) != wanted or len(found) != sum(1 for e in record.iter() if e is not record and not len(e)):
        raise Fault("Client", "记录的元素不符合WSDL")
    if (
        action not in {"save", "remove"}
        or not needed <= set(found)
        or set(record.attrib) != {"id"}
        or not record.get("id")
    ):
        raise Fault("Client", "记录缺少必填内容")
    if not all(is_moment(text) for path, text in found.items() if path.lower().endswith(("edat", "_at", "due"))):
        raise Fault("Client", "时间应带时区")
    fields = {ELEMENTS[dataset][path]: text for path, text in found.items() if path != "Action"}
    return action == "remove", {"superv_id": record.get("id"), **fields}


def _leaves(part: Element, above: str = "") -> list[tuple[str, str]]:
    name = etree.QName(part)
    if name.namespace != TNS or part.attrib:
        raise Fault("Client", "记录的元素不符合WSDL")
    path = f"{above}{name.localname}"
    return [leaf for e in part for leaf in _leaves(e, f"{path}/")] if len(part) else [(path, part.text or "")]


def _error(row: Row, code: str, reason: str) -> Element:
    made = element("Error", None)
    made.set("id", row["superv_id"])
    named = [("No", row["feedback_no"])] if "feedback_no" in row else []
    made.extend(element(name, text) for name, text in (*named, ("Code", code), ("Reason", reason)))
    return made


def _drawn(seed: int, key: str) -> bool:
    """Tell whether a record is one of those that are refused."""
    drawn = hashlib.sha256(f"{seed}:pushed:{key}".encode()).digest()
    return int.from_bytes(drawn[:4], "big") % _SHARE == 0
