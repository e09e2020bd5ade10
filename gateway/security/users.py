"""Who may log in to the pages, and as what: a role of Airflow each, and the unit of a unit's user in the ledger.

Airflow knows the password and the roles; the ledger knows which unit a login belongs to. A unit's pages ask for both.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import AirflowRefused, NotFound, UserRefused
from gateway.ledger.acts import acting
from gateway.security import airflow_users
from gateway.security.airflow_users import Told
from gateway.sql import queries

_SQL = queries(__file__)
_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
_LEAST = 12  # characters of a password
UNIT = "unit"
ROLES: Mapping[str, tuple[str, ...]] = {
    "administrator": ("Admin",),
    "engineer": ("Exchange Engineer", "Op"),  # Op: routes run in Airflow
    "bureau": ("Exchange Bureau",),
    "auditor": ("Exchange Auditor", "Viewer"),  # Viewer: runs and receipts are read
    UNIT: ("Exchange Unit",),
}
OURS = tuple(sorted({role for roles in ROLES.values() for role in roles if role.startswith("Exchange ")}))


@dataclass(frozen=True, slots=True)
class New:
    """A user to be made: the login, what it may do, and the unit of a unit's user."""

    login: str
    role: str
    unit: str | None = None
    name: str = ""
    mail: str = ""
    password: str = field(default="", repr=False)


def password() -> str:
    """Return a password nobody could guess."""
    return secrets.token_urlsafe(15)


def add(deployment: Deployment, new: New, *, who: str) -> bool:
    """Make a user with the role, and say which unit it belongs to; False when Airflow had one of that name.

    Such a one keeps its password and is given the role. UserRefused when the login, the role, the unit or the password
    will not do, AirflowRefused when Airflow cannot be asked or says no.
    """
    _refuse(deployment, new)
    with closing(deployment.hub(name="gateway users", autocommit=True)) as hub, pg.hub_errors("look for a user"):
        _refuse_other_unit(new, unit_of(hub, new.login))
    made = _make(new)
    with acting(deployment, "add a user") as act:
        if new.unit is not None:
            values = {"login": new.login, "unit": new.unit, "now": settings.now(), "who": who}
            if pg.one(act.hub, _SQL["add"], values) is None:
                _refuse_other_unit(new, unit_of(act.hub, new.login))
        body = {"what": "user add", "user": new.login, "role": new.role, "unit": new.unit, "who": who}
        act.chained("decision", body)
    return made


def end(deployment: Deployment, login: str, *, who: str, why: str) -> str | None:
    """Take a user's login and unit away, and return the unit; NotFound when there is no such user."""
    told = airflow_users.run([["users", "delete", "-u", login]])[0]
    known = told.failed is None
    if not known and "does not exist" not in told.failed:  # type: ignore[operator]  # it failed, so there is a reason
        raise AirflowRefused(f"user {login} was not deleted: {_words(told)}", "Mend what Airflow says; then try again.")
    with acting(deployment, "end a user") as act:
        found = pg.one(act.hub, _SQL["end"], {"login": login, "now": settings.now()})
        if found is None and not known:
            raise NotFound(f"there is no user {login}", "Run `gateway user list`, or look at Airflow's list of users.")
        unit = str(found[0]) if found else None
        act.chained("decision", {"what": "user end", "user": login, "unit": unit, "who": who, "why": why})
        return unit


def listing(connection: Connection, unit: str | None = None, *, ended: bool = False) -> list[dict[str, Any]]:
    """Return the users of units, by unit."""
    return pg.dicts(connection, _SQL["find"], {"unit": unit, "ended": ended})


def unit_of(connection: Connection, login: str) -> str | None:
    """Return the unit that a login belongs to, if it does to one."""
    found = pg.one(connection, _SQL["unit_of"], {"login": login})
    return str(found[0]) if found else None


def commands(new: New) -> list[Sequence[str]]:
    """Return what Airflow is told to make a user; roles that are there already stay as they are."""
    first, *others = ROLES[new.role]
    person = ["-f", new.name or new.login, "-l", new.role, "-e", new.mail or f"{new.login}@users.invalid"]
    return [
        ["roles", "create", *OURS],
        ["users", "create", "-u", new.login, "-r", first, f"--password={new.password}", *person],
        *(["users", "add-role", "-u", new.login, "-r", role] for role in (first, *others)),
    ]


def _refuse(deployment: Deployment, new: New) -> None:
    if not _LOGIN.fullmatch(new.login):
        raise UserRefused(
            f"{new.login!r} is no login", "Take 2 to 64 letters, digits and . _ @ -, a letter or digit first."
        )
    if new.role not in ROLES:
        raise UserRefused(f"there is no role {new.role}", f"There are {', '.join(ROLES)}.")
    if (new.role == UNIT) != (new.unit is not None):
        raise UserRefused("a unit's user names its unit, and no other user does", "Give --role unit with --unit UNIT.")
    if new.unit is not None and new.unit not in deployment.catalog.units:
        raise UserRefused(f"there is no unit {new.unit}", "Name a unit of catalog/units.yaml.")
    if len(new.password) < _LEAST or not new.password.isprintable():
        raise UserRefused(f"the password has fewer than {_LEAST} characters, or signs of no letter", "Give another.")


def _refuse_other_unit(new: New, unit: str | None) -> None:
    if unit is not None and unit != new.unit:
        raise UserRefused(
            f"user {new.login} belongs to unit {unit}", "A user belongs to one unit: `gateway user end` first."
        )


def _make(new: New) -> bool:
    told = airflow_users.run(commands(new))
    for one in told:
        if one.failed is not None and "already a member" not in one.failed:
            raise AirflowRefused(f"user {new.login} was not made: {_words(one)}", "Mend what Airflow says.")
    return "already exists" not in told[1].said


def _words(told: Told) -> str:
    """Return the first line of what Airflow said; none of it holds a password."""
    return (told.failed or told.said).strip().splitlines()[0][:200]
