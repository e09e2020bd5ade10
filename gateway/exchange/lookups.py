"""Rules that look elsewhere: set-based SQL between landing and merging.

Each check of this vocabulary is a function that returns the conditions under which a landed row `_r_` is broken; they
are applied one by one, for a join can serve a single `exists` but not two of them behind an `or`. The
rows of an `error` rule move to `_off` with the rule's id; those of a `warn` rule are counted. A rule that `needs` a
data set which no route brings into the hub sleeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from psycopg2 import sql

from gateway import pg
from gateway.exchange import checks_values, claims, rules, sequence
from gateway.exchange import hub as hub_tables
from gateway.exchange.areas import area_changed, inside
from gateway.exchange.earlier import unchanged, unit_slip
from gateway.exchange.groups import no_rise, sum_within
from gateway.exchange.landing import Landing
from gateway.exchange.limits import day, same, within_limit, workdays
from gateway.model import Catalog, Dataset, Rule
from gateway.security.crypto import Keys

_SLICE = 5000
Condition = Callable[[Landing, Mapping[str, Any], Mapping[str, Dataset]], "list[sql.Composable]"]


def apply(landing: Landing, catalog: Catalog, keys: Keys) -> dict[str, int]:
    """Judge the rows of `_ok` by every awake set rule; return the counts of `warn` rules that found something."""
    warnings: dict[str, int] = {}
    if _shared(landing.dataset, catalog):
        _refuse(landing, claims.CLAIMED, claims.claimed(landing), None)
    awake, _ = rules.set_rules(landing.dataset, _connected(catalog))
    for rule in sorted(awake, key=lambda r: r.check == sequence.CHECK):  # last: a row that stays out leaves a gap
        if rule.check == "keyed_hash":
            _keyed_hash(landing, rule, keys)
            continue
        for broken in CONDITIONS[rule.check](landing, rule.args, catalog.datasets):
            if rule.severity == "error":
                _refuse(landing, rule.id, broken, _wait(rule))
            elif found := _count(landing, broken):
                warnings[rule.id] = warnings.get(rule.id, 0) + found
        if rule.check == "code_on" and (lenient := _lenient_codes(landing, rule)):
            warnings[f"{rule.id}.kind"] = lenient
    return warnings


def needed(dataset: Dataset, catalog: Catalog) -> bool:
    """Tell whether `apply` has anything to join."""
    return _shared(dataset, catalog) or bool(rules.set_rules(dataset, _connected(catalog))[0])


def code_on(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a code (its first `digits` characters) is not valid on the record's own date."""
    return [
        sql.SQL("_r_.{} is not null and not exists ({})").format(sql.Identifier(args["field"]), _code(landing, args))
    ]


def exists(landing: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when what a row refers to is not in the hub; `when` and `where` narrow the rows here and there.

    Of a field under `digits` only so many characters are compared.
    """
    other, pairs = datasets[args["in"]], zip(args["fields"], args.get("there", args["fields"]), strict=True)
    matching: list[sql.Composable] = [
        sql.SQL("{} = {}").format(
            _beginning(sql.Identifier("h", there), args, here), _beginning(sql.Identifier("_r_", here), args, here)
        )
        for here, there in pairs
    ]
    if where := args.get("where"):
        matching.append(sql.SQL(checks_values.condition(other, where, "h")))
    absent = sql.SQL("not exists (select from {} h where {})").format(
        hub_tables.table(other), sql.SQL(" and ").join(matching)
    )
    when = args.get("when")
    return [
        absent
        if when is None
        else sql.SQL(checks_values.condition(landing.dataset, when, "_r_")) + sql.SQL(" and ") + absent
    ]


def not_before(_: Landing, args: Mapping[str, Any], datasets: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when a time of a row lies before the time of what it refers to."""
    earlier = sql.SQL("exists (select from {} h where {} and h.{} > _r_.{})").format(
        hub_tables.table(datasets[args["in"]]), same(args["fields"]),
        sql.Identifier(args["than"]), sql.Identifier(args["field"]),
    )  # fmt: skip
    return [earlier]


def unique(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when another row, in the hub or earlier in this batch, has the same values in these fields."""
    return _other_row(landing, same(args["fields"]))


def no_overlap(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when the interval [from, to) of a row meets that of another row with the same keys; an open end never ends."""
    overlap = sql.SQL(
        "h.{low} < coalesce(_r_.{high}, 'infinity') and _r_.{low} < coalesce(h.{high}, 'infinity')"
    ).format(low=sql.Identifier(args["from"]), high=sql.Identifier(args["to"]))
    return _other_row(landing, sql.SQL("{} and {}").format(same(args["keys"]), overlap))


def parent_exists(landing: Landing, args: Mapping[str, Any], _: Mapping[str, Dataset]) -> list[sql.Composable]:
    """Break when the parent code is not there, in the hub or in this batch; with `from` and `to`, on the row's first day."""
    names = {k: sql.Identifier(args[k]) for k in ("code", "parent", "from", "to") if k in args}
    lookup = "select from {table} h where h.{code} = _r_.{parent}"
    if "from" in args:
        lookup += " and h.{from} <= _r_.{from} and coalesce(h.{to}, 'infinity') >= _r_.{from}"
    absent = sql.SQL(" and ").join(
        sql.SQL("not exists ({})").format(sql.SQL(lookup).format(table=table, **names))
        for table in (landing.name("_ok"), hub_tables.table(landing.dataset))
    )
    return [sql.SQL("_r_.{} is not null and {}").format(names["parent"], absent)]


CONDITIONS: Mapping[str, Condition] = {
    "code_on": code_on,
    "exists": exists,
    "not_before": not_before,
    "unique": unique,
    "no_overlap": no_overlap,
    "parent_exists": parent_exists,
    "unit_slip": unit_slip,
    "unchanged": unchanged,
    "sum_within": sum_within,
    "no_rise": no_rise,
    "area_changed": area_changed,
    "inside": inside,
    "workdays": workdays,
    "within_limit": within_limit,
    sequence.CHECK: sequence.too_early,
}


def _refuse(landing: Landing, rule: str, broken: sql.Composable, wait: sql.Composable | None) -> None:
    removed = sql.SQL("delete from {} _r_ where {} returning {}").format(
        landing.name("_ok"), broken, pg.names(landing.dataset.columns, "_r_")
    )
    landing.move(rule, removed, wait)


def _count(landing: Landing, broken: sql.Composable) -> int:
    return int(
        pg.one(landing.hub, sql.SQL("select count(*) from {} _r_ where {}").format(landing.name("_ok"), broken))[0]
    )


def _beginning(column: sql.Composable, args: Mapping[str, Any], field: str) -> sql.Composable:
    digits = args.get("digits", {}).get(field)
    return column if digits is None else sql.SQL("left({}, {})").format(column, sql.Literal(digits))


def _wait(rule: Rule) -> sql.Composable | None:
    """Return until when a row may wait for what it refers to, or None when it is rejected at once."""
    hours = rule.args.get("wait_hours")
    return (
        None if hours is None else sql.SQL("clock_timestamp() + make_interval(hours => {})").format(sql.Literal(hours))
    )


def _code(landing: Landing, args: Mapping[str, Any]) -> sql.Composed:
    digits = args.get("digits")
    field = sql.SQL("_r_.{}").format(sql.Identifier(args["field"]))
    code = sql.SQL("left({}, {})").format(field, sql.Literal(digits)) if digits else field
    return sql.SQL(
        "select from gateway.code c where c.list = {list} and c.code = {code} "
        "and c.valid_from <= {day} and coalesce(c.valid_to, 'infinity') >= {day} and c.kind <> all({refused}::text[])"
    ).format(
        list=sql.Literal(args["list"]), code=code, day=day(landing.dataset, args["on"]),
        refused=sql.Literal(list(args.get("kinds_refused", ()))),
    )  # fmt: skip


def _lenient_codes(landing: Landing, rule: Rule) -> int:
    """Count rows whose code passes but is of a kind that is only tolerated (people live in functional zones)."""
    kinds = rule.args.get("kinds_warn")
    if not kinds:
        return 0
    tolerated = _code(landing, rule.args) + sql.SQL(" and c.kind = any({})").format(sql.Literal(list(kinds)))
    return _count(landing, sql.SQL("exists ({})").format(tolerated))


def _other_row(landing: Landing, condition: sql.Composable) -> list[sql.Composable]:
    """Return: another row of the hub meets `condition` (h against _r_); an earlier one of this batch does."""
    other_key = sql.SQL("({}) <> ({})").format(pg.names(landing.dataset.key, "h"), pg.names(landing.dataset.key, "_r_"))
    replaced = sql.SQL("not exists (select from {} n where {})").format(
        landing.name("_ok"),
        sql.SQL(" and ").join(sql.SQL("n.{0} = h.{0}").format(sql.Identifier(k)) for k in landing.dataset.key),
    )
    in_hub = sql.SQL("exists (select from {} h where {} and {} and {})").format(
        hub_tables.table(landing.dataset), condition, other_key, replaced
    )
    in_batch = sql.SQL("exists (select from {} h where {} and {} and h.ctid < _r_.ctid)").format(
        landing.name("_ok"), condition, other_key
    )
    return [in_hub, in_batch]


def _connected(catalog: Catalog) -> set[str]:
    """Return the data sets that a route brings into the hub."""
    return {route.dataset.name for route in catalog.routes.values() if not route.outbound}


def _shared(dataset: Dataset, catalog: Catalog) -> bool:
    """Tell whether more than one platform feeds the data set."""
    return (
        len({r.peer.platform for r in catalog.routes.values() if r.dataset.name == dataset.name and not r.outbound}) > 1
    )


def _keyed_hash(landing: Landing, rule: Rule, keys: Keys) -> None:
    """Compare a keyed hash row by row in Python: its key must never reach SQL. Streams two columns, bounded memory."""
    of, field = sql.Identifier(rule.args["of"]), sql.Identifier(rule.args["field"])
    query = sql.SQL("select ctid::text, {}, {} from {}").format(of, field, landing.name("_ok"))
    wrong: list[str] = []
    with landing.hub.cursor("keyed", withhold=True) as cursor:
        cursor.itersize = _SLICE
        cursor.execute(query)
        for place, value, found in cursor:
            if value is not None and found is not None and keys.keyed_hash(value) != found:
                wrong.append(place)
    removed = sql.SQL("delete from {} _r_ where _r_.ctid = any({}::tid[]) returning {}").format(
        landing.name("_ok"), sql.Literal(wrong), pg.names(landing.dataset.columns, "_r_")
    )
    if wrong:
        landing.move(rule.id, removed)
