"""Backups, shown from end to end: the hub and a self-built system are backed up, drilled, and a changed copy is refused."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2

from backup import drill, keys, plans, run
from backup.plans import Place, Plan
from gateway import settings
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import DrillFailed, Tampered

Step = Callable[[str], None]
SHOWN = ("hub_daily", "self_zjj_daily")
_DATABASE = "self_zjj"
_SYSTEM = """
create schema presale;
create table presale.project (id bigint primary key, name text not null, developer text not null, district char(6) not null);
create table presale.permit (number varchar(20) primary key, project bigint references presale.project, area numeric(12,2) not null,
  issued_on date not null, plan jsonb not null, remark json);
create table presale.contract (id bigint generated always as identity primary key, permit varchar(20) not null references presale.permit,
  buyer text not null, price numeric(14,2) not null, signed_at timestamptz not null);
create index contract_by_permit on presale.contract (permit);
insert into presale.project select g, '项目' || g, '开发企业' || g % 40, '130802' from generate_series(1, 300) g;
insert into presale.permit select '承房预售' || lpad(g::text, 6, '0'), 1 + g % 300, 1000 + g * 1.5, date '2020-01-01' + g % 2000,
  jsonb_build_object('楼栋', g % 20, '套数', 20 + g % 80), json_build_object('n', g) from generate_series(1, 3000) g;
insert into presale.contract (permit, buyer, price, signed_at) select '承房预售' || lpad((1 + g % 3000)::text, 6, '0'), '购房人' || g,
  300000 + g, timestamptz '2024-01-01 00:00+08' + g * interval '7 minutes' from generate_series(1, 60000) g;
"""


def prepare(platforms: Server, folder: Path) -> dict[str, str]:
    """Make the self-built system, two repositories and the keys; return their connections."""
    new = not (folder / "drill.identity").exists()
    if new:
        platforms.create_database(_DATABASE)
        with (
            closing(psycopg2.connect(platforms.dsn(_DATABASE))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("drop schema if exists presale cascade")
            cursor.execute(_SYSTEM)
        for place in ("near", "far"):
            (folder / place).mkdir(parents=True, exist_ok=True)
        for holder in ("custodian_a", "custodian_b", "drill"):
            identity, recipient = keys.create()
            (folder / f"{holder}.recipient").write_text(recipient)
            (folder / f"{holder}.identity").touch(mode=0o600)
            (folder / f"{holder}.identity").write_text(identity)
    public = {
        f"BACKUP_{h.upper()}": (folder / f"{h}.recipient").read_text() for h in ("custodian_a", "custodian_b", "drill")
    }
    return {
        "SELF_ZJJ_DB": platforms.dsn(_DATABASE),
        "BACKUP_NEAR": (folder / "near").resolve().as_uri(),
        "BACKUP_FAR": (folder / "far").resolve().as_uri(),
        "BACKUP_DRILL_IDENTITY": (folder / "drill.identity").read_text(),
        **public,
    }


@dataclass
class Drills:
    """What is shown of backups, and what it needs of the running demo."""

    deployment: Deployment
    folder: Path
    step: Step

    def show(self) -> list[dict[str, Any]]:
        """Back up and drill each plan; return a line each for build/demo.json."""
        known = plans.load(self.deployment.catalog)
        return [self._one(known.get(name)) for name in SHOWN]

    def _one(self, plan: Plan) -> dict[str, Any]:
        began = time.monotonic()
        made = run.run(self.deployment, plan)
        seconds = round(time.monotonic() - began, 1)
        self.step(
            f"{plan.plan}: {made.rows:,} rows of {made.tables} tables sealed into {made.bytes:,} bytes ({seconds} s)"
        )
        found = drill.drill(self.deployment, plan)
        moment = settings.now()
        rpo = (moment - found.began_at).total_seconds() + seconds
        self.step(f"  drilled: restored and compared in {found.rto_ms / 1000:.1f} s, proven")
        refused = self._tampered(plan, made.backup)
        self.step(f"  one byte of a copy changed: {'refused' if refused else 'NOT NOTICED'}")
        return {
            "plan": plan.plan, "backup": made.backup, "bytes": made.bytes, "rows": made.rows, "seconds": seconds, "rpo_s": round(rpo),
            "rto_s": round(found.rto_ms / 1000, 1), "proven": found.passed, "tampered_copy_refused": refused,
        }  # fmt: skip

    def _tampered(self, plan: Plan, backup: str) -> bool:
        """Copy the backup, change one byte, and tell whether a drill refuses the copy."""
        place = self.folder / "tampered"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder / "near", place)
        part = next(path for path in sorted(place.rglob("*.part")) if backup in str(path))
        raw = bytearray(part.read_bytes())
        raw[len(raw) // 2] ^= 1
        part.chmod(0o600)
        part.write_bytes(raw)
        known: Mapping[str, str] = {"BACKUP_TAMPERED": place.resolve().as_uri()}
        elsewhere = replace(self.deployment, resolve=lambda name: known.get(name) or self.deployment.resolve(name))
        try:
            drill.drill(elsewhere, replace(plan, places=(Place("tampered", "BACKUP_TAMPERED"),)), backup=backup)
        except (Tampered, DrillFailed):
            return True
        return False
