"""Rows that break one rule each, so that a test knows what a check must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sandbox import identity
from sandbox.sources import SourceRule, SourceTable

Row = dict[str, Any]
_CONTROL = "\x07"
_NOWHERE, _ENDED = "130899001000", "130823001000"
# What no first delivery can show: a unit slip needs a previous version.
NEEDS_HISTORY = frozenset({"unit_slip"})


@dataclass(frozen=True, slots=True)
class Bad:
    """A row and the rule it breaks first; `rule` of severity warn or repair lets the row pass."""

    rule: str
    severity: str
    row: Row


def awake(table: SourceTable) -> list[SourceRule]:
    """Return the rules that a first delivery of a source table can break, in judging order."""
    found = [
        SourceRule(f"{c.name}.{kind}", kind, {"field": c.name}, "error")
        for c in table.columns
        for kind, possible in (("required", c.required and c.name not in (*table.key, table.cursor)), ("length", c.minimum))
        if possible
    ]
    found += [r for r in table.rules if not r.sleeps and r.check not in NEEDS_HISTORY]
    if table.dataset.startswith("legal."):
        found.append(SourceRule("LE-03", "lower", {"field": "uscc"}, "repair"))
    return found


def rows(table: SourceTable, good: Iterator[Row], victims: Iterator[Row], each: int, key: bytes) -> Iterator[Bad]:
    """Yield `each` bad rows per rule, made from fresh good rows; a rule about two rows takes its other one from `victims`."""
    for rule in awake(table):
        for _ in range(each):
            row = dict(next(good))
            if rule.check in _PAIRS:
                _PAIRS[rule.check](row, rule, next(victims))
            else:
                _BREAK.get(f"{rule.id}@{table.dataset}", _BREAK.get(rule.id, _BREAK.get(rule.check, _unknown)))(row, rule)
            if rule.check == "clean":
                row[_free(table)] = _CONTROL
            if rule.id == "PE-06":  # the hash must fit the new number
                row["cert_key"] = identity.keyed_hash(row["citizen_id"], key)
            yield Bad(rule.id, rule.severity, row)


def _free(table: SourceTable) -> str:
    """Return an optional text column that no rule mentions."""
    used = {str(v) for r in table.rules for a in r.args.values() for v in (a if isinstance(a, list) else [a])}
    free = [c.name for c in table.columns if c.text and not c.minimum and c.name not in {*used, *table.key}]
    return free[-1]


def _unknown(_: Row, rule: SourceRule) -> None:
    raise LookupError(f"the sandbox does not know how to break {rule.id} ({rule.check})")


def _set(value: Any) -> Callable[[Row, SourceRule], None]:
    def change(row: Row, rule: SourceRule) -> None:
        row[rule.args["field"]] = value

    return change


def _edit(edit: Callable[[str], str]) -> Callable[[Row, SourceRule], None]:
    def change(row: Row, rule: SourceRule) -> None:
        row[rule.args["field"]] = edit(str(row.get(rule.args["field"]) or "1"))

    return change


def _length(row: Row, rule: SourceRule) -> None:
    """Cut to 15 characters, as old citizen numbers are, or further."""
    field = rule.args["field"]
    value = str(row.get(field) or "1")
    row[field] = value[:15] if len(value) > 15 else value[:-1] or "1"


def _order(row: Row, rule: SourceRule) -> None:
    first, second = rule.args["fields"][:2]
    row[first] = row.get(first) or "2020-01-02"
    row[second] = date.fromisoformat(str(row[first])[:10]) - timedelta(1)


def _future(row: Row, rule: SourceRule) -> None:
    row[rule.args["field"]] = "2099-01-01"
    if "promise_date" in row:
        row["promise_date"] = None


def _without(row: Row, rule: SourceRule) -> None:
    """Make the condition true and take away what it demands."""
    row[rule.args["when"]["field"]] = rule.args["when"]["in"][0]
    demanded = rule.args["present"]
    for field in [demanded] if isinstance(demanded, str) else demanded:
        row[field] = None


def _identified(row: Row, rule: SourceRule) -> None:
    row[rule.args["type"]] = "111"
    row[rule.args["value"]] = _other_last(identity.citizen_number("130802", date(1990, 1, 1), 1))


def _other_last(value: str) -> str:
    return value[:-1] + ("1" if value[-1] != "1" else "2")


def _other_region(number: str) -> str:
    first = "139999" + number[6:17]
    return first + identity.check_digit(identity.weigh(first))


def _inner_code(code: str) -> str:
    return identity.uscc(code[:2], code[2:8], identity.wrong_organisation_code(code[8:17]))


def _orphan(row: Row, _: SourceRule) -> None:
    """A division of a county that never was."""
    row["code"] = "130899" + row["code"][6:]
    row["parent"] = "130899000000"


def _birth(row: Row, rule: SourceRule) -> None:
    field = rule.args["date"]
    row[field] = date.fromisoformat(row[field]) - timedelta(1)


def _sex(row: Row, rule: SourceRule) -> None:
    row[rule.args["sex"]] = "2" if row[rule.args["sex"]] == "1" else "1"


def _put(field: str, value: str) -> Callable[[Row, SourceRule], None]:
    def change(row: Row, _: SourceRule) -> None:
        row[field] = value

    return change


def _same_values(row: Row, rule: SourceRule, victim: Row) -> None:
    for field in rule.args["fields"]:
        row[field] = victim[field]


def _same_time(row: Row, rule: SourceRule, victim: Row) -> None:
    """Claim the victim's key for a time that begins before the victim's ends."""
    for field in (*rule.args["keys"], rule.args["to"]):
        row[field] = victim[field]
    begins = victim[rule.args["from"]]
    row[rule.args["from"]] = date.fromisoformat(begins) + timedelta(3_650) if isinstance(begins, str) else begins
    if "parent" in victim:
        row |= {field: victim[field] for field in ("parent", "level", "kind", "name")}


_PAIRS = {"unique": _same_values, "no_overlap": _same_time}
# By rule at a data set, by rule, by check: the first that is there breaks the row.
_BREAK: dict[str, Callable[[Row, SourceRule], None]] = {
    "required": _set(None),
    "length": _length,
    "clean": lambda _, __: None,
    "values": _set("Z"),
    "id18": _edit(_other_last),
    "uscc": _edit(_other_last),
    "org9": _edit(_inner_code),
    "lower": _edit(str.lower),
    "prefix": _edit(lambda code: identity.uscc("93", code[2:8], code[8:17])),
    "division12": _set("13080200100X"),
    "division6": _set("13080X"),
    "date8": _set("20260230"),
    "birth_matches": _birth,
    "sex_matches": _sex,
    "order": _order,
    "not_future": _future,
    "when": _without,
    "iff": _without,
    "text": _set("补正"),
    "identified": _identified,
    "level_zeros": _put("level", "3"),
    "parent_prefix": _put("parent", "130900000000"),
    "parent_exists": _orphan,
    "range": _set("-1"),
    "not_literal": _set("NULL"),
    "joined": _edit(lambda name: name + "（临）"),
    "parts_unique": _set("老地名#老地名"),
    "code_on": _set(_NOWHERE),
    "exists": _edit(lambda number: "9999" + number[4:]),
    "keyed_hash": _set("0" * 64),
    "PE-06": _edit(_other_region),
    "PE-07": _set(_ENDED),
    "AD-03b": _set("40.9746000"),
    "code-format": _edit(lambda code: code[:11] + "X"),
    "crs-code": _set("EPSG:4326"),
}
