"""What is backed up, when, for whom it is sealed, where it lies and what is promised: one YAML file a plan.

A wrong plan is listed as broken, with file, line and remedy, and the others run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from croniter import croniter
from jsonschema import Draft202012Validator

from gateway import catalog, yamlfile
from gateway.errors import CatalogInvalid, NotFound
from gateway.model import Catalog, Hours
from gateway.yamlfile import Located

HUB, FILES, MYSQL, POSTGRESQL = "hub", "files", "mysql", "postgresql"
FOLDER = "backups"
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SCHEMA = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Assertion:
    """A question that a restored copy must answer as said: the application's own check."""

    sql: str
    expected: Any


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of a plan and the connection that leads to it."""

    repository: str
    connection: str


@dataclass(frozen=True, slots=True)
class Wal:
    """The physical copy of a plan: a connection that may replicate, when a base is taken, and how long WAL waits for a full segment."""

    connection: str
    base: str
    switch: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """One backup plan (备份计划). `connection` is None for the hub itself; recipients and identity name secrets.

    `path` is the folder of a tree of files that no connection leads to; `older` how many older backups a month are drilled too.
    """

    plan: str
    name: str
    unit: str
    connection: str | None
    exclude: tuple[str, ...]
    schedule: str
    jobs: int
    limit: timedelta
    profile: str
    recipients: tuple[str, ...]
    identity: str
    places: tuple[Place, ...]
    keep: Mapping[str, int]
    rpo: timedelta
    rto: timedelta
    drills: str
    assertions: tuple[Assertion, ...] = ()
    description: str = ""
    wal: Wal | None = None
    engine: str = POSTGRESQL
    path: str = ""
    older: int = 0
    window: Hours | None = None

    @property
    def source(self) -> str:
        """Return what names the source of a plan: two plans of one source do not run at once."""
        return self.connection or self.path or "HUB"

    def place(self, repository: str | None = None) -> Place:
        """Return a repository of the plan, the first unless one is named; NotFound when it has none of that name."""
        for place in self.places:
            if repository in (None, place.repository):
                return place
        known = ", ".join(p.repository for p in self.places)
        raise NotFound(f"plan {self.plan} has no repository {repository}", f"It has {known}.")


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of a city by name, and why those that cannot be used are broken."""

    plans: Mapping[str, Plan]
    broken: Mapping[str, str]

    def get(self, name: str) -> Plan:
        """Return a plan; NotFound when there is none of that name, with the reason when it is broken."""
        if found := self.plans.get(name):
            return found
        if reason := self.broken.get(name):
            raise NotFound(f"plan {name} cannot be used: {reason}", "Mend the file it names.")
        raise NotFound(
            f"there is no backup plan {name}", f"Run `gateway backup list`; there are {', '.join(self.plans)}."
        )


def load(city: Catalog) -> Plans:
    """Return the plans of a catalog."""
    plans: dict[str, Plan] = {}
    broken: dict[str, str] = {}
    for path in sorted((city.root / FOLDER).glob("*.yaml")):
        try:
            plans[path.stem] = read(path, city)
        except CatalogInvalid as error:
            broken[path.stem] = str(error)
    return Plans(plans, broken)


def read(path: Path, city: Catalog) -> Plan:
    """Return the plan of a file; CatalogInvalid names file, line, field and remedy."""
    found = catalog.checked(yamlfile.read(path), _validator(), "plan")
    if found.require("plan") != path.stem:
        raise found.fault("plan", "a plan bears the name of its file", f"Write plan: {path.stem}.")
    if found.require("unit") not in city.units:
        raise found.fault("unit", f"there is no unit {found.get('unit')}", "Add it to units.yaml.")
    _refuse_twins(found)
    _refuse_unfit(found)
    source, seal, drill, promise = (found.require(name) for name in ("source", "seal", "drill", "promise"))
    return Plan(
        plan=path.stem, name=found.require("name"), unit=found.require("unit"), connection=_connection(found, source),
        exclude=tuple(source.get("exclude", ())), schedule=_cron(found, "schedule", found.require("schedule")),
        jobs=found.get("jobs", 2), limit=timedelta(minutes=found.get("max_minutes", 240)),
        profile=seal.get("profile", "age"), recipients=tuple(seal["recipients"]), identity=seal["identity"],
        places=tuple(Place(**place) for place in found.require("repositories")), keep=found.require("keep"),
        rpo=duration(promise["rpo"]), rto=duration(promise["rto"]), drills=_cron(found, "drill", drill["schedule"]),
        assertions=tuple(Assertion(a["sql"], a["is"]) for a in drill.get("assert", ())),
        description=found.get("description", ""), wal=_wal(found), engine=source["engine"], path=source.get("path", ""),
        older=int(drill.get("older", "0")[0]), window=catalog.hours(found),
    )  # fmt: skip


def duration(text: str) -> timedelta:
    """Return the length of `15m`, `2h` or `7d`."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _connection(found: Located, source: Mapping[str, Any]) -> str | None:
    """Return the connection of a source; the hub has one of its own, and a tree of files may have a path instead."""
    engine, named, path = source["engine"], source.get("connection"), source.get("path")
    if engine == HUB and named is not None:
        raise found.fault("source", "engine hub needs no connection", "Remove connection: the hub is known.")
    if engine == FILES and (named is None) == (path is None):
        hint = (
            "Write path: /folder as the gateway's machine has it, or connection: NAME with the address file:///folder."
        )
        raise found.fault("source", "engine files needs a path or a connection, and not both", hint)
    if engine not in {HUB, FILES} and named is None:
        hint = "Add connection: NAME, set as GATEWAY_CONN_NAME."
        raise found.fault("source", f"engine {engine} needs a connection", hint)
    return named


def _wal(found: Located) -> Wal | None:
    """Return the physical copy that a plan asks for, if it does."""
    if not (told := found.get("wal")):
        return None
    base = _cron(found, "wal", told["base"])
    return Wal(told["connection"], base, duration(told.get("switch", "1m")))


def _refuse_unfit(found: Located) -> None:
    """Refuse what an engine does not know."""
    source = found.require("source")
    engine = source["engine"]
    if engine in {FILES, MYSQL} and found.get("wal"):
        raise found.fault("wal", f"a plan of engine {engine} has no WAL", "Remove wal.")
    for field in {"path", "symlinks"} & source.keys():
        if engine != FILES:
            raise found.fault("source", f"{field} is a word of engine files", f"Remove {field}.")
    schemas = () if engine in {FILES, MYSQL} else source.get("exclude", ())
    for schema in schemas:
        if not _SCHEMA.fullmatch(schema):
            raise found.fault("source", f"exclude: {schema} is not the name of a schema", "Name schemas, no patterns.")
    if engine == FILES and found.require("drill").get("assert"):
        raise found.fault("drill", "a tree of files answers no SQL", "Remove assert.")


def _cron(found: Located, field: str, line: str) -> str:
    if line != "manual" and not croniter.is_valid(line):
        raise found.fault(field, f"{line!r} is not a schedule", 'Write a cron line such as "0 2 * * *", or manual.')
    return line


def _refuse_twins(found: Located) -> None:
    names = [place["repository"] for place in found.require("repositories")]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        raise found.fault("repositories", f"{twins[0]} stands twice", "Give each repository a name of its own.")


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "schemas" / "plan.json").read_text(encoding="utf-8"))
    return Draft202012Validator({**schema, "$ref": "#/$defs/plan"})
