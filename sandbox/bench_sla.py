"""The benchmark's lines of figures: what a receipt's times cost as it is written, a half month cold and from counted days, the circular.

Runs are made by one statement, as receipts would have told them: ten million bodies would take longer than all else here.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from gateway import fonts
from gateway.deployment import Deployment
from gateway.sla import circular, figures, paper
from gateway.sla.periods import Period
from sandbox import meter

_PERIOD = Period.of("2026-10A")
_AS_OF = _PERIOD.ends.replace(day=20)
_RECEIPTS = 10_000
# Of four routes one has a slot each hour, two bring rows in windows, and one delivers what its neighbour brings.
_AGREEMENTS = """
insert into gateway.agreement (route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, valid_from, valid_to)
select 'bench_' || g, 'bench.' || case when g %% 4 = 3 then g - 1 else g end, 'unit_' || g %% 40, g %% 4 = 3,
       case when g %% 4 = 0 then 'scheduled' else 'real_time' end, '0 * * * *', 'all', 0, 600, 0, 9900,
       timestamptz '2026-09-30 16:00Z', timestamptz '2026-10-15 16:00Z'
  from generate_series(0, %(routes)s - 1) g
"""
_RUNS = """
insert into gateway.sla_run (receipt, route, dataset, outbound, run, batch, upto, at, available_at, handed_at, confirmed_at, read, rejected, rows)
select n, 'bench_' || g, 'bench.' || case when g %% 4 = 3 then g - 1 else g end, g %% 4 = 3,
       case when g %% 4 = 3 then 'delivery' else 'delta' end, n, case when g %% 4 = 3 then n - 1 end, at,
       case when g %% 4 <> 3 then at - interval '40 seconds' end, at, at + (n %% 700) * interval '1 second', 100, n %% 3, 15
  from generate_series(1, %(count)s) n
 cross join lateral (select n %% %(routes)s as g, timestamptz '2026-09-30 16:00Z' + interval '15 days' * ((n - 1)::float8 / %(count)s) as at) moment
"""
_CARRIED = """
insert into gateway.sla_carried select route, gateway.china_day(at), count(*), sum(read), sum(rejected) from gateway.sla_run group by 1, 2
"""
_BODIES = """
insert into gateway.receipt (no, kind, batch_id, route, prev, body, hash, signature, key_id)
select n, 'batch', n, 'bench_1', '', jsonb_build_object('no', n, 'kind', 'batch', 'epoch', 1, 'batch', n, 'attempt', n,
         'route', 'bench_' || n %% 100, 'dataset', 'bench.person', 'contract', '1.0.0', 'from', 'bench', 'to', 'hub',
         'run', 'delta', 'read', 100, 'inserted', 10, 'updated', 5, 'deleted', 0, 'unchanged', 85, 'rejected', n %% 3, 'waiting', 0,
         'rejects', '{}'::jsonb, 'content', jsonb_build_object('rows', 15, 'hash_sum', '123456789012345678901234567890'),
         'clocks', jsonb_build_object('source', at, 'oldest', at, 'received', at, 'confirmed', at),
         'probe', jsonb_build_object('at', at, 'source_now', at, 'skew_ms', 3, 'absent_until', at))::text, 'bench-' || n, '', 'bench'
  from generate_series(1, %(count)s) n cross join lateral (select timestamptz '2026-10-01 00:00Z' + n * interval '1 second' as at) moment
"""


def sla(city: meter.Bench, count: int) -> list[dict[str, Any]]:
    """Measure the report of a half month, cold and again, against reading its runs once; and printing its circular."""
    lines = [_told(city)]
    values = {"routes": min(2_000, max(200, count // 5_000)), "count": count}
    with city.hub.cursor() as cursor:
        cursor.execute(
            "truncate gateway.agreement, gateway.sla_event, gateway.sla_tally, gateway.sla_run, gateway.sla_carried cascade"
        )
        for statement in (_AGREEMENTS, _RUNS, _CARRIED):
            cursor.execute(statement, values)
        cursor.execute("vacuum analyze gateway.sla_run")
    made: list[dict[str, Any]] = []
    words = "select count(*), sum(read) from gateway.sla_run"
    name = meter.size(count)

    def cold() -> None:
        made.append(figures.report(city.deployment, _PERIOD, _AS_OF))
        meter.check(made[0]["totals"]["all"]["read"] == 100 * count, "rows read in the report")

    def again() -> None:
        made.append(_read(city.deployment))
        meter.check(made[0]["totals"] == made[-1]["totals"], "the same figures again")

    for line, job in ((f"sla.report.{name}", cold), (f"sla.again.{name}", again)):
        lines.append(city.pairs(line, 1, lambda: city.ask(words), job, _nothing))
    return [*lines, _printed(city, made[0])] if fonts.find().files else lines


def _told(city: meter.Bench) -> dict[str, Any]:
    """Measure what it costs that each receipt tells its times, against receipts that tell nothing."""

    def written(times: str) -> None:
        with city.hub.cursor() as cursor:
            cursor.execute(f"alter table gateway.receipt {times} trigger note_run")
            cursor.execute(_BODIES, {"count": _RECEIPTS})

    def emptied() -> None:
        city.ask(
            "alter table gateway.receipt disable trigger user; delete from gateway.receipt; alter table gateway.receipt enable trigger user"
        )
        city.ask("truncate gateway.sla_run, gateway.sla_carried")

    line = city.pairs(
        f"sla.told.{meter.size(_RECEIPTS)}", 3, lambda: written("disable"), lambda: written("enable"), emptied
    )
    emptied()
    return line


def _nothing() -> None:
    """Leave everything as it is between the two of a pair."""


def _read(deployment: Deployment) -> dict[str, Any]:
    """Return the figures from what was measured before, as a page does."""
    with closing(deployment.hub(name="gateway bench")) as hub, hub:
        return figures.read(hub, deployment.catalog, _PERIOD, _AS_OF)


def _printed(city: meter.Bench, made: dict[str, Any]) -> dict[str, Any]:
    """Print the circular; the reference is a circular without figures."""
    issue = {
        "figures": made,
        "state": "draft",
        "issue_no": None,
        "evidence_root": None,
        "drafted_at": _AS_OF,
        "frozen_at": None,
    }
    doc = circular.document(city.deployment.catalog, issue)
    empty = {**doc, "sections": []}
    paper.pdf(empty)  # fonts are looked for once in a process
    return city.pairs("circular.pdf", 3, lambda: _kept(empty), lambda: _kept(doc), _nothing)


def _kept(doc: dict[str, Any]) -> None:
    meter.check(paper.pdf(doc).startswith(b"%PDF"), "a PDF")
