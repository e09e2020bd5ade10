"""Recipients and identities: which texts are keys, and when one has expired."""

from __future__ import annotations

import io
from datetime import date

import pytest

from backup import keys, seal
from gateway.errors import SealKeyRefused

IDENTITY, RECIPIENT = keys.create()


def test_a_new_identity_belongs_to_its_recipient() -> None:
    """What is made opens what is sealed to it, and tells when it expires."""
    secret, public = keys.create(expires=date(2099, 1, 31))
    assert [str(key.to_public()) for key in keys.identities(secret)] == public.split()[:1]
    assert keys.recipients({"drill": public})[0] == keys.Recipient("drill", public.split()[0], date(2099, 1, 31))


def test_an_age_key_file_is_an_identity() -> None:
    """What age-keygen writes, remarks included, can be given as it is."""
    text = f"# created: 2026-11-26T08:00:00+08:00\n# public key: {RECIPIENT}\n{IDENTITY}\n"
    assert [str(key.to_public()) for key in keys.identities(text)] == [RECIPIENT]


@pytest.mark.parametrize("profile", seal.PROFILES)
def test_a_key_that_was_replaced_still_opens(profile: str) -> None:
    """The lines of a key file are tried one after the other: what was sealed before and after the change is opened."""
    fresh, recipient = keys.create()
    both = seal.opener(profile, f"{IDENTITY}\n{fresh}\n")
    for key in (RECIPIENT, recipient):
        sealed, opened = io.BytesIO(), io.BytesIO()
        seal.sealer(profile, {"drill": key}).seal(io.BytesIO(b"licence"), sealed)
        both.open(io.BytesIO(sealed.getvalue()), opened)
        assert opened.getvalue() == b"licence"


BAD = [
    # a key cut short
    RECIPIENT[:-1],
    # another character, which its checksum finds
    RECIPIENT[:-1] + ("q" if RECIPIENT[-1] != "q" else "p"),
    # the identity in the recipient's place: it must not be told
    IDENTITY,
    # a day that is none
    f"{RECIPIENT} expires=2026-02-30",
    # something else behind it
    f"{RECIPIENT} until=2026-02-20",
    # nothing
    "",
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))  # the keys are new each time
def test_a_bad_recipient_is_named(text: str) -> None:
    """What is no recipient is refused by its name; its text is not repeated."""
    with pytest.raises(SealKeyRefused, match="recipient custodian is no age key") as caught:
        seal.sealer("age", {"drill": RECIPIENT, "custodian": text})
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1XYZ", RECIPIENT, f"# {IDENTITY}"], ids=range(4))
def test_a_bad_identity_is_refused(text: str) -> None:
    """What is no identity is refused before anything is opened, and not repeated."""
    with pytest.raises(SealKeyRefused, match="no age identity") as caught:
        seal.opener("age", text)
    assert not text or text not in str(caught.value)


def test_nothing_is_sealed_to_nobody() -> None:
    """A plan without recipients would make backups that nobody can open."""
    with pytest.raises(SealKeyRefused, match="no recipient"):
        seal.sealer("age", {})


DAYS = [
    # its last day, in China, though it is the day before in UTC
    ("2026-11-30T15:59:00+00:00", False),
    # a minute later the day after has begun
    ("2026-11-30T16:01:00+00:00", True),
]


@pytest.mark.parametrize(("now", "refused"), DAYS)
def test_an_expired_recipient_is_refused(monkeypatch: pytest.MonkeyPatch, now: str, refused: bool) -> None:
    """A recipient seals up to its last day by the city's clock, and then its name is told."""
    monkeypatch.setenv("GATEWAY_NOW", now)
    named = {"drill": RECIPIENT, "custodian_a": f"{RECIPIENT} expires=2026-11-30"}
    if not refused:
        assert len(keys.recipients(named)) == 2
        return
    with pytest.raises(SealKeyRefused, match="recipient custodian_a expired on 2026-11-30"):
        keys.recipients(named)
