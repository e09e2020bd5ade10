"""What goes along with the mail of a notice: the document to print, and the facts for machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway import fonts
from gateway.errors import DocumentRefused
from gateway.notify.message import Attachment
from gateway.security.crypto import Keys
from schemas.notice import paper, signed


def made(keys: Keys, facts: Mapping[str, Any], *, demanded: bool) -> tuple[Attachment, ...]:
    """Return PDF and JSON, or JSON alone where no font is there to print with.

    A notice that cannot be printed whole is refused while somebody is there to mend it (`demanded`); later on, nobody
    is kept from being reminded by it.
    """
    name = f"变更通知单{facts['number']}第{facts['revision']}版"
    files = [Attachment(f"{name}.json", "application/json", signed.dump(keys, facts))]
    if fonts.find().files:
        try:
            files.insert(0, Attachment(f"{name}.pdf", "application/pdf", paper.printed(facts)))
        except DocumentRefused:
            if demanded:
                raise
    return tuple(files)
