"""Reads a contract in Open Data Contract Standard v3.1 into a data set.

The standard's own model checks the document; what the gateway needs beyond it stands in custom properties named
`gateway…` and in quality rules of engine `exchange-gateway`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import ValidationError

from gateway import yamlfile
from gateway.errors import ContractInvalid
from gateway.exchange.patterns import is_supported
from gateway.exchange.rules import SET_CHECKS, refuse_broken_rules
from gateway.exchange.sending import refuse_timeless
from gateway.model import Dataset, DeleteLimit, Field, Rule
from gateway.yamlfile import Located

ENGINE = "exchange-gateway"
_TYPE = re.compile(
    r"(varchar|char)\(\d{1,5}\)|text|smallint|integer|bigint|numeric\(\d{1,3},\d{1,3}\)|date|boolean|jsonb"
    r"|timestamp(tz)?(\([0-6]\))?"
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MOST_FIELDS = 100  # what a function of PostgreSQL takes
_LONGEST_KEY = 600  # characters of up to four bytes; an index entry holds 2,704 bytes
_LONGEST_NAME = 40  # leaves room for the suffixes of partitions and landing tables
_REPAIRS = {"trim", "upper", "open_end", "nullify"}
_CLASSES = {"L1", "L2", "L3", "L4"}
_FIELD_ARGUMENTS = (
    *("field", "fields", "id", "date", "sex", "code", "parent", "from", "to", "value", "type", "parts", "other", "differs_from"),
    *("present", "absent", "keys", "of", "level", "when_more", "lon", "lat", "version", "unless"),
)  # fmt: skip


def load(path: Path) -> Dataset:
    """Return the data set of a contract file.

    CatalogInvalid names file, line, field and what to write; ContractInvalid names a rule that cannot be compiled.
    """
    return replace(_read(path.name, path.read_bytes()), path=path)


@lru_cache(256)
def _read(name: str, raw: bytes) -> Dataset:
    """Return the data set that a contract holds: reading them again is most of what loading a catalog costs."""
    document = yamlfile.document(Path(name), raw)
    _check_standard(document)
    tables = document.get("schema", [])
    if len(tables) != 1:
        raise document.fault("schema", "a contract holds exactly one table", "Write one entry under schema.")
    table = tables[0]
    fields = tuple(_field(document, p) for p in table.get("properties", []))
    _refuse_doubles(document, [f.name for f in fields], "field")
    custom = _custom(document.data)
    dataset = Dataset(
        name=document.require("name"), chinese=table.get("businessName", ""), version=str(document.require("version")),
        table=table.get("physicalName", table["name"]), fields=fields, key=_key(document, table),
        rules=tuple(_rules(document, table, fields, custom)), owner=str(custom.get("gatewayOwner", "")),
        cursor=custom.get("gatewayCursor"), lag_seconds=_lag(document, custom.get("gatewayLag", 300)),
        ignored=tuple(custom.get("gatewayIgnored", ())), delete_limit=DeleteLimit(**custom.get("gatewayDeleteLimit", {})),
        starts_empty=custom.get("gatewayStartsEmpty") is True,
    )  # fmt: skip
    _cross_check(document, dataset)
    refuse_broken_rules(dataset)
    return dataset


def _check_standard(document: Located) -> None:
    # The import costs 60 ms: only who loads contracts pays it.
    from open_data_contract_standard.model import OpenDataContractStandard  # noqa: PLC0415

    try:
        OpenDataContractStandard.model_validate(document.data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise document.fault(where, f"the standard does not allow this: {first['msg']}", "See ODCS v3.1.") from error
    if document.get("apiVersion") not in {"v3.1.0", "v3.0.2"}:
        raise document.fault("apiVersion", "unknown version of the standard", "Write apiVersion: v3.1.0.")


def _field(document: Located, entry: Mapping[str, Any]) -> Field:
    name, options, custom = str(entry.get("name")), entry.get("logicalTypeOptions") or {}, _custom(entry)
    where = f"schema.properties.{name}"
    kind = str(entry.get("physicalType"))
    if not _NAME.fullmatch(name) or name.startswith("gw_"):
        raise document.fault(where, f"{name!r} cannot be a field's name", "Use a-z, 0-9 and _, at most 63; not gw_….")
    if not _TYPE.fullmatch(kind):
        raise document.fault(
            where, f"physicalType {kind} is not known", "Use varchar(n), integer, numeric(p,s), date, …."
        )
    if entry.get("classification") not in _CLASSES:
        raise document.fault(where, "the field has no classification", "Write classification: L1, L2, L3 or L4.")
    repairs = tuple(custom.get("gatewayRepair", ()))
    if not set(repairs) <= _REPAIRS:
        raise document.fault(where, f"unknown repair in {list(repairs)}", f"Use {', '.join(sorted(_REPAIRS))}.")
    if "pattern" in options and not is_supported(str(options["pattern"])):
        hint = "Anchor it with ^ and $; use classes such as [0-9], counts, groups and |; no \\d, no look-around."
        raise document.fault(where, f"pattern {options['pattern']} is not supported", hint)
    limits = {k: options[k] for k in ("minLength", "maxLength", "minimum", "maximum", "pattern") if k in options}
    if (sized := re.fullmatch(r"(?:var)?char\((\d+)\)", kind)) and "maxLength" not in limits:
        limits["maxLength"] = int(sized.group(1))
    naive = re.match(r"timestamp(\(|$)", kind) is not None
    if naive and not options.get("defaultTimezone"):
        hint = "Write logicalTypeOptions: {timezone: false, defaultTimezone: Asia/Shanghai}."
        raise document.fault(where, "a time without zone does not say where it is read", hint)
    if naive and _changes_its_clock(str(options["defaultTimezone"])):
        hint = "Use a zone of one offset: with summer time an hour comes twice and a window cannot tell which."
        raise document.fault(where, f"{options['defaultTimezone']} is no zone of one offset", hint)
    bounds = [options[k] for k in ("minimum", "maximum") if k in options]
    if any(isinstance(b, bool) or not isinstance(b, int | float) for b in bounds) or (bounds and not _is_number(kind)):
        raise document.fault(where, "minimum and maximum are for numbers", "Use a rule such as order or not_future.")
    return Field(
        name=name, type=kind, chinese=entry.get("businessName", ""),
        required=bool(entry.get("required") or entry.get("primaryKey")),
        classification=entry["classification"], zone=options["defaultTimezone"] if naive else None, limits=limits, repairs=repairs,
    )  # fmt: skip


def _changes_its_clock(zone: str) -> bool:
    """Tell whether a zone is unknown or has summer time now."""
    try:
        known = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return True
    return len({datetime(2026, month, 1, tzinfo=known).utcoffset() for month in range(1, 13)}) > 1


def _is_number(kind: str) -> bool:
    return kind in {"smallint", "integer", "bigint"} or kind.startswith("numeric")


def preflight_rule(entry: Mapping[str, Any], dataset: Dataset) -> Rule:
    """Return one of a target's own rules on a data set; ContractInvalid when it is no check of a row alone."""
    args = {str(k): v for k, v in entry["implementation"].items() if k != "check"}
    check = str(entry["implementation"]["check"])
    if check in SET_CHECKS:
        hint = "Write a check of the row alone; what looks elsewhere belongs into the contract."
        raise ContractInvalid(f"rule {entry['id']}: check {check} looks at more than the row", hint)
    rule = Rule(entry["id"], check, args, "error", entry["description"], entry["english"], None, _fields_of(args, None))
    refuse_broken_rules(replace(dataset, rules=(rule,)), leaving=True)
    refuse_timeless(dataset, check, args)
    return rule


def _lag(document: Located, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        hint = "Write whole seconds, at least 1: stamps of one second are committed in any order."
        raise document.fault("gatewayLag", f"{value!r} is no lag", hint)
    return value


def _key(document: Located, table: Mapping[str, Any]) -> tuple[str, ...]:
    keyed = [p for p in table.get("properties", []) if p.get("primaryKey")]
    if not keyed:
        raise document.fault("schema", "the table has no key", "Mark its key with primaryKey: true.")
    return tuple(p["name"] for p in sorted(keyed, key=lambda p: p.get("primaryKeyPosition", 1)))


def _rules(
    document: Located, table: Mapping[str, Any], fields: tuple[Field, ...], custom: Mapping[str, Any]
) -> list[Rule]:
    found = [_rule(document, q, p["name"]) for p in table.get("properties", []) for q in p.get("quality", [])]
    found += [_rule(document, q, None) for q in table.get("quality", [])]
    texts = tuple(f.name for f in fields if f.hub_type == "text")
    if custom.get("gatewayText") == "strict" and texts:
        words = ("文本含有控制字符", "a text holds control characters")
        found.append(Rule("TX-01", "clean", {"fields": list(texts)}, "error", *words, fields=texts))
    _refuse_doubles(document, [r.id for r in found], "rule")
    return found


def _rule(document: Located, entry: Mapping[str, Any], field: str | None) -> Rule:
    where = f"quality.{entry.get('id')}"
    if not entry.get("id"):
        raise document.fault(where, "a rule has no id", "Give it a stable id such as PE-03.")
    if entry.get("metric") == "invalidValues":
        values = (entry.get("arguments") or {}).get("validValues") or []
        check, args = "values", {"field": field, "values": [str(v) for v in values]}
    elif entry.get("engine") == ENGINE:
        check, args = _implementation(document, where, entry.get("implementation"), field)
    else:
        raise document.fault(where, "this rule is for another engine", f"Write type: custom, engine: {ENGINE}.")
    needs = str(args.pop("needs")) if "needs" in args else None
    english = str(_custom(entry).get("gatewayEnglish", ""))
    severity = entry.get("severity", "error")
    if severity not in {"error", "warn", "repair"}:
        raise document.fault(where, f"severity {severity} is not known", "Write error, warn or repair.")
    return Rule(
        entry["id"],
        check,
        args,
        severity,
        str(entry.get("description", "")),
        english,
        needs,
        _fields_of(args, needs),
    )


def _implementation(document: Located, where: str, value: Any, field: str | None) -> tuple[str, dict[str, Any]]:
    if isinstance(value, str):
        value = yaml.safe_load(value)
    if isinstance(value, str):
        value = {"check": value}
    if not isinstance(value, dict) or "check" not in value:
        raise document.fault(
            where, "implementation names no check", "Write implementation: {check: order, fields: [a, b]}."
        )
    args = {str(k): v for k, v in value.items() if k != "check"}
    if field is not None and value["check"] in {
        "id18",
        "org9",
        "uscc",
        "division12",
        "division6",
        "date8",
        "not_literal",
    }:
        args.setdefault("field", field)
    return str(value["check"]), args


def _fields_of(args: Mapping[str, Any], needs: str | None) -> tuple[str, ...]:
    """Return the fields that the arguments name; a sleeping rule may name fields of the data set it waits for."""
    if needs is not None:
        return ()
    names: list[str] = []
    for key in _FIELD_ARGUMENTS:
        value = args.get(key)
        names += [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, str)]
    inner = [args.get("when"), args.get("in")]
    while inner:
        found = inner.pop(0)
        if isinstance(found, dict):
            names += [str(found["field"])] if "field" in found else []
            inner.append(found.get("and"))
    return tuple(dict.fromkeys(names))


def _cross_check(document: Located, dataset: Dataset) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", dataset.name) or len(dataset.hub_name) > _LONGEST_NAME:
        raise document.fault(
            "name", f"{dataset.name!r} cannot be a data set's name", "Write group.name, such as pop.person."
        )
    if dataset.cursor is not None and dataset.cursor not in dataset.columns:
        raise document.fault("gatewayCursor", f"{dataset.cursor} is not a field", "Name one of the contract's fields.")
    if dataset.cursor is not None and not dataset.field(dataset.cursor).hub_type.startswith("timestamptz"):
        hint = "Name a field of type timestamp with its zone, or leave gatewayCursor out and use mode: snapshot."
        raise document.fault("gatewayCursor", f"{dataset.cursor} is no moment in time", hint)
    if dataset.cursor is not None and not dataset.field(dataset.cursor).required:
        hint = "Mark it required: true: a window never sees a row without it."
        raise document.fault("gatewayCursor", f"{dataset.cursor} may be empty", hint)
    if len(dataset.fields) > _MOST_FIELDS:
        raise document.fault(
            "schema", f"the table has {len(dataset.fields)} fields", f"At most {_MOST_FIELDS} can be judged."
        )
    for name in dataset.key:
        longest = dataset.field(name).limits.get("maxLength")
        if dataset.field(name).hub_type == "text" and (longest is None or longest > _LONGEST_KEY):
            hint = f"Write varchar(n) or a maxLength of at most {_LONGEST_KEY}: an index holds no longer key."
            raise document.fault(f"schema.properties.{name}", "a text key needs a bound", hint)
    for rule in dataset.rules:
        unknown = [name for name in rule.fields if name not in dataset.columns]
        if unknown:
            where = f"quality.{rule.id}"
            raise document.fault(
                where, f"there is no field {', '.join(unknown)}", "Use the names of the contract's fields."
            )


def _custom(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {c["property"]: c["value"] for c in entry.get("customProperties") or []}


def _refuse_doubles(document: Located, names: list[str], kind: str) -> None:
    doubled = {n for n in names if names.count(n) > 1}
    if doubled:
        name = min(doubled)
        raise document.fault(name, f"{kind} {name} stands twice", "Every name may stand once.")
