"""Messages keep what they are given, and take nothing that would break a header or a channel."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ContactInvalid, MessageInvalid
from gateway.notify import channels
from gateway.notify.channel import message_id, shown
from gateway.notify.message import Attachment, Message, page
from gateway.notify.wecom import pieces, split_bytes

WORDS: dict[str, Any] = {"topic": "N1.1", "subject": "变更", "text": "一\n二", "short": "变更"}
plain = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=50).filter(str.strip)


@given(plain, plain, st.none() | st.binary(), st.lists(st.binary(), max_size=3))
def test_a_message_survives_the_outbox(text: str, short: str, ics: bytes | None, files: list[bytes]) -> None:
    """What is loaded is what was dumped, and the same message always gives the same bytes."""
    attachments = tuple(Attachment(f"附件{n}.bin", "application/octet-stream", data) for n, data in enumerate(files))
    made = Message("N1.1", "变更", text, short, html=page("变更", text), ics=ics, attachments=attachments)
    assert Message.load(made.dump()) == made
    assert Message.load(made.dump()).dump() == made.dump()


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": "变更\r\nBcc: all@example.cn"},  # a header of its own
        {"subject": "变更\u2028x"},  # a line break of another kind
        {"subject": " "},  # nothing
        {"subject": "长" * 201},  # no line of a mailbox
        {"topic": "N1\n1"},
        {"text": "a\x00b"},  # nothing stores it
        {"text": "\ud800"},  # half a character
        {"short": ""},
        {"link": "javascript:alert(1)"},  # no web address
        {"link": "https://x/\r\ny"},
        {"attachments": (Attachment("../x.pdf", "application/pdf", b""),)},  # a folder in it
        {"attachments": (Attachment("x\r\ny.pdf", "application/pdf", b""),)},
        {"attachments": (Attachment("x.pdf", "application/pdf; x=y", b""),)},  # no media type alone
        {"attachments": (Attachment("x.pdf", "application/pdf", bytes(10_000_001)),)},  # no mail server takes it
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(wrong: dict[str, Any]) -> None:
    """Before it is queued, with a hint, and without repeating it."""
    with pytest.raises(MessageInvalid) as told:
        Message(**{**WORDS, **wrong})
    assert told.value.hint
    assert "example.cn" not in str(told.value)


@given(plain, plain)
def test_nothing_of_a_text_is_markup(subject: str, text: str) -> None:
    """A page holds as many tags whatever is written into it."""
    found = page(f"{subject}<script>", f"{text}<b>")
    assert "<script" not in found
    assert "<b>" not in found
    assert found.count("<") - 2 * found.count("<p>") == page("x", "y").count("<") - 2 * page("x", "y").count("<p>")


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=400), st.integers(4, 60))
def test_splitting_tears_no_character(text: str, limit: int) -> None:
    """The parts join back, and none is longer than the limit or empty."""
    parts = split_bytes(text, limit)
    assert "".join(parts) == text
    assert all(0 < len(part.encode()) <= limit for part in parts)


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=2000), st.sampled_from([128, 512, 2048]))
def test_pieces_with_their_numbers_fit(text: str, limit: int) -> None:
    """The number counts as well."""
    assert all(len(piece.encode()) <= limit for piece in pieces(text, limit))


@pytest.mark.parametrize(
    ("channel", "address", "good"),
    [
        ("mail", "zhang.san@gaj.example.gov.cn", True),
        ("mail", "zhang@localhost", False),  # no domain
        ("mail", "a@b.cn\r\nRCPT TO:<x@y.cn>", False),  # a command of its own
        ("mail", "a@b.cn, c@d.cn", False),  # two
        ("mail", "张@gaj.example.gov.cn", False),  # needs an extension that few servers have
        ("mail", "<a@b.cn>", False),
        ("sms", "13812345678", True),
        ("sms", "12812345678", False),  # no mobile number
        ("sms", "138123456789", False),  # a digit too many
        ("sms", "１３８12345678", False),  # full-width digits
        ("wecom", "ROBOT_GAJ", True),
        ("wecom", "https://qyapi.weixin.qq.com/?key=1", False),  # a secret in the ledger
        ("webhook", "hook_gaj", False),  # names are written large
        ("fax", "1", False),  # no such channel
    ],
)  # fmt: skip
def test_an_address_suits_its_channel(channel: str, address: str, good: bool) -> None:
    """A wrong one is refused without being repeated."""
    if good:
        channels.check_address(channel, address)
        return
    with pytest.raises(ContactInvalid) as told:
        channels.check_address(channel, address)
    assert address not in told.value.message or channel == "fax"


def test_ids_differ_by_each_part() -> None:
    """Topic, contact and purpose name a message, and their border counts."""
    ids = {
        message_id("a", 1, "b"),
        message_id("a", 1, "c"),
        message_id("a", 2, "b"),
        message_id("b", 1, "b"),
        message_id("a\n1", 1, "b"),
    }
    assert len(ids) == 5
    assert message_id("a", 1, "b") == message_id("a", 1, "b")


def test_what_a_peer_says_is_kept_without_persons() -> None:
    """Mail addresses, long numbers, control characters and the secret itself go; the codes stay."""
    said = shown("550 5.1.1 <zhang@x.gov.cn> 13812345678\x1b[31m unknown s3cret", "s3cret")
    assert said == "550 5.1.1 <***> *** [31m unknown ***"
