"""What figures say of backups: promise beside measure, also of a plan that never ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from gateway import catalog as catalogs
from gateway.model import Catalog
from tests.conftest import ROOT
from tests.integration.sla.conftest import Ground, at, catalog

BACKUP = """
insert into gateway.backup (backup, plan, unit, state, started_at, finished_at, snapshot_at) values ('b', 'hub_daily', 'gxj', 'stored', %(at)s, %(at)s, %(at)s);
insert into gateway.backup_copy (backup, repository, state, stored_at, proven_at) values ('b', 'near', 'proven', %(at)s, %(proven)s);
insert into gateway.drill (backup, repository, plan, began_at, passed, rto_ms, phases, faults, remarks, receipt_no)
values ('b', 'near', 'hub_daily', %(proven)s, true, 65432, '{}', '[]', '[]', 1)
"""


def test_what_was_promised_stands_beside_what_was_reached(lay: Callable[[Catalog], Ground]) -> None:
    """A plan that was drilled once is as old as its only proof; one that never ran kept no promise."""
    city = catalogs.load(ROOT / "catalog")
    ground = lay(
        replace(catalog(), root=city.root, units=city.units, platforms={**city.platforms, **catalog().platforms})
    )
    ground.ask(BACKUP, {"at": at(3, 1), "proven": at(3, 4)})
    found = {row["plan"]: row for row in ground.report()["backups"]}
    drilled, never = found["hub_daily"], found["self_zjj_daily"]
    assert (drilled["rpo_promised_s"], drilled["rto_promised_s"]) == (26 * 3600, 2 * 3600)
    assert drilled["rpo_worst_s"] >= timedelta(days=12).total_seconds()
    assert (drilled["rto_worst_ms"], drilled["drill_age_days"], drilled["kept"]) == (65432, 15, False)
    assert (never["stored"], never["rpo_worst_s"], never["drill_age_days"], never["kept"]) == (0, None, None, False)
