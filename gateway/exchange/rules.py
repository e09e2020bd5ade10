"""Compiles a contract's row-local rules: to an immutable SQL function, to a JSON Schema, and to a judge in Python.

Judging order: for each field in order whether it is there, its length, range and pattern; then the contract's rules in
their order. The first `error` rule that a row breaks names it. Every form is made from one list, so they agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import jsonschema
import jsonschema_rs

from gateway.errors import ContractInvalid
from gateway.exchange import sending
from gateway.exchange.checks import CHECKS
from gateway.exchange.values import stored
from gateway.model import Dataset, Field, Rule

# The checks that look elsewhere (gateway.exchange.lookups), and the arguments they cannot do without.
SET_CHECKS: Mapping[str, tuple[str, ...]] = {
    "code_on": ("field", "list", "on"),
    "exists": ("fields", "in"),
    "not_before": ("field", "in", "fields", "than"),
    "unique": ("fields",),
    "no_overlap": ("keys", "from", "to"),
    "parent_exists": ("code", "parent"),
    "unit_slip": ("field", "factor"),
    "unchanged": ("field",),
    "sum_within": ("field", "fields", "in", "limit"),
    "no_rise": ("field", "grades", "keys", "version", "unless"),
    "area_changed": ("field", "percent"),
    "inside": ("lon", "lat", "code", "digits", "in", "prefix", "geometry", "metres"),
    "workdays": ("from", "to", "limit"),
    "within_limit": ("to", "begun", "limit", "paused"),
    "keyed_hash": ("field", "of"),
    "in_sequence": ("keys", "field"),
}
_IMPLICIT = {
    "required": ("{0}不能为空", "{1} is required"),
    "length": ("{0}长度不符", "{1} is too long or too short"),
    "range": ("{0}超出取值范围", "{1} is out of range"),
    "pattern": ("{0}格式不符", "{1} does not have the required form"),
    "type": ("{0}类型不符", "{1} is not of the declared type"),
}
# What a connector finds wrong with a record before the contract sees it.
FAULTS = {
    "file.cells": ("文件中该行的列数与表头不符", "the row of the file has other cells than its header"),
    "file.number": (
        "表格单元格是错误值，或数字超过15位而已失真",
        "a cell of the sheet holds an error, or a number beyond the 15 digits that a sheet keeps",
    ),
    "file.operation": ("增量文件的操作代码不是 I、U、D", "the operation of a row of a delta file is none of I, U, D"),
    "json.duplicate_key": ("JSON 记录中同一名称出现两次", "a name stands twice in the JSON record"),
    "json.number": ("JSON 记录含有 NaN 或 Infinity", "the JSON record holds NaN or Infinity"),
    "json.type": ("JSON 记录不是对象", "the JSON record is no object"),
    "xml.repeated": ("XML 记录中同一元素出现多次", "an element stands more than once in the XML record"),
    "xml.type": (
        "XML 记录的元素结构与声明不符",
        "an element of the XML record holds elements where text is declared, or the reverse",
    ),
    "geo.shape": ("几何对象的结构不符", "the geometry is not built as its type demands"),
    "geo.crossing": ("面的边界自相交或环的位置不符", "rings of the area cross, or do not lie within each other"),
    "geo.crs": ("几何对象的坐标系与声明不符", "the geometry is not in the declared reference system, or names none"),
}


def row_rules(dataset: Dataset, severity: str = "error") -> tuple[Rule, ...]:
    """Return the row-local rules of a severity in judging order."""
    implicit = [rule for field in dataset.fields for rule in _implicit(field)] if severity == "error" else []
    severities = {severity, "repair"} if severity == "warn" else {severity}
    declared = [r for r in dataset.rules if r.check not in SET_CHECKS and r.severity in severities]
    return (*implicit, *declared)


def set_rules(dataset: Dataset, datasets: set[str]) -> tuple[list[Rule], list[Rule]]:
    """Return the set rules that are awake and those that sleep until the data set they need is among `datasets`."""
    found = [r for r in dataset.rules if r.check in SET_CHECKS]
    awake = [r for r in found if r.needs is None or r.needs in datasets]
    return awake, [r for r in found if r not in awake]


def refuse_broken_rules(dataset: Dataset, *, leaving: bool = False) -> None:
    """Raise ContractInvalid naming the first rule that is not a check of the vocabulary with its arguments.

    Of rows that are `leaving` the checks of the clock may ask, too.
    """
    for rule in dataset.rules:
        _refuse_unknown(dataset, rule, sending.NEEDS if leaving else {})


def reason_function(dataset: Dataset, today: date) -> tuple[str, str]:
    """Return name and DDL of the function that names the first rule a row breaks.

    The name carries a hash of the rules, and the day when a rule depends on it: a function that a landing table uses
    is never replaced.
    """
    branches = "\n       ".join(
        f"when {CHECKS[r.check].sql(dataset, r.args, today)} then '{_quoted(r.id)}'" for r in row_rules(dataset)
    )
    body = f"select case {branches} end" if branches else "select null::text"
    parameters = ", ".join(f'"{f.name}" {f.hub_type}' for f in dataset.fields)
    digest = hashlib.sha256((parameters + body).encode()).hexdigest()[:8]
    name = f"reason_{dataset.hub_name}_{digest}"
    ddl = (
        f'create function gateway."{name}"({parameters}) returns text language sql immutable parallel safe as\n'
        f"$reason$ {body} $reason$"
    )
    return name, ddl


def assert_inlined(cursor: Any, dataset: Dataset, function: str) -> None:
    """Raise ContractInvalid when the planner calls the function instead of inlining it: that costs four times."""
    arguments = ", ".join(f"null::{f.hub_type}" for f in dataset.fields)
    names = ", ".join(f'"{f.name}"' for f in dataset.fields)
    shape = ", ".join(f"{a} as {n}" for a, n in zip(arguments.split(", "), names.split(", "), strict=True))
    cursor.execute(f'explain verbose select gateway."{function}"({names}) from (select {shape} offset 0) x')
    plan = "\n".join(row[0] for row in cursor.fetchall())
    if function in plan:
        raise ContractInvalid(
            f"contract {dataset.name}: the reason function is not inlined",
            "A check of the vocabulary is not immutable.",
        )


def warnings_sql(dataset: Dataset, today: date) -> list[tuple[str, str]]:
    """Return (rule id, SQL that is true when broken) for every row-local rule that only warns."""
    return [(r.id, CHECKS[r.check].sql(dataset, r.args, today)) for r in row_rules(dataset, "warn")]


def first_reason(dataset: Dataset, record: Mapping[str, Any], today: date) -> str | None:
    """Return the first rule that a record of native values breaks: what the SQL function returns for the same row."""
    return _first(row_rules(dataset), record, today)


def judge(dataset: Dataset, today: date) -> Callable[[Mapping[str, Any]], str | None]:
    """Return a function from a JSON record to the first rule it breaks; a value of the wrong type breaks `f.type`."""
    by_name, ordered = {f.name: f for f in dataset.fields}, row_rules(dataset)

    def judged_by(record: Mapping[str, Any]) -> str | None:
        values = {}
        for name, value in record.items():
            if name not in by_name:
                continue
            try:
                values[name] = stored(by_name[name], value)
            except ValueError:
                return f"{name}.type"
        return _first(ordered, values, today)

    return judged_by


def describe(dataset: Dataset, rule_id: str) -> tuple[str, str]:
    """Return why a rule rejects, in Chinese and English."""
    if rule_id in FAULTS:
        return FAULTS[rule_id]
    for rule in dataset.rules:
        if rule.id == rule_id:
            return rule.chinese or rule.id, rule.english or rule.id
    name, _, kind = rule_id.rpartition(".")
    if kind == "kind" and name:
        chinese, english = describe(dataset, name)
        return f"{chinese}：代码属于只作提示的类别", f"{english}: the code is of a kind that is only tolerated"
    if kind in _IMPLICIT and name in dataset.columns:
        chinese, english = _IMPLICIT[kind]
        return chinese.format(dataset.field(name).chinese or name), english.format(name, name)
    return rule_id, rule_id


@dataclass(frozen=True)
class Validator:
    """A contract as JSON Schema: a fast verdict for every record, words for the bad ones only."""

    schema: Mapping[str, Any]
    _fast: Any
    _worded: Any

    def verdict(self, record: Mapping[str, Any]) -> bool:
        """Tell whether a record of JSON values keeps every error rule."""
        return bool(self._fast.is_valid(dict(record)))

    def errors(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Yield what is wrong with a record in words that hold none of its values."""
        worded = [_words(e) for e in self._worded.iter_errors(dict(record))]
        yield from worded or ("the record breaks a rule of the contract" for _ in self._fast.iter_errors(dict(record)))


def json_schema(dataset: Dataset) -> dict[str, Any]:
    """Return the contract as JSON Schema 2020-12; rules beyond its vocabulary are the keyword `gatewayRules`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{dataset.name} {dataset.version}",
        "type": "object",
        "properties": {f.name: _json_type(f) for f in dataset.fields},
        "required": [f.name for f in dataset.fields if f.required],
        "additionalProperties": False,
        "gatewayRules": [r.id for r in row_rules(dataset) if r.check not in {"required", "length"}],
    }


def validator(dataset: Dataset, today: date) -> Validator:
    """Compile the JSON Schema for records as they arrive in JSON (dates and times as text, numbers as numbers)."""
    schema = json_schema(dataset)
    first = judge(dataset, today)

    def keyword(_: Any, __: Any, instance: Any, ___: Any) -> Iterator[jsonschema.ValidationError]:
        broken = first(instance) if isinstance(instance, dict) else None
        if broken:
            yield jsonschema.ValidationError(describe(dataset, broken)[1])

    class Keyword:
        """The same keyword for the fast validator."""

        def __init__(self, parent: Any, value: Any, path: Any) -> None:
            pass

        def validate(self, instance: Any) -> None:
            broken = first(instance) if isinstance(instance, dict) else None
            if broken:
                raise ValueError(describe(dataset, broken)[1])

    worded = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
        jsonschema.Draft202012Validator, {"gatewayRules": keyword}
    )
    fast = jsonschema_rs.Draft202012Validator(schema, keywords={"gatewayRules": Keyword})
    return Validator(schema, fast, worded(schema))


def _words(error: jsonschema.ValidationError) -> str:
    """Word an error of the standard vocabulary by field and demand: its own message would quote the value."""
    if error.validator == "gatewayRules":
        return str(error.message)
    where = ".".join(map(str, error.absolute_path))
    if error.validator in {"required", "additionalProperties"}:
        return str(error.message)  # names fields only
    return f"{where}: must have {error.validator} {error.validator_value}"


def _first(judged: tuple[Rule, ...], record: Mapping[str, Any], today: date) -> str | None:
    return next((r.id for r in judged if CHECKS[r.check].broken(record, r.args, today)), None)


def _implicit(field: Field) -> Iterator[Rule]:
    def rule(kind: str, check: str, **args: Any) -> Rule:
        return Rule(f"{field.name}.{kind}", check, {"field": field.name, **args}, fields=(field.name,))

    limits = field.limits
    if field.required:
        yield rule("required", "required")
    if field.hub_type == "text" and (limits.get("maxLength") or limits.get("minLength")):
        yield rule("length", "length", min=limits.get("minLength"), max=limits.get("maxLength"))
    if limits.get("minimum") is not None or limits.get("maximum") is not None:
        yield rule("range", "range", min=limits.get("minimum"), max=limits.get("maximum"))
    if limits.get("pattern"):
        yield rule("pattern", "pattern", pattern=limits["pattern"])


def _refuse_unknown(dataset: Dataset, rule: Rule, more: Mapping[str, tuple[str, ...]]) -> None:
    where = f"contract {dataset.name}: rule {rule.id}"
    known = {**{name: check.needs for name, check in CHECKS.items()}, **SET_CHECKS, **more}
    needs = known.get(rule.check)
    if needs is None and rule.check in sending.NEEDS:
        hint = "Write it under preflight of the route that delivers the data set."
        raise ContractInvalid(f"{where}: check {rule.check} is about rows that are about to leave", hint)
    if needs is None:
        names = ", ".join(sorted(known))
        raise ContractInvalid(f"{where}: there is no check {rule.check}", f"Use one of: {names}.")
    lacking = [name for name in needs if name not in rule.args]
    if lacking:
        quote = ' YAML reads a bare on as true: write "on" in quotes.' if "True" in rule.args else ""
        hint = f"Add it under implementation.{quote}"
        raise ContractInvalid(f"{where}: check {rule.check} needs {', '.join(lacking)}", hint)
    unknown = [name for name in rule.fields if name not in dataset.columns]
    if unknown:
        raise ContractInvalid(
            f"{where}: there is no field {', '.join(unknown)}", "Use the names of the contract's fields."
        )


def _json_type(field: Field) -> dict[str, Any]:
    kind = field.hub_type
    if kind == "jsonb":
        return {}
    names = {"smallint": "integer", "integer": "integer", "bigint": "integer", "boolean": "boolean"}
    listed = ["number", "string"] if kind.startswith("numeric") else [names.get(kind, "string")]
    found: dict[str, Any] = {"type": listed if field.required else [*listed, "null"]}
    if kind == "text" and not field.repairs:  # a repair comes before the length is judged
        found |= {k: field.limits[k] for k in ("minLength", "maxLength") if field.limits.get(k)}
    return found


def _quoted(text: str) -> str:
    return text.replace("'", "''")
