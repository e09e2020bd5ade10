"""The stand-in citizens' messages: good ones keep every rule, and each bad one breaks the rule it names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway import contracts
from gateway.exchange import rules
from gateway.model import Dataset
from gateway.sla.calendar import Calendar
from sandbox import messages
from sandbox.messages import CHINA, KEYS, POST, REPLY, Row

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=CHINA)
SEED = 7
# What only the text of a record shows, and the name that `judge` has for a text that no database holds.
UNSEEN = {messages.DOUBLED: None, "json.number": "transfers.type"}


@pytest.fixture(scope="module")
def good() -> dict[str, list[Row]]:
    """Return good records by data set."""
    posts = list(messages.posts(NOW, SEED))
    answered = [row for row in posts if row["state"] in {"3", "4"}]
    return {POST: posts, REPLY: list(messages.replies(NOW, SEED, answered))}


def _dataset(name: str) -> Dataset:
    return contracts.load(ROOT / "schemas" / "contracts" / f"{name}.odcs.yaml")


@pytest.mark.parametrize("name", KEYS)
def test_good_records_keep_every_rule(good: dict[str, list[Row]], name: str) -> None:
    """None is refused, every field of the contract is there, keys are unique, and nothing lies in the future."""
    dataset = _dataset(name)
    judge = rules.judge(dataset, NOW.date())
    assert [(row, judge(row)) for row in good[name] if judge(row)] == []
    assert {tuple(row) for row in good[name]} == {dataset.columns}
    assert dataset.key == KEYS[name]
    assert len({tuple(row[k] for k in KEYS[name]) for row in good[name]}) == len(good[name])
    assert all(datetime.fromisoformat(row["updated_at"]) <= NOW for row in good[name])


def test_there_are_as_many_as_promised(good: dict[str, list[Row]]) -> None:
    """1,500 messages on four boards in every state and 900 answers to known ones, none before its message."""
    assert (len(good[POST]), len(good[REPLY])) == (1500, 900)
    assert {row["board"] for row in good[POST]} == set("1234")
    assert {row["state"] for row in good[POST]} == set("12345")
    assert {row["no_publish_reason"] for row in good[POST]} == {None, "1", "2", "3"}
    submitted = {row["message_id"]: _at(row["submitted_at"]) for row in good[POST]}
    assert all(_at(row["replied_at"]) >= submitted[row["message_id"]] for row in good[REPLY])
    assert {row["reply_no"] for row in good[REPLY]} >= {1, 2}


def test_the_limit_is_the_gateways_calendars(good: dict[str, list[Row]]) -> None:
    """Two readings of the published working days agree on every message: MS-01 is kept to the second."""
    calendar = Calendar()
    for row in good[POST]:
        day, due = _at(row["submitted_at"]).astimezone(CHINA).date(), _at(row["due_at"])
        assert due.date() == calendar.add_workdays(day, 5)
        assert due.isoformat()[10:] == "T23:59:59+08:00"


@pytest.mark.parametrize(
    ("submitted", "due"),
    [
        ("2026-09-29T15:00:00+08:00", date(2026, 10, 12)),  # over the holiday and the working Saturday
        ("2026-09-29T23:59:59+08:00", date(2026, 10, 12)),  # the day counts, not the hour
        ("2026-09-29T16:30:00+00:00", date(2026, 10, 13)),  # it is the 30th in China
        ("2026-11-20T09:00:00+08:00", date(2026, 11, 27)),  # an ordinary Friday
    ],
)
def test_the_fifth_working_day(submitted: str, due: date) -> None:
    """Dates of the domain's own example and its edges."""
    assert messages.due_at(_at(submitted)).date() == due


@pytest.mark.parametrize(("name", "rule"), [(name, rule) for name in KEYS for rule in messages.breakable(name)])
def test_a_bad_record_breaks_the_rule_it_names(good: dict[str, list[Row]], name: str, rule: str) -> None:
    """Rules of one row are judged first and name it; what looks elsewhere is left to the hub."""
    dataset = _dataset(name)
    judge = rules.judge(dataset, NOW.date())
    elsewhere = {r.id for r in dataset.rules if r.check in rules.SET_CHECKS}
    for row in good[name][:60]:
        found = judge(messages.broken(name, rule, row))
        if rule == "text.encoding":
            assert found in {"content.type", "reply.type"}
        elif rule in UNSEEN:
            assert found == UNSEEN[rule]
        else:
            assert found == (None if rule in elsewhere else rule)


@pytest.mark.parametrize("name", KEYS)
def test_every_awake_rule_is_broken_by_somebody(name: str) -> None:
    """A rule added to the contract needs a bad record; a transfer that resets the time limit is made when one is there."""
    rejecting = {r.id for r in _dataset(name).rules if r.severity == "error"}
    assert rejecting - set(messages.breakable(name)) == ({"MS-02"} if name == POST else set())


def test_set_rules_are_broken_where_they_look(good: dict[str, list[Row]]) -> None:
    """A sixth working day, a division of nowhere, an unknown message, an answer before its message."""
    calendar, row, answer = Calendar(), good[POST][0], good[REPLY][0]
    late = messages.broken(POST, "MS-01", row)
    assert calendar.workdays_between(_at(row["submitted_at"]).date(), _at(late["due_at"]).date()) == 6
    ids = {r["message_id"] for r in good[POST]}
    assert messages.broken(REPLY, "message_id-exists", answer)["message_id"] not in ids
    early = messages.broken(REPLY, "replied_at-order", answer)
    assert _at(early["replied_at"]) < NOW - timedelta(days=messages.DAYS + 1)


def test_messages_are_the_same_for_a_seed() -> None:
    """Two fills with one seed differ only in their moments."""
    first, later = (list(messages.posts(NOW + timedelta(d), SEED, 3))[1] for d in (0, 7))
    assert [k for k in first if first[k] != later[k]] == ["submitted_at", "assigned_at", "due_at", "updated_at"]


def _at(text: Any) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).astimezone(CHINA)
