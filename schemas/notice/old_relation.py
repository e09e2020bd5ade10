"""The relation as it was before a change: from the newest kept snapshot that has it so, else as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.errors import NotFound, ViewRefused
from schemas import watch
from schemas.diff.model import Change
from schemas.notice.store import Notice, Revision
from schemas.snapshot import platforms

_COLUMN = 3  # parts of a path that names a column


def find(
    deployment: Deployment, hub: Connection, notice: Notice, revision: Revision
) -> tuple[Mapping[str, Any], list[Change]]:
    """Return the old relation of a notice's data set and the changes; ViewRefused when no snapshot has it, or it is none."""
    changes = [Change.of(item) for item in revision.body["changes"]]
    if not all(c.rule.startswith("pg.") for c in changes):
        raise ViewRefused(
            f"notice {notice.name} is not about a PostgreSQL database",
            "An old-shape view stands before a table; an interface keeps its old version instead.",
        )
    table = deployment.catalog.datasets[notice.dataset].table.rpartition(".")[2]
    for document in _documents(deployment, hub, notice.platform):
        for relation in document["relations"]:
            if relation["name"] == table and _as_before(relation, changes):
                return relation, changes
    raise ViewRefused(
        f"no snapshot of platform {notice.platform} has table {table} as it was before the change",
        "Run `gateway schema watch` before the day; or make the view by hand.",
    )


def _documents(deployment: Deployment, hub: Connection, platform: str) -> Iterator[Mapping[str, Any]]:
    for row in watch.history(hub, platform):
        if row["kind"] == "pg":
            yield watch.version(hub, platform, row["version"])["document"]
    document = platforms.of_platform(deployment, deployment.catalog.platforms[platform])
    if document["kind"] != "pg":
        raise NotFound(f"platform {platform} is no PostgreSQL", "Only there an old-shape view can be made.")
    yield document


def _as_before(relation: Mapping[str, Any], changes: list[Change]) -> bool:
    """Tell whether a relation has what the changes take, and not yet what they bring."""
    path = f"{relation['schema']}.{relation['name']}"
    types = {str(c["name"]): str(c["type"]) for c in relation["columns"]}
    given_up = {c.path for c in changes if c.rule.endswith("column.rename")}
    for change in changes:
        where, _, name = change.path.rpartition(".")
        if len(change.path.split(".")) != _COLUMN or where != path:
            continue
        rule = change.rule.partition(".")[2]
        added = rule.startswith("column.add") and change.path not in given_up
        if added == (name in types):
            return False
        if rule.startswith("type.") and isinstance(change.before, str) and types.get(name) != change.before:
            return False
    return True
