"""The facts of a notice as files: signed JSON, calendar entries, and text in which nothing hides."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from gateway import fonts
from gateway.errors import DocumentAltered
from gateway.security.crypto import Keys
from schemas.notice import calendar, facts, signed, words
from schemas.notice.calendar import Entry

FACTS = {
    "number": "〔2026〕第1号",
    "revision": 1,
    "unit": "市住房和城乡建设局",
    "items": [{"code": "address", "key": None}],
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return the keys of a gateway."""
    return Keys.create(tmp_path_factory.mktemp("keys") / "keys")


def test_a_signed_file_is_proven_and_has_the_code_of_its_paper(keys: Keys) -> None:
    """However it was laid out anew on its way."""
    data = signed.dump(keys, FACTS)
    again = json.dumps(json.loads(data), sort_keys=True).encode()
    for copy in (data, again):
        assert signed.verified(copy, keys.public_keys()) == FACTS
    assert signed.code(FACTS) == signed.code(json.loads(data)["facts"])
    assert signed.code(FACTS) != signed.code(FACTS | {"revision": 2})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f["facts"].update(revision=2), "not those that were signed"),  # a fact
        (lambda f: f["facts"]["items"][0].update(key=True), "not those that were signed"),  # one deep inside
        (lambda f: f["facts"].update(more="x"), "not those that were signed"),  # one more
        (lambda f: f.update(format="gateway.notice/2"), "not those that were signed"),
        (lambda f: f.update(signature="00" * 64), "signature is not"),
        (lambda f: f.update(signature=None), "signature is not"),
        (lambda f: f.update(key="ffffffff"), "none of this gateway's"),
        (lambda f: f.pop("sha256"), "no file of a notice"),
        (lambda f: f.update(facts="x"), "no file of a notice"),
        (lambda f: f.update(facts={"revision": 1e400}), "no file of a notice"),  # no JSON number
    ],
)
def test_a_changed_file_is_refused_with_what_does_not_fit(keys: Keys, change: Any, said: str) -> None:
    """And a hint not to act on it."""
    found = json.loads(signed.dump(keys, FACTS))
    change(found)
    with pytest.raises(DocumentAltered, match=said) as refused:
        signed.verified(json.dumps(found).encode(), keys.public_keys())
    assert refused.value.hint


def test_a_forger_who_fits_the_hash_lacks_the_key(keys: Keys, tmp_path: Path) -> None:
    """Another gateway's file is told apart, also when it calls its key by our key's name."""
    other = json.loads(signed.dump(Keys.create(tmp_path / "other"), FACTS))
    for key, said in ((other["key"], "none of this gateway's"), (next(iter(keys.public_keys())), "signature is not")):
        with pytest.raises(DocumentAltered, match=said):
            signed.verified(json.dumps(other | {"key": key}).encode(), keys.public_keys())


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"[]", b"null", b"\xff\xfe", b'{"facts": 1}'])
def test_what_is_no_file_of_a_notice_is_refused(keys: Keys, data: bytes) -> None:
    """Whatever it is."""
    with pytest.raises(DocumentAltered, match="no file of a notice"):
        signed.verified(data, keys.public_keys())


@given(TEXT)
def test_nothing_hides_in_a_shown_text(text: str) -> None:
    """Controls, format signs and what no standard names are shown by number; the rest is as it was."""
    shown = facts.visible({"a": [text]})["a"][0]
    assert not [c for c in shown if c != "\n" and unicodedata.category(c)[0] == "C"]
    if all(unicodedata.category(c)[0] not in "CZ" for c in text):
        assert shown == text


def test_a_name_that_turns_the_reading_direction_is_shown_as_it_is() -> None:
    """U+202E in a peer's column does not turn the line."""
    assert facts.visible("a\u202eb\x00\ud800") == "a\\u202eb\\u0000\\ud800"


@given(summary=TEXT, withdrawn=st.booleans(), revision=st.integers(1, 99))
def test_a_calendar_is_read_back_by_others(summary: str, *, withdrawn: bool, revision: int) -> None:
    """Each line within 75 octets, whatever the text; the entry is what it was made of."""
    shown = facts.visible(summary)
    entry = Entry(
        "〔2026〕第1号", revision, date(2026, 12, 15), datetime(2026, 11, 24, 1, tzinfo=UTC), shown, withdrawn
    )
    data = calendar.message(entry)
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))
    found = Calendar.from_ical(data)
    (event,) = found.walk("VEVENT")
    assert found["METHOD"] == ("CANCEL" if withdrawn else "PUBLISH")
    assert event["STATUS"] == ("CANCELLED" if withdrawn else "CONFIRMED")
    assert str(event["SUMMARY"]) == shown
    assert (event["UID"], event.decoded("DTSTART"), event.decoded("DTEND")) == ("〔2026〕第1号@exchange-gateway", date(2026, 12, 15), date(2026, 12, 16))  # fmt: skip
    assert event["SEQUENCE"] == revision + withdrawn  # a cancellation is newer than what it cancels
    assert len(event.walk("VALARM")) == 1


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (None, "—"),
        (True, "是"),
        ({"type": "varchar(60)", "notnull": False}, "类型 varchar(60)，必填 否"),
        (["a", "b"], "a、b"),
        ("type", "type"),  # a value is not translated
        (0, "0"),
    ],
)
def test_the_value_of_a_shape_is_shown_in_words(found: Any, shown: str) -> None:
    """As a person reads it in a table."""
    assert words.value(found) == shown


def test_without_a_font_every_character_is_missing() -> None:
    """But blanks, which nobody draws."""
    assert fonts.missing(["b a\n", "a"], []) == ["a", "b"]


@pytest.mark.parametrize(
    ("rule", "change", "said"),
    [
        ("pg.column.rename", "column_renamed", "改名"),
        ("pg.trigger.change.undecided", "trigger_changed", "改变"),
        ("openapi.response.property.change", "property_removed", "删除"),  # its rule tells nothing of what was done
        ("openapi.request.property.change", "property_added", "新增"),
        ("file.column.move", "columns_moved", "移动"),
        ("json.enum.loosen", "enum_changed", "改变"),
    ],
)
def test_what_was_done_is_said_in_words(rule: str, change: str, said: str) -> None:
    """By the rule, and where that only says that something changed, by the change."""
    assert words.kind(rule, change) == said
