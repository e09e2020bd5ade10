"""Rehearse a notice: do each unit's own work on a sample of rows, in the structure as it is and as it was announced.

Nothing is written at the platform, and no real personal value leaves memory. What cannot be rehearsed is said to be so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError, PlatformUnavailable, RehearsalBusy
from gateway.mysql_address import is_mysql
from gateway.sql import queries
from schemas.diff.model import Change
from schemas.notice import store
from schemas.notice.act import acting
from schemas.rehearsal import documents, results, sample, stage
from schemas.rehearsal.masks import Masks
from schemas.rehearsal.replay import FAIL, NOT_POSSIBLE, PASS, Check
from schemas.rehearsal.results import Outcome
from schemas.rehearsal.sample import Sample
from schemas.rehearsal.work import Task, Work, full
from schemas.snapshot import pg as pg_snapshot
from schemas.snapshot import platforms
from schemas.use import profile
from schemas.use.model import place_of
from schemas.use.shape import Shape

log = logging.getLogger(__name__)
_SQL = queries(__file__)
ROWS = 1000
MOST = 10_000
_RELATIONS = 20  # of which rows are taken


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What one rehearsal found, the publisher's own line first, and how many rows it had."""

    notice: str
    outcomes: tuple[Outcome, ...]
    sample: Mapping[str, Any]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it for people and machines."""
        units = [outcome.as_dict() for outcome in self.outcomes]
        return {"notice": self.notice, "seconds": round(self.seconds, 3), "sample": dict(self.sample), "units": units}


def rehearse(deployment: Deployment, name: str, *, who: str, rows: int = ROWS) -> Rehearsed:
    """Rehearse a notice or a draft and keep what it found.

    RehearsalBusy while another one of it runs; PlatformUnavailable and AccessDenied when its platform cannot be sampled.
    """
    began, clock = settings.now(), time.monotonic()
    with closing(deployment.hub(name="gateway rehearsal", autocommit=True)) as hub, pg.hub_errors("rehearse a notice"):
        task = _task(deployment, hub, name)
        if not pg.one(hub, _SQL["wait"], {"notice": task.notice.notice})[0]:
            raise RehearsalBusy(f"notice {task.notice.name} is being rehearsed", "Its results come when that one ends.")
        outcomes, took = _done(task, hub, max(1, min(rows, MOST)))
    seconds = time.monotonic() - clock
    with acting(deployment) as act:
        results.keep(act, task.notice, task.revision, outcomes, {**took, "who": who}, began, seconds)
    return Rehearsed(task.notice.name, tuple(outcomes), took, seconds)


def due(deployment: Deployment) -> dict[str, int]:
    """Rehearse every announced revision that was not; one that cannot be sampled now does not keep the others from it.

    Raises PlatformUnavailable (retryable) at the end, naming those that wait.
    """
    with closing(deployment.hub(name="gateway rehearsal", autocommit=True)) as hub, pg.hub_errors("rehearse notices"):
        waiting = [store.get(hub, notice).name for notice in results.due(hub)]
    done, silent = 0, list[str]()
    for name in waiting:
        try:
            found = rehearse(deployment, name, who="gateway")
        except GatewayError as error:
            log.warning("%s: %s", name, error)
            silent.append(name)
            continue
        done += 1
        log.info("%s: %s", name, {outcome.unit: outcome.result for outcome in found.outcomes})
    if silent:
        raise PlatformUnavailable(f"not rehearsed: {', '.join(silent)}", "The log says why; it is tried again.")
    return {"rehearsed": done}


def _task(deployment: Deployment, hub: Connection, name: str) -> Task:
    notice = store.get(hub, store.find(hub, name))
    revision = store.revision(hub, notice.notice, notice.revision)
    dataset = deployment.catalog.datasets[notice.dataset]
    told = {own.unit for own in store.recipients(hub, notice.notice, notice.revision)}
    uses = profile.of(hub, deployment.catalog, dataset, notice.platform)
    return Task(deployment, notice, revision, dataset, [use for use in uses if use.unit in told or not told])


def _done(task: Task, hub: Connection, rows: int) -> tuple[list[Outcome], dict[str, Any]]:
    """Return what became of each unit's work; where there is nothing to rehearse on, why."""
    platform = task.deployment.catalog.platforms[task.notice.platform]
    if "script" not in task.revision.body:
        checks = documents.checks(task.deployment, hub, task.revision, task.dataset, platform, rows)
        return [Outcome(use.unit, checks) for use in task.uses], {}
    dsn = task.deployment.resolve(platform.connection)
    if not platforms.is_database(platform) or (dsn and is_mysql(dsn)):
        why = Check("script", platform.platform, NOT_POSSIBLE, "only PostgreSQL can be copied")
        return [Outcome(use.unit, (why,)) for use in task.uses], {}
    masks = Masks(settings.now().astimezone(settings.CHINA).date())
    with pg.platform_errors(platform.platform, "take a sample"):
        connection = pg.connect(dsn or "", name="gateway rehearsal", autocommit=True, lock_timeout="3s")
        with closing(connection):
            pg.run(connection, "set default_transaction_read_only = on")
            seen = _seen(task, connection, masks, rows)
    return _on_stage(task, hub, seen, masks, rows)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was read at the platform; `account` is ours there, empty where we own everything anyhow."""

    shape: Mapping[str, Any]
    functions: list[str]
    account: str
    sample: Sample


def _seen(task: Task, platform: Connection, masks: Masks, rows: int) -> _Seen:
    shape = pg_snapshot.take(platform)
    with platform.cursor() as cursor:
        cursor.execute(_SQL["functions"], {"schemas": [schema["name"] for schema in shape["schemas"]]})
        functions = [text for (text,) in cursor.fetchall()]
        cursor.execute(_SQL["account"])
        account, owns = cursor.fetchall()[0]
    changes = [Change.of(item) for item in task.revision.body["changes"]]
    taken = _sampled(task, platform, shape, changes, masks, rows)
    return _Seen(shape, functions, "" if owns else account, taken)


def _on_stage(
    task: Task, hub: Connection, seen: _Seen, masks: Masks, rows: int
) -> tuple[list[Outcome], dict[str, Any]]:
    accounts = {use.account for use in task.deployment.catalog.uses.values() if use.account}
    script = task.revision.body["script"]
    with stage.built(seen.shape, seen.functions, seen.sample, script, accounts) as built:
        made = _made(built)
        outcomes = [Outcome(task.notice.publisher, (made,))]
        replayed = Work(task, hub, built, masks, rows, seen.account)
        for use in task.uses:
            checks = tuple(replayed.checks(use)) if made.result == PASS else (replace(made, result=NOT_POSSIBLE),)
            outcomes.append(Outcome(use.unit, checks))
        return _merged(outcomes), {**seen.sample.as_dict(), "not_copied": built.left_out}


def _made(built: stage.Stage) -> Check:
    """Return whether the announced structure could be made."""
    if built.refused:
        return Check("script", "script", FAIL, built.refused)
    return Check("script", "script", NOT_POSSIBLE if built.undecided else PASS, built.undecided)


def _merged(outcomes: list[Outcome]) -> list[Outcome]:
    """Let a unit have one line: a publisher may use its own data."""
    checks: dict[str, tuple[Check, ...]] = {}
    for outcome in outcomes:
        checks[outcome.unit] = (*checks.get(outcome.unit, ()), *outcome.checks)
    return [Outcome(unit, found) for unit, found in checks.items()]


def _sampled(
    task: Task, platform: Connection, shape: Mapping[str, Any], changes: list[Change], masks: Masks, rows: int
) -> Sample:
    """Take rows of what the change and the units' work touch, and of what those rows refer to."""
    whole = (
        r for r in shape["relations"] if r["kind"] in "rp" and "parent" not in r
    )  # a part's rows come with the whole's
    relations = {f"{r['schema']}.{r['name']}": r for r in whole}
    own = Shape.of(shape).find("", task.dataset.table) or task.dataset.table
    wanted = [own, *(place for change in changes if (place := place_of(change)[0]))]
    wanted += sorted({r for use in task.uses for known in use.evidence for r in known.relations()})
    for name in list(wanted):
        for constraint in relations.get(name, {}).get("constraints", ()):
            if constraint["type"] == "f":
                wanted.append(str(constraint["references"]).partition("(")[0])
    named = [name for name in dict.fromkeys(full(name) for name in wanted) if name in relations][:_RELATIONS]
    contracts = {full(d.table): d for d in task.deployment.catalog.datasets.values()} | {own: task.dataset}
    changed = [
        (place, column)
        for place, column in dict.fromkeys(map(place_of, changes))
        if place in relations and any(c["name"] == column for c in relations[place]["columns"])
    ]
    pairs = [(str(place), str(column)) for place, column in changed]
    return sample.take(platform, named, contracts, pairs, masks, rows)
