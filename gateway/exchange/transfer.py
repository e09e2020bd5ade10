"""Carries one data set along one inbound route: land, check, merge, receipt.

A run is a first load (landing becomes the live partition), a window (rows newer than the watermark), a comparison
(every key and record hash of the source against the hub's), or a replay of quarantined rows. Whatever it is, one hub
transaction decides it: rows, quarantine, receipt and watermark move together or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from croniter import croniter
from psycopg2 import sql

from gateway import pg, registry, settings
from gateway.deployment import Deployment
from gateway.errors import RouteHeld, RuleRefused, SchemaMismatch
from gateway.exchange import brought, compare, lookups, merge, quarantine, raw, rules, structure
from gateway.exchange import hub as hub_tables
from gateway.exchange.attempt import Attempt, Progress
from gateway.exchange.landing import Landing
from gateway.exchange.merge import Moved
from gateway.exchange.outcome import Outcome, utc
from gateway.exchange.reading import reading
from gateway.exchange.shape import check_shape
from gateway.exchange.timing import Override
from gateway.ledger import ledger
from gateway.model import Dataset
from gateway.ports import Probe, Shape, Source, Window


def run(
    deployment: Deployment, route_name: str, *, run_id: str = "", progress: Progress | None = None, dry_run: bool = False,
    whole: bool = False, now: Override | None = None,
) -> Outcome:  # fmt: skip
    """Run a route once; `whole` compares everything even where a window would do.

    Raises RouteBusy, PlatformUnavailable, HubUnavailable, NotNow (retryable); RouteHeld, SchemaMismatch, AccessDenied and the
    other permanent errors. After any of them the hub is as it was.
    """
    route = deployment.route(route_name)
    source = deployment.source(route.peer)
    try:
        with (
            Attempt(deployment, route, run_id, progress, now=now) as attempt,
            pg.hub_errors(f"carry {route.dataset.name}"),
        ):
            return _Transfer(attempt, source, dry_run=dry_run).carry(whole=whole)
    finally:
        source.close()


def replay(
    deployment: Deployment, row_id: int, *, who: str, why: str, edits: Mapping[str, Any] | None = None
) -> Outcome:
    """Judge a quarantined row again, with edited values if given, and merge it when it passes.

    It never overwrites a newer row of the same key. Raises NotFound for a closed row and RuleRefused for one that still
    breaks a rule; it then stays in quarantine as it was.
    """
    hub = deployment.hub(name="gateway quarantine", autocommit=True)
    try:
        route_name = quarantine.opened(deployment, hub, row_id).route
    finally:
        hub.close()
    route = deployment.route(route_name)
    unknown = [name for name in (edits or {}) if name not in route.dataset.columns]
    if unknown:
        raise SchemaMismatch(
            f"data set {route.dataset.name} has no field {', '.join(unknown)}",
            "Use the names of its contract.",
        )
    _refuse_unstorable(edits or {})
    source = deployment.source(route.peer)
    try:
        with (
            Attempt(deployment, route, f"replay {row_id}", None, asks=False) as attempt,
            pg.hub_errors("replay a row"),
        ):
            found = quarantine.opened(deployment, attempt.notes, row_id)  # again, now that no other run has the route
            _refuse_unmended(route.dataset, found.rule, edits or {})
            decision = {"row": row_id, "who": who, "why": why, "edited": sorted(edits or {})}
            return _Transfer(attempt, source, dry_run=False).replay({**found.record, **(edits or {})}, decision)
    finally:
        source.close()


class _Transfer:
    """The steps of one attempt, in order."""

    def __init__(self, attempt: Attempt, source: Source, *, dry_run: bool) -> None:
        self.attempt, self.source, self.dry_run = attempt, source, dry_run
        self.dataset: Dataset = attempt.dataset
        self.landing: Landing = attempt.landing()
        self.reading = reading(attempt, self.landing, source)
        self.kind = ""
        self.read = 0
        self.rejects: Counter[str] = Counter()
        self.waiting = 0
        self.warnings: dict[str, int] = {}
        self.received: datetime | None = None
        self.probe: Probe | None = None
        self.live = 0
        self.deletes = 0
        self.difference: compare.Difference | None = None
        self.method = ""
        self.repaired: Mapping[str, int] = {}
        self.decision: Mapping[str, Any] | None = None

    def carry(self, *, whole: bool) -> Outcome:
        """Probe, read, judge, decide."""
        before = structure.stamp(self.attempt, self.source)
        shape = self._look()
        assert self.probe is not None
        self.kind = _kind(self.attempt, self.probe, whole=whole)
        ledger.note_kind(self.attempt.notes, self.attempt.batch, self.kind)
        self._make_landing()
        try:
            {"first_load": self._read_all, "delta": self._read_window, "compare": self._read_differences}[self.kind]()
            self.received = self.attempt.now()
            structure.refuse_moved(self.attempt, self.source, before)
            return self._judge_and_decide(shape)
        finally:
            self._drop()

    def replay(self, record: dict[str, Any], decision: Mapping[str, Any]) -> Outcome:
        """Land one row that a person sends again, judge, decide."""
        self.kind, self.decision = "replay", decision
        ledger.note_kind(self.attempt.notes, self.attempt.batch, self.kind)
        self._make_landing()
        try:
            self._take_live()
            quarantine.land_records(self.landing, [record])
            self.read, self.received = 1, self.attempt.now()
            return self._judge_and_decide(Shape({}, checked_text=False))  # its text may be what was refused
        finally:
            self._drop()

    def _make_landing(self) -> None:
        self.landing.create(logged=self.kind == "first_load")
        if not self.source.typed:
            raw.create(self.landing)

    def _look(self) -> Shape:
        """Ask the source for its clock and shape; nothing has been made yet when it answers badly."""
        return self._ask() if self.dry_run else structure.watched(self.attempt, self._ask, self.source)

    def _ask(self) -> Shape:
        self.attempt.stage("probe")
        self.probe = registry.patiently(lambda: self.source.probe(self.dataset))
        self.attempt.stage("describe")
        shape = registry.patiently(lambda: self.source.describe(self.dataset))
        check_shape(self.dataset, self.attempt.route.peer, shape)
        return shape

    def _read_all(self) -> None:
        """Land the whole set; an empty source waits for a person, unless the hub is as empty and the contract knows of it."""
        self.attempt.stage("extract")
        self.read = self.reading.everything()
        held = 0 if self.read else merge.hub_rows(self.landing)
        if self.read == 0 and not (self.dataset.starts_empty and held == 0):
            self._hold("empty_read", {"source_rows": 0, "hub_rows": held})

    def _read_window(self) -> None:
        """Land the rows whose cursor moved since the watermark, less the lag within which stamps may still appear."""
        assert self.probe is not None
        assert self.attempt.state.watermark is not None
        after = self.attempt.state.watermark - timedelta(seconds=self.dataset.lag_seconds)
        self._take_live()
        waited = quarantine.land_waiting(self.landing, self.attempt.deployment.keys)
        self.attempt.stage("extract")
        self.read = self.reading.window(Window(after, self.probe.upper))
        if waited and self.landing.typed:
            raw.drop_doubles(self.landing)  # a row that waits and is young enough came once more

    def _read_differences(self) -> None:
        """Compare everything, guard deletes, and land only the rows that differ."""
        self._take_live()
        self.attempt.stage("extract")
        self.difference, self.method = self.reading.differences(self._guard)
        quarantine.land_waiting(self.landing, self.attempt.deployment.keys, compared=True)
        self.read = self.difference.source_rows

    def _guard(self, difference: compare.Difference) -> None:
        """Stop for a person when the source is empty or would delete too much; an approval of as many lets it pass."""
        facts = {
            "source_rows": difference.source_rows,
            "hub_rows": difference.hub_rows,
            "deletes": difference.extra,
        }
        if difference.source_rows == 0 and (difference.hub_rows > 0 or self.live):
            self._hold("empty_read", facts)
        elif not self.attempt.route.delete_limit.allows(difference.extra, difference.hub_rows):
            self._hold("mass_delete", facts)
        self.deletes = difference.extra

    def _hold(self, kind: str, facts: Mapping[str, int]) -> None:
        """Put the route on hold unless a person approved just that."""
        approved = self.attempt.approved
        if approved and approved.kind == kind and facts.get("deletes", 0) <= int(approved.facts.get("deletes", 0)):
            return
        text = ", ".join(f"{name} {number}" for name, number in facts.items())
        if self.dry_run:
            raise RouteHeld(
                f"a run would put route {self.attempt.route.route} on hold ({kind}): {text}",
                "Nothing was done.",
            )
        number = ledger.raise_hold(self.attempt.notes, self.attempt.route.route, kind, facts)
        raise RouteHeld(
            f"route {self.attempt.route.route} is on hold {number} ({kind}): {text}",
            f"Ask the source's owner. `gateway approve {number} --why …` lets just this pass; "
            f"`gateway hold release {number} --why …` tries again.",
        )

    def _take_live(self) -> None:
        """Bring in the keys of what quarantine holds of this source, to be closed when their rows are settled."""
        quarantine.load_live(self.landing, self.attempt.deployment.keys, settings.now())
        self.live = self.landing.count("_live")

    def _judge_and_decide(self, shape: Shape) -> Outcome:
        self.attempt.stage("land", self.read)
        first, catalog = self.kind == "first_load", self.attempt.deployment.catalog
        if not first or lookups.needed(
            self.dataset, catalog
        ):  # what joins needs statistics; a plain first load does not
            pg.run(self.attempt.hub, sql.SQL("analyze {}").format(self.landing.name("_ok")))
        self.attempt.stage("check")
        if not (shape.checked_text or (first and self.landing.plain)):
            self.landing.refuse_undecodable()
        self.warnings = _row_warnings(self.landing)
        self.warnings |= lookups.apply(self.landing, catalog, self.attempt.deployment.keys)
        if not first:  # whatever the source promises: a repair can make two keys one
            self.landing.refuse_duplicates()
        loaded = Moved()
        if first:
            self.landing.become_live(self.read)
            loaded = merge.content(self.landing)
        if self.kind == "replay" and (rule := quarantine.refused_rule(self.landing)):
            raise _still_broken(self.dataset, rule)
        self.rejects, self.waiting = quarantine.seal_rejects(self.landing, self.attempt.deployment.keys)
        self.attempt.stage("merge")
        move = (lambda: self._swap(loaded)) if first else self._merge
        if self.dry_run:
            return self._outcome(self.attempt.rehearse(move), None)
        moved, entry = self.attempt.decide(move, self._receipt)
        self.attempt.stage("done")
        if first and not self.attempt.hub.closed:  # closed: the commit's reply was lost, its outcome asked for
            hub_tables.glance(self.attempt.hub, self.dataset, self.landing.source)
        if self.kind != "replay":
            brought.tell(self.attempt, self.source, self.landing)
        return self._outcome(moved, entry.no)

    def _swap(self, loaded: Moved) -> Moved:
        """Everything of a first load that others can see, in milliseconds."""
        merge.swap_in(self.landing)
        quarantine.store(self.landing, self.attempt.route.route)
        self._journal()
        self._move_state()
        return loaded

    def _merge(self) -> Moved:
        """Everything of a window, comparison or replay that others can see."""
        moved = merge.upsert(self.landing, source_is_truth=self.kind == "compare")
        if self.deletes:
            moved.deleted = merge.delete_missing(self.landing)
        if self.live:
            quarantine.settle(self.landing, whole=self.kind == "compare")
        if self.decision is not None:
            quarantine.close_replayed(self.landing, self.decision, written=moved.written > 0)
        quarantine.store(self.landing, self.attempt.route.route)
        if self.difference is not None:
            self._note_comparison(self.difference)
        self._journal()
        if self.kind != "replay":
            self._move_state()
        return moved

    def _journal(self) -> None:
        if self.landing.repairing:
            self.repaired = merge.journal_repairs(self.landing)

    def _move_state(self) -> None:
        self.attempt.stage("state")
        assert self.probe is not None
        values = {
            "batch": self.attempt.batch, "watermark": self.probe.upper, "identity": self.probe.identity, "resync": None,
        }  # fmt: skip
        where = {"route": self.attempt.route.route, "attempt": self.attempt.number, "probed": self.probe.at}
        ledger.move_state(self.attempt.hub, {**values, **where})
        brought.note(self.attempt, self.source, self.probe, self.kind)
        if self.attempt.approved:
            ledger.use_hold(self.attempt.hub, self.attempt.approved.id)

    def _note_comparison(self, found: compare.Difference) -> None:
        """Record the comparison that this run made; after its repair the source is carried up to the probe."""
        assert self.probe is not None
        expected = self.attempt.route.mode == "snapshot"
        counts = {name: getattr(found, name) for name in ("source_rows", "hub_rows", "missing", "extra", "different")}
        note = {**counts, "route": self.attempt.route.route, "batch": self.attempt.batch, "pending": 0,
                "quarantined": found.quarantined, "method": self.method, "through": self.probe.upper}  # fmt: skip
        remark = "differences carried by this batch" if not found.equal else None
        ledger.note_reconciliation(self.attempt.hub, {**note, "passed": expected or found.equal, "remark": remark})
        ledger.note_verified(self.attempt.hub, self.attempt.route.route, self.probe.upper, None)

    def _receipt(self, moved: Moved) -> Mapping[str, Any]:
        """Return the receipt's body: strings, integers, lists and objects only, times in UTC."""
        route, state = self.attempt.route, self.attempt.state
        counts = {"read": self.read, "inserted": moved.inserted, "updated": moved.updated, "deleted": moved.deleted,
                  "unchanged": moved.unchanged, "rejected": sum(self.rejects.values()), "waiting": self.waiting}  # fmt: skip
        clocks = {
            "source": utc(moved.newest),
            "oldest": utc(moved.oldest),
            "received": utc(self.received),
            "confirmed": utc(self.attempt.now()),
        }
        body: dict[str, Any] = {
            "epoch": self.attempt.epoch, "batch": self.attempt.batch, "attempt": self.attempt.number,
            "route": route.route, "dataset": self.dataset.name, "contract": self.dataset.version,
            "from": route.origin, "to": route.target, "run": self.kind, **counts,
            "rejects": dict(self.rejects), "warnings": self.warnings, "repaired": dict(self.repaired),
            "content": {"rows": moved.written, "hash_sum": str(moved.hash_sum)}, "clocks": clocks,
        }  # fmt: skip
        if self.probe is not None:
            body["probe"] = {"at": utc(self.probe.at), "source_now": utc(self.probe.now), "skew_ms": self.probe.skew_ms,
                             "absent_until": utc(state.probed_at), "upper": utc(self.probe.upper)}  # fmt: skip
            body["watermark"] = {"from": utc(state.watermark), "to": utc(self.probe.upper)}
        if self.decision is not None:
            body["decision"] = dict(self.decision)
        return body

    def _outcome(self, moved: Moved, receipt: int | None) -> Outcome:
        return Outcome(
            route=self.attempt.route.route, dataset=self.dataset.name, kind=self.kind, batch=self.attempt.batch,
            receipt=receipt, read=self.read, inserted=moved.inserted, updated=moved.updated, deleted=moved.deleted,
            unchanged=moved.unchanged, rejected=sum(self.rejects.values()), waiting=self.waiting,
            seconds=round(self.attempt.seconds, 3), rejects=dict(self.rejects), warnings=self.warnings,
        )  # fmt: skip

    def _drop(self) -> None:
        """Drop the landing tables when the connection still lives; otherwise the next attempt does."""
        if not self.attempt.hub.closed and self.attempt.hub.autocommit:
            with pg.hub_errors("drop landing tables"):
                self.landing.drop()


def _kind(attempt: Attempt, probe: Probe, *, whole: bool) -> str:
    """Choose how to read: a window, or everything when that is due, wished for, approved, or the source was restored."""
    state = attempt.state
    if not state.loaded:
        return "first_load"
    if whole or attempt.approved or attempt.route.mode == "snapshot" or state.resync or state.watermark is None:
        return "compare"
    restored = state.source_identity != probe.identity or probe.upper < state.watermark
    return "compare" if restored or _comparison_due(attempt) else "delta"


def _comparison_due(attempt: Attempt) -> bool:
    """Tell whether the route's cron line for comparisons has struck since the last one."""
    line, last = attempt.route.compare, attempt.state.compared_at
    if line is None or last is None:
        return False
    struck: datetime = croniter(line, settings.now().astimezone(settings.CHINA)).get_prev(datetime)
    return struck > last


def _refuse_unmended(dataset: Dataset, rule: str, edits: Mapping[str, Any]) -> None:
    """Refuse a record whose fault its values no longer show (a name that stood twice, a list for a text) as it is."""
    field, _, kind = rule.rpartition(".")
    is_text = kind == "type" and field in dataset.columns and dataset.field(field).hub_type == "text"
    if (rule in rules.FAULTS and not edits) or (is_text and field not in edits):
        raise _still_broken(dataset, rule)


def _still_broken(dataset: Dataset, rule: str) -> RuleRefused:
    return RuleRefused(
        f"the row still breaks rule {rule} of {dataset.name}",
        "Nothing was changed. Look at it with `gateway quarantine show`, edit the value with `--set`, try again.",
    )


def _refuse_unstorable(edits: Mapping[str, Any]) -> None:
    """Refuse text that PostgreSQL cannot hold: NUL, and code points that are no characters; RuleRefused."""
    for name, value in edits.items():
        if not isinstance(value, str):
            continue
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise RuleRefused(
                f"the new value of field {name} holds NUL or half of a character pair", "Type the value again."
            )


def _row_warnings(landing: Landing) -> dict[str, int]:
    """Count the rows that break each row-local rule of severity warn."""
    found = rules.warnings_sql(landing.dataset, settings.now().astimezone(settings.CHINA).date())
    if not found:
        return {}
    counts = sql.SQL(", ").join(sql.SQL("count(*) filter (where {})").format(sql.SQL(broken)) for _, broken in found)
    row = pg.one(landing.hub, sql.SQL("select {} from {}").format(counts, landing.name("_ok")))
    return {rule: int(n) for (rule, _), n in zip(found, row, strict=True) if n}
