"""Tokens (令牌): a secret that stands for a unit where its programs come without a login, for one purpose and a time.

The secret is shown once, when it is made; the ledger keeps its hash. What is unknown, expired, revoked or meant for
another purpose is not told apart.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import NotFound, TokenRefused
from gateway.ledger.acts import acting
from gateway.sql import queries

Purpose = Literal["feed", "api", "metrics"]
DAYS = 365
_LONGEST = 1095
_BYTES = 32
_SQL = queries(__file__)


@dataclass(frozen=True, slots=True)
class Made:
    """A token that was just made; `raw` is the secret, which nobody can be told again."""

    token: int
    raw: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Name its number alone."""
        return f"Made({self.token})"


def make(deployment: Deployment, unit: str, purpose: str, *, who: str, days: int = DAYS) -> Made:
    """Make a token of a unit for a purpose; TokenRefused when there is no such unit or purpose, or it would hold too long."""
    if unit not in deployment.catalog.units:
        raise TokenRefused(f"there is no unit {unit}", "Name a unit of catalog/units.yaml.")
    if purpose not in get_args(Purpose):
        raise TokenRefused(f"there is no purpose {purpose}", f"There are {', '.join(get_args(Purpose))}.")
    if not 1 <= days <= _LONGEST:
        raise TokenRefused(f"a token cannot hold for {days} days", f"Give 1 to {_LONGEST} days.")
    raw, now = f"gw-{purpose}-{secrets.token_urlsafe(_BYTES)}", settings.now()
    expires = now + timedelta(days=days)
    values = {
        "token_hash": _hash(raw), "unit": unit, "purpose": purpose, "now": now, "who": who, "expires_at": expires,
    }  # fmt: skip
    with acting(deployment, "make a token") as act:
        token = int(pg.one(act.hub, _SQL["make"], values)[0])
        body = {"what": "token make", "token": token, "unit": unit, "purpose": purpose, "who": who}
        act.chained("decision", {**body, "expires": expires.isoformat()})
    return Made(token, raw, expires)


def find(hub: Connection, raw: str, purpose: Purpose) -> str:
    """Return the unit that a secret stands for, and note that it was used; NotFound when it stands for none."""
    found = pg.one(hub, _SQL["find"], {"token_hash": _hash(raw), "purpose": purpose, "now": settings.now()})
    if found is None:
        raise NotFound("there is no such token", "Ask the gateway's operator for a new one.")
    pg.run(hub, _SQL["used"], {"token": found[0], "now": settings.now()})
    return str(found[1])


def revoke(deployment: Deployment, token: int, *, who: str, why: str) -> str:
    """Let a token open nothing any more and return its unit; NotFound when there is none or it was revoked."""
    with acting(deployment, "revoke a token") as act:
        found = pg.one(act.hub, _SQL["revoke"], {"token": token, "now": settings.now()})
        if found is None:
            raise NotFound(f"there is no token {token} that was not revoked", "Run `gateway token list`.")
        unit, purpose = found
        body = {"what": "token revoke", "token": token, "unit": unit, "purpose": purpose, "who": who, "why": why}
        act.chained("decision", body)
        return str(unit)


def listing(hub: Connection, unit: str | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    """Return tokens without their secrets, newest first; those that open nothing any more only with `ended`."""
    return pg.dicts(hub, _SQL["listing"], {"unit": unit, "ended": ended, "now": settings.now()})


def _hash(raw: str) -> bytes:
    """Return what the ledger knows of a secret; it is random, so that a plain digest keeps it."""
    return hashlib.sha256(raw.encode("utf-8", "replace")).digest()
