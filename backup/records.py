"""What the ledger knows of backups: how each stands, and in the chain of receipts what happened to it.

Nothing here is needed to restore: the repositories alone suffice, for the hub may be what is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from backup import incidents
from backup.manifest import Manifest
from backup.plans import Plan
from backup.ports import Kept
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import BackupBusy, GatewayError, NotFound
from gateway.ledger import chain
from gateway.ledger.acts import Act, acting
from gateway.sql import queries

_SQL = queries(__file__)
KIND = incidents.KIND
_WORDS = 300  # characters of an error that a row keeps


@dataclass(frozen=True, slots=True)
class Found:
    """What a drill found of one copy: nothing at fault, or what; and how long each phase took, in milliseconds."""

    backup: str
    repository: str
    plan: str
    began_at: datetime
    phases: Mapping[str, int]
    faults: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Tell whether the copy is proven."""
        return not self.faults

    @property
    def rto_ms(self) -> int:
        """Return the time from the start to the last comparison."""
        return sum(self.phases.values())

    def as_dict(self) -> dict[str, Any]:
        """Return what was found, for machines."""
        return {
            "backup": self.backup, "repository": self.repository, "plan": self.plan, "began_at": self.began_at,
            "passed": self.passed, "rto_ms": self.rto_ms, "phases": dict(self.phases), "faults": list(self.faults),
            "remarks": list(self.remarks),
        }  # fmt: skip


@contextmanager
def alone(deployment: Deployment, plan: Plan, doing: str) -> Iterator[Connection]:
    """Have a plan for oneself while the block runs; BackupBusy when another has it.

    `run` keeps runs of a plan and of its source apart; `copies` keeps drills and prunes apart, beside a run.
    """
    locks = [f"backup {doing} {plan.plan}"] + [f"backup source {plan.source}"] * (doing == "run")
    with closing(deployment.hub(name=f"gateway backup {doing}", autocommit=True)) as hub:
        with pg.hub_errors("take a plan"):
            for lock in locks:
                if not pg.one(hub, _SQL["take"], {"lock": f"gateway.{lock}"})[0]:
                    what = "drill or prune" if doing == "copies" else "run"
                    raise BackupBusy(
                        f"another {what} has {lock.split(' ', 1)[1]}", "Wait for its end; see `gateway backup list`."
                    )
        yield hub


def begin(hub: Connection, plan: Plan, backup: str, kind: str = "logical") -> None:
    """Note that a run begins."""
    with pg.hub_errors("note a backup"):
        pg.run(
            hub,
            _SQL["begin"],
            {"backup": backup, "plan": plan.plan, "unit": plan.unit, "kind": kind, "now": settings.now()},
        )


def dead(hub: Connection, plan: Plan, kind: str = "logical") -> list[str]:
    """Return the runs of a plan that ended without a word."""
    with pg.hub_errors("look for runs"):
        return [row["backup"] for row in _rows(hub, "dead", {"plan": plan.plan, "kind": kind})]


def failed(deployment: Deployment, plan: Plan, backup: str, error: GatewayError) -> None:
    """Note that a run came to nothing, and tell whoever answers for its unit."""
    with acting(deployment, "note a failed backup") as act:
        said = f"[{error.code}] {error.message}"[:_WORDS]
        pg.run(act.hub, _SQL["fail"], {"backup": backup, "error": said, "now": settings.now()})
        act.chained(KIND, {"what": "failed", "backup": backup, "plan": plan.plan, "error": error.code})
        words = f"备份 {backup} 未完成：{said}\n以前的备份不受影响。\n\nBackup {backup} was not made; earlier ones are untouched."
        incidents.begins(act, plan, incidents.RUN_FAILED, words)


def fell_short(deployment: Deployment, plan: Plan, backup: str, error: GatewayError) -> None:
    """Tell that a backup exists, but not in every repository of its plan."""
    with acting(deployment, "note a backup") as act:
        words = (
            f"备份 {backup} 未能存入全部仓库：[{error.code}] {error.message}\n\n"
            f"Backup {backup} exists, but not in every repository of its plan."
        )
        incidents.begins(act, plan, incidents.RUN_FAILED, words)


def stored(
    deployment: Deployment, plan: Plan, manifest: Manifest, digest: str, repositories: Mapping[str, Kept]
) -> None:
    """Note that a backup exists, and where; doing it twice changes nothing but the chain's length."""
    with acting(deployment, "note a backup") as act:
        values = {
            "backup": manifest.backup, "snapshot_at": manifest.snapshot_at, "bytes": manifest.bytes, "rows": manifest.survey.rows,
            "manifest": digest, "now": settings.now(), "system": (manifest.physical or {}).get("system_identifier"),
            "segment": (manifest.physical or {}).get("first"),
        }  # fmt: skip
        pg.run(act.hub, _SQL["store"], values)
        for repository, kept in repositories.items():
            _add_copy(act, manifest.backup, repository, kept)
        body = {
            "what": "stored", "backup": manifest.backup, "kind": manifest.kind, "plan": plan.plan, "unit": plan.unit,
            "rows": manifest.survey.rows, "bytes": manifest.bytes, "tables": len(manifest.survey.tables),
            "manifest": digest, "repositories": list(repositories),
            "locked_until": {name: _iso(kept) for name, kept in repositories.items() if kept.locked_until},
            "snapshot_at": manifest.snapshot_at.isoformat(),
        }  # fmt: skip
        act.chained(KIND, body)
        incidents.ends(act, plan, incidents.RUN_FAILED)


def copied(deployment: Deployment, backup: str, source: str, target: str, kept: Kept) -> None:
    """Note that a backup lies in another repository too; a copy that was there is as good as new, and unproven."""
    with acting(deployment, "note a copy") as act:
        _add_copy(act, backup, target, kept)
        act.chained(
            KIND, {"what": "copied", "backup": backup, "from": source, "to": target, "locked_until": _iso(kept)}
        )


def _add_copy(act: Act, backup: str, repository: str, kept: Kept) -> None:
    values = {
        "backup": backup, "repository": repository, "locked_until": kept.locked_until, "versions": Json(dict(kept.versions)),
        "now": settings.now(),
    }  # fmt: skip
    pg.run(act.hub, _SQL["add_copy"], values)


def _iso(kept: Kept) -> str | None:
    return kept.locked_until.astimezone(UTC).isoformat() if kept.locked_until else None


@contextmanager
def reading(deployment: Deployment, backup: str) -> Iterator[None]:
    """Keep a backup from being deleted while the block reads it. Without a hub, nobody can be kept from it, nor deletes."""
    with ExitStack() as stack:
        with suppress(GatewayError), pg.hub_errors("note a reader"):
            hub = stack.enter_context(closing(deployment.hub(name="gateway backup reader", autocommit=True)))
            pg.one(hub, _SQL["read"], {"lock": _reader(backup)})
        yield


def in_use(hub: Connection, backup: str) -> bool:
    """Tell whether somebody reads a backup; when nobody does, nobody begins to before this session ends."""
    return not pg.one(hub, _SQL["take"], {"lock": _reader(backup)})[0]


def _reader(backup: str) -> str:
    return f"gateway.backup reader {backup}"


def older_drills(hub: Connection, plan: str, repository: str, since: datetime) -> int:
    """Return how many backups were drilled since a moment though a newer one lay beside them."""
    return int(_rows(hub, "older", {"plan": plan, "repository": repository, "since": since})[0]["count"])


def drilled(deployment: Deployment, plan: Plan, found: Found) -> int:
    """Note what a drill found, in one signed record; a failure is told to whoever answers for the unit."""
    with acting(deployment, "note a drill") as act:
        state = "proven" if found.passed else "suspect"
        values = {"backup": found.backup, "repository": found.repository, "state": state, "now": settings.now()}
        pg.run(act.hub, _SQL["judge"], values)
        act.chained(KIND, {"what": "drilled", **found.as_dict(), "began_at": found.began_at.isoformat()})
        assert act.entry is not None
        row = found.as_dict() | {"receipt_no": act.entry.no}
        pg.run(act.hub, _SQL["add_drill"], row | {k: Json(row[k]) for k in ("phases", "faults", "remarks")})
        number = act.entry.no
        if found.passed:
            incidents.ends(act, plan, incidents.DRILL_FAILED, found.repository)
        else:
            listed = "\n".join(f"- {fault}" for fault in found.faults[:20])
            words = (
                f"备份 {found.backup}（仓库 {found.repository}）恢复演练未通过，该备份不可用于恢复：\n{listed}\n\n"
                f"The drill of backup {found.backup} failed: it counts as suspect. Take another backup and drill it."
            )
            incidents.begins(act, plan, incidents.DRILL_FAILED, words, found.repository)
        return number


def chained(deployment: Deployment, what: str, body: Mapping[str, Any]) -> None:
    """Put a record of something that was done with a backup into the chain."""
    with acting(deployment, "note what was done with a backup") as act:
        act.chained(KIND, {"what": what, **body})


def moved(deployment: Deployment, query: str, backup: str, repository: str, why: str = "") -> None:
    """Note that a copy expires, is spared, or is gone; the last is a record of its own."""
    with acting(deployment, "note what becomes of a copy") as act:
        pg.run(act.hub, _SQL[query], {"backup": backup, "repository": repository, "why": why, "now": settings.now()})
        if query == "drop":
            act.chained(KIND, {"what": "deleted", "backup": backup, "repository": repository, "why": why})


def head(hub: Connection) -> dict[str, Any] | None:
    """Return number and hash of the chain's end: a manifest carries it away from here."""
    with pg.hub_errors("read the chain"):
        found = chain.head(hub)
    return {"no": found.no, "hash": found.hash} if found else None


def listing(
    hub: Connection, plan: str | None = None, backup: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return backups, newest first."""
    return _rows(hub, "listing", {"plan": plan, "backup": backup, "limit": limit})


def one(hub: Connection, backup: str) -> dict[str, Any]:
    """Return a backup with its drills; NotFound when there is none of that name."""
    found = listing(hub, backup=backup)
    if not found:
        raise NotFound(f"there is no backup {backup}", "Run `gateway backup list`.")
    return {**found[0], "drills": drills(hub, backup=backup)}


def drills(
    hub: Connection, plan: str | None = None, backup: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return drills, newest first."""
    return _rows(hub, "drills", {"plan": plan, "backup": backup, "limit": limit})


def copies(hub: Connection, plan: str, repository: str) -> list[dict[str, Any]]:
    """Return what lies in a repository, in the catalogue's order."""
    return _rows(hub, "copies", {"plan": plan, "repository": repository})


def asked(hub: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a question of the report."""
    return _rows(hub, name, values)


def _rows(hub: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return pg.dicts(hub, _SQL[name], values)
