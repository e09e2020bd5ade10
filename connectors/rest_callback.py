"""What a REST platform tells by itself: with which keys it signs, and which verdicts its calls hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from connectors import rest_pages
from connectors.http_address import address
from connectors.rest_http import Answer
from connectors.rest_options import checked
from connectors.rest_verdicts import telling_of
from gateway.errors import SchemaMismatch
from gateway.model import Dataset, Platform
from gateway.ports import Verdict
from gateway.security.signing import Signer


def callback_signers(platform: Platform, resolve: Callable[[str], str | None]) -> Sequence[Signer]:
    """Return the keys that a call may be signed with now: none when no calls are declared.

    A connection that nothing resolves has no key: of two, one is missing before and after a change of keys.
    """
    declared = checked(platform).get("callbacks")
    if declared is None:
        return ()
    signing = replace(platform, options={"auth": {"kind": "hmac"}})  # such a connection has both parts of a key
    found = [dsn for name in declared.get("connections", [platform.connection]) if (dsn := resolve(name))]
    places = [address(signing, dsn) for dsn in found]
    return [Signer(place.user, place.secret, declared.get("digest", "sha256")) for place in places]


def callback_verdicts(platform: Platform, dataset: Dataset, body: bytes) -> Sequence[Verdict]:
    """Return the verdicts of a call, read as those that are asked for; SchemaMismatch when it holds anything else."""
    telling = telling_of(platform, dataset)
    if telling is None:
        raise SchemaMismatch(
            f"platform {platform.platform} tells no verdicts on {dataset.name}",
            "Declare them, or call another address.",
        )
    return list(telling.verdicts(rest_pages.parsed(Answer({}, {}, body), telling.resource, telling.what)))
