"""What a person is told, whatever the channel; it waits sealed in the outbox as canonical JSON.

A message bears no row data, no citizen's name and no secret: it leaves the house.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rfc8785

from gateway.errors import MessageInvalid

_SUBJECT = 200  # characters
_TEXT = 200_000
_TOPIC = 200
_FILES_BYTES = 10_000_000  # of all attachments together: what mail servers commonly take, once encoded
# Control characters would end a header or garble a page; lone surrogates can be sent by nothing.
_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_IN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]*")
_LINK = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes along, where a channel carries files."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """One message in every form a channel may need; MessageInvalid when something of it cannot be sent.

    `text` is the whole; `html` says the same, escaped by whoever made it (see `page`). `short` is one or two sentences for
    robots and telephones. `link` leads to more. `ics` is a calendar object. `topic` is what it is about, such as the number
    and revision of a notice: with contact and purpose it makes a message the same one.
    """

    topic: str
    subject: str
    text: str
    short: str
    html: str | None = None
    link: str | None = None
    ics: bytes | None = None
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what would break a header, a line or a channel."""
        for name, words, longest in (("topic", self.topic, _TOPIC), ("subject", self.subject, _SUBJECT)):
            _check(name, words, _NOT_IN_A_LINE, longest)
        for name, words in (("text", self.text), ("short", self.short)):
            _check(name, words, _NOT_IN_TEXT, _TEXT)
        if self.html is not None:
            _check("html", self.html, _NOT_IN_TEXT, 10 * _TEXT)
        if self.link is not None and not _LINK.fullmatch(self.link):
            raise MessageInvalid("the link of a message is no web address", "Write https://host/path, percent-encoded.")
        self._check_files()

    def _check_files(self) -> None:
        for file in self.attachments:
            _check("attachment's name", file.name, _NOT_IN_A_LINE, _SUBJECT)
            if "/" in file.name or "\\" in file.name or not _MEDIA_TYPE.fullmatch(file.media_type):
                raise MessageInvalid(
                    "an attachment has a name or media type that cannot be sent",
                    "Give a file name without folders and a type such as application/pdf.",
                )
        if sum(len(file.data) for file in self.attachments) > _FILES_BYTES:
            raise MessageInvalid(
                f"the attachments of a message exceed {_FILES_BYTES:,} bytes", "Send a link instead of the files."
            )

    def dump(self) -> bytes:
        """Return the canonical JSON (RFC 8785) that `load` reads."""
        files = [[f.name, f.media_type, b64encode(f.data).decode()] for f in self.attachments]
        ics = None if self.ics is None else b64encode(self.ics).decode()
        return rfc8785.dumps(
            {
                "topic": self.topic, "subject": self.subject, "text": self.text, "short": self.short, "html": self.html,
                "link": self.link, "ics": ics, "attachments": files,
            }
        )  # fmt: skip

    @classmethod
    def load(cls, data: bytes) -> Message:
        """Return the message that `dump` wrote."""
        found: dict[str, Any] = json.loads(data)
        ics = found.pop("ics")
        files = tuple(Attachment(name, kind, b64decode(text)) for name, kind, text in found.pop("attachments"))
        return cls(**found, ics=None if ics is None else b64decode(ics), attachments=files)


def page(subject: str, text: str, link: str | None = None) -> str:
    """Return subject, text and link as an HTML page in which nothing of them is mark-up."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only who writes a page pays it

    folder = Path(__file__).parent.parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    lines = [line for line in text.splitlines() if line.strip()]
    return environment.get_template("message.html").render(subject=subject, lines=lines, link=link)


def _check(name: str, words: str, refused: re.Pattern[str], longest: int) -> None:
    if not words.strip() or len(words) > longest:
        raise MessageInvalid(f"the {name} of a message is empty or longer than {longest:,} characters", "Reword it.")
    if refused.search(words):
        raise MessageInvalid(
            f"the {name} of a message holds control characters", "Take line breaks and other control characters out."
        )
