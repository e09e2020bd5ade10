"""What is rehearsed, and a unit's work piece by piece: its routes, its statements, what is written for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from psycopg2.extensions import connection as Connection

from gateway.deployment import Deployment
from gateway.model import HUB, Dataset
from schemas.notice.impact import Use
from schemas.notice.store import Notice, Revision
from schemas.rehearsal import replay, sample, stage
from schemas.rehearsal.masks import Masks
from schemas.rehearsal.replay import NOT_POSSIBLE, Check
from schemas.use import registered
from schemas.use.model import Evidence


@dataclass(frozen=True, slots=True)
class Task:
    """What is rehearsed: the notice, what its units use, and of which data set."""

    deployment: Deployment
    notice: Notice
    revision: Revision
    dataset: Dataset
    uses: list[Use]


def full(name: str) -> str:
    """Return a table's name with its schema."""
    return name if "." in name else f"public.{name}"


@dataclass(frozen=True, slots=True)
class Work:
    """A unit's work, piece by piece, on a stage."""

    task: Task
    hub: Connection
    built: stage.Stage
    masks: Masks
    rows: int
    account: str

    def checks(self, use: Use) -> Iterator[Check]:
        """Yield what became of everything that is known of a unit."""
        for known in use.evidence:
            if known.source == "mapping":
                yield self._mapping(known)
            elif known.source == "observed":
                yield from self._seen(known)
            else:
                yield self._by_itself(known)

    def _mapping(self, known: Evidence) -> Check:
        catalog = self.task.deployment.catalog
        platform, route = catalog.platforms[self.task.notice.platform], catalog.routes[known.name]
        if known.writes:
            rows = sample.of_hub(self.hub, route.dataset, self.masks, self.rows)
            return replay.written(self.built, platform, route.dataset, known.name, rows)
        fields = tuple(f for f in route.dataset.fields if f.name not in route.withhold)
        carried = replace(route.dataset, fields=fields, rules=())
        return replay.mapping(self.built, platform, carried, known.name, self.account)

    def _by_itself(self, known: Evidence) -> Check:
        use = self.task.deployment.catalog.uses.get(known.name)
        if use is None:
            return Check(known.source, known.name, NOT_POSSIBLE, "it is not registered any more")
        if use.at == HUB:
            return self._of_hub(known)
        text = use.sql or (f"select * from {registered.quoted(use.view)}" if use.view else self._declared(use.columns))
        if not text:
            return Check(known.source, use.use, NOT_POSSIBLE, known.unknown)
        return replay.statement(self.built, known.source, use.use, text, use.account)

    def _seen(self, known: Evidence) -> Iterator[Check]:
        """Read what a statement was seen to read: its columns, as its account, without the values that nobody kept."""
        account, read = known.name.rpartition(" ")[0], _read(known)
        if not read:
            why = "the rows that it writes are not known" if known.writes else known.unknown or "it reads no column"
            yield Check(known.source, known.name, NOT_POSSIBLE, why)
        for relation, columns in read.items():
            place = registered.quoted(full(relation or self.task.dataset.table))
            shown = "*" if "*" in columns else ", ".join(map(registered.quoted_name, columns))
            yield replay.statement(self.built, known.source, known.name, f"select {shown} from {place}", account)

    def _of_hub(self, known: Evidence) -> Check:
        """Read at the platform, as the route does, what fills the columns that are read in the hub."""
        columns, own = self.task.dataset.columns, _read(known).get("", [])
        wanted = columns if "*" in own or (known.unknown and not own) else tuple(c for c in columns if c in own)
        if not wanted:
            return Check(known.source, known.name, NOT_POSSIBLE, "it reads no column of the data set")
        return replay.statement(self.built, known.source, known.name, self._declared(wanted), self.account)

    def _declared(self, columns: tuple[str, ...]) -> str:
        table = registered.quoted(full(self.task.dataset.table))
        return f"select {', '.join(map(registered.quoted_name, columns))} from {table}" if columns else ""


def _read(known: Evidence) -> dict[str, list[str]]:
    """Return the columns that are read of each relation."""
    found: dict[str, list[str]] = {}
    for (relation, column), roles in sorted(known.columns.items()):
        if roles != {"write"}:
            found.setdefault(relation, []).append(column)
    return found
