"""A contract: a good one becomes a data set, every fault is refused with file, line, field and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import contracts
from gateway.errors import CatalogInvalid

GOOD = """\
apiVersion: v3.1.0
kind: DataContract
id: test.person
version: 1.2.0
status: active
name: test.person
schema:
  - name: person
    physicalName: dn_person
    businessName: 测试人员
    properties:
      - name: region
        physicalType: char(6)
        required: true
        primaryKey: true
        primaryKeyPosition: 2
        classification: L1
      - name: id
        physicalType: varchar(18)
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        classification: L4
        logicalTypeOptions: {maxLength: 18, pattern: "^[0-9]{17}[0-9X]$"}
        quality:
          - {id: T-01, type: custom, engine: exchange-gateway, implementation: id18, severity: error}
      - name: born
        physicalType: date
        classification: L3
        customProperties: [{property: gatewayRepair, value: [open_end]}]
      - name: money
        physicalType: numeric(24,6)
        classification: L2
        logicalTypeOptions: {minimum: 0}
      - name: updated_at
        physicalType: timestamp(0)
        required: true
        classification: L2
        logicalTypeOptions: {timezone: false, defaultTimezone: Asia/Shanghai}
    quality:
      - id: T-02
        type: custom
        engine: exchange-gateway
        severity: warn
        implementation: {check: birth_matches, id: id, date: born}
customProperties:
  - {property: gatewayOwner, value: gaj}
  - {property: gatewayCursor, value: updated_at}
  - {property: gatewayLag, value: 60}
  - {property: gatewayText, value: strict}
"""


def _load(folder: Path, text: str) -> contracts.Dataset:
    path = folder / "test.person.odcs.yaml"
    path.write_text(text, encoding="utf-8")
    return contracts.load(path)


def test_a_contract_becomes_a_data_set(tmp_path: Path) -> None:
    """Key in its declared order, types as the hub holds them, rules with their fields, the text rule last."""
    found = _load(tmp_path, GOOD)
    assert (found.name, found.version, found.table, found.owner, found.lag_seconds) == (
        "test.person",
        "1.2.0",
        "dn_person",
        "gaj",
        60,
    )
    assert found.key == ("id", "region")
    assert [f.hub_type for f in found.fields] == ["text", "text", "date", "numeric(24,6)", "timestamptz(0)"]
    assert [(r.id, r.check, r.severity, r.fields) for r in found.rules] == [
        ("T-01", "id18", "error", ("id",)),
        ("T-02", "birth_matches", "warn", ("id", "born")),
        ("TX-01", "clean", "error", ("region", "id")),
    ]
    assert found.field("region").limits == {"maxLength": 6}  # the type's own length is a limit


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("apiVersion: v3.1.0", "apiVersion: v9", "test.person.odcs.yaml:1: apiVersion: unknown version"),
        ("version: 1.2.0", "versjon: 1.2.0", "4: versjon: the standard does not allow this"),  # the standard demands it
        ("kind: DataContract", "kind: [DataContract", "test.person.odcs.yaml:3: did not find"),  # not YAML
        ("name: test.person\n", "name: Test\n", "6: name: 'Test' cannot be a data set's name"),
        ("name: test.person\n", f"name: test.{'x' * 40}\n", "cannot be a data set's name"),  # too long for its tables
        ("      - name: born", "      - name: Born", "27: schema.properties.Born: 'Born' cannot be a field's name"),
        ("      - name: born", "      - name: gw_batch", "cannot be a field's name"),  # the gateway's own prefix
        ("      - name: born", "      - name: id", "id: field id stands twice"),
        ("physicalType: date", "physicalType: datetime", "born: physicalType datetime is not known"),
        ("physicalType: date", "physicalType: date; drop table x", "is not known"),  # types go into SQL
        ("        classification: L3\n", "", "born: the field has no classification"),
        ("classification: L3", "classification: L5", "the field has no classification"),
        ("value: [open_end]", "value: [guess]", "born: unknown repair in ['guess']"),
        ("^[0-9]{17}[0-9X]$", "^\\\\d{17}[0-9X]$", "is not supported"),  # other digits in Python
        (", defaultTimezone: Asia/Shanghai", "", "updated_at: a time without zone does not say where it is read"),
        ("{minimum: 0}", "{minimum: none}", "money: minimum and maximum are for numbers"),
        ("physicalType: numeric(24,6)", "physicalType: varchar(9)", "money: minimum and maximum are for numbers"),
        ("primaryKey: true", "primaryKey: false", None),  # one key column is enough
        ("id: T-02", "id: T-01", "T-01: rule T-01 stands twice"),
        ("      - id: T-02\n        type", "      - type", "a rule has no id"),
        ("engine: exchange-gateway\n        severity", "engine: soda\n        severity", "T-02: this rule is for another engine"),
        ("severity: warn", "severity: bad", "T-02: severity bad is not known"),
        ("{check: birth_matches, id: id, date: born}", "{id: id}", "T-02: implementation names no check"),
        ("date: born}", "date: birth}", "T-02: there is no field birth"),
        ("{check: birth_matches, id: id, date: born}", "{check: when, when: {field: sex}, present: [born]}", "T-02: there is no field sex"),
        ("value: updated_at", "value: changed_at", "gatewayCursor: changed_at is not a field"),
        ("defaultTimezone: Asia/Shanghai", "defaultTimezone: America/New_York", "America/New_York is no zone of one offset"),
        ("value: updated_at", "value: born", "gatewayCursor: born is no moment in time"),
        ("value: 60", "value: 0", "gatewayLag: 0 is no lag"),  # stamps of one second are committed in any order
        ("value: 60", "value: soon", "gatewayLag: 'soon' is no lag"),
    ],
)  # fmt: skip
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, words: str | None) -> None:
    """The message has the file, the place and what is wrong, and a hint follows."""
    assert old in GOOD
    if words is None:
        assert _load(tmp_path, GOOD.replace(old, new, 1)).key == ("id",)
        return
    with pytest.raises(CatalogInvalid) as error:
        _load(tmp_path, GOOD.replace(old, new, 1))
    assert words in str(error.value)
    assert error.value.message.startswith("test.person.odcs.yaml:")
    assert error.value.hint


def test_a_table_without_key_is_refused(tmp_path: Path) -> None:
    """Without a key nothing can be merged."""
    with pytest.raises(CatalogInvalid, match="the table has no key"):
        _load(tmp_path, GOOD.replace("primaryKey: true", "primaryKey: false"))


def test_two_tables_are_refused(tmp_path: Path) -> None:
    """A contract is one data set."""
    with pytest.raises(CatalogInvalid, match="a contract holds exactly one table"):
        _load(
            tmp_path,
            GOOD.replace(
                "customProperties:\n  - {property: gatewayOwner",
                "  - {name: second, properties: []}\ncustomProperties:\n  - {property: gatewayOwner",
            ),
        )


def test_a_sleeping_rule_may_name_what_is_not_there_yet(tmp_path: Path) -> None:
    """A rule that waits for another data set is not judged by this contract's fields."""
    waiting = "{check: workdays, from: born, to: done_on, limit: days, needs: item.guide}"
    found = _load(tmp_path, GOOD.replace("{check: birth_matches, id: id, date: born}", waiting))
    assert (found.rules[1].needs, found.rules[1].fields) == ("item.guide", ())
