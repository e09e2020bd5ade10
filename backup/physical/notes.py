"""What the ledger knows of WAL: which segments are stored, until when nothing is lost, and who was told when that stopped."""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import connection as Connection

from backup.plans import Plan
from backup.records import KIND
from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.ledger.acts import acting
from gateway.notify import outbox
from gateway.sql import queries

_SQL = queries(__file__)
STORED = _SQL["stored_wal"]


def stored(deployment: Deployment, plan: Plan, system: str, segment: str, through: datetime | None, size: int) -> None:
    """Note that every repository has a segment; doing it twice changes nothing."""
    values = {"plan": plan.plan, "system": system, "segment": segment, "through": through, "bytes": size,
              "now": settings.now()}  # fmt: skip
    with acting(deployment, "note stored WAL") as act:
        pg.run(act.hub, _SQL["stored"], values)


def idle(deployment: Deployment, plan: Plan, system: str, through: datetime) -> None:
    """Note that nothing was written since the last stored segment: it holds all there is until now."""
    with acting(deployment, "note that no WAL is new") as act:
        pg.run(act.hub, _SQL["idle"], {"plan": plan.plan, "system": system, "through": through})


def last(hub: Connection, plan: Plan, system: str) -> tuple[str | None, datetime | None]:
    """Return the last stored segment, and until when nothing is lost with it."""
    rows = pg.dicts(hub, _SQL["last"], {"plan": plan.plan, "system": system})
    return (rows[0]["segment"], rows[0]["through"]) if rows else (None, None)


def alarm(deployment: Deployment, plan: Plan, error: GatewayError) -> None:
    """Put into the chain that WAL is not received any more, and tell whoever answers for the unit."""
    with acting(deployment, "note that WAL stopped") as act:
        act.chained(KIND, {"what": "wal-stopped", "plan": plan.plan, "error": error.code})
        assert act.entry is not None
        words = (
            f"计划 {plan.plan} 的日志接收已停止：[{error.code}] {error.message}\n此后提交的数据在恢复前不受保护。\n\n"
            f"WAL of plan {plan.plan} is not received any more; what is committed since then is not covered.\n{error.hint}"
        )
        topic = (f"backup {plan.plan}", f"wal {act.entry.no}")
        outbox.tell(act.hub, deployment.keys, [plan.unit], topic, f"[日志接收停止] {plan.name}", words)
