"""Seals what a backup stores: zstd, then encryption to recipients that this machine cannot read as.

Profiles: `age` (X25519, the default: the programs age and zstd open it), `aes-256-gcm` and `sm4-gcm` (`container.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from backup import keys
from backup.seal import age, container
from backup.seal.streams import Seal
from gateway.errors import SealKeyRefused

PROFILES = ("age", *sorted(container.PROFILES))


def sealer(profile: str, recipients: Mapping[str, str]) -> Seal:
    """Return what seals to named recipients and opens nothing; SealKeyRefused names one that is no key or has expired."""
    _known(profile)
    public = [recipient.key for recipient in keys.recipients(recipients)]
    if profile == "age":
        return Seal(profile, encrypt=partial(age.encrypt, recipients=public))
    return Seal(profile, encrypt=partial(container.encrypt, recipients=public, profile=profile))


def opener(profile: str, identity: str) -> Seal:
    """Return what opens with an identity, and seals nothing; SealKeyRefused when it is none."""
    _known(profile)
    private = keys.identities(identity)
    if profile == "age":
        return Seal(profile, decrypt=partial(age.decrypt, identities=private))
    return Seal(profile, decrypt=partial(container.decrypt, identities=private, profile=profile))


def _known(profile: str) -> None:
    if profile not in PROFILES:
        raise SealKeyRefused(f"there is no seal profile {profile!r}", f"Use one of {', '.join(PROFILES)}.")
