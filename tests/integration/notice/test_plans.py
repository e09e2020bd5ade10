"""Planned changes in files: what they name is drafted, and what is wrong with one is said with its line and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import CatalogInvalid
from schemas.notice import lifecycle, planned
from tests.integration.notice.conftest import Noticing
from tests.integration.schemas.test_wsdl_pairs import service

HEAD = "change: x\nplatform: pop\ndataset: test.person\nreason: 改名\n"
FAULTS = [
    ("change: x\n", r"plan.yaml:1: platform: this is missing", "Add a line"),
    (f"{HEAD}colour: red\n", r"plan.yaml:5: colour: there is no such field", "There are basis, change"),
    (HEAD.replace("pop", "nope"), r"plan.yaml:2: platform: there is none of the name nope", "pop"),
    (HEAD, r"ddl: this is missing", "the script in `ddl`, or two documents in `kind`, `old` and `new`"),
    (f"{HEAD}kind: openapi\nold: a.yaml\nnew: none.yaml\n", r"plan.yaml:7: new: \S+none.yaml: No such file", "beside the plan"),
    (f"{HEAD}kind: openapi\nold: bad.yaml\nnew: a.yaml\n", r"plan.yaml:6: old: \S+bad.yaml: not UTF-8 from byte 0", "beside the plan"),
    (f"{HEAD}kind: openap\nold: a.yaml\nnew: a.yaml\n", r"plan.yaml:5: kind: 'openap' is none of pg", "Name two documents"),
    (f"{HEAD}effective: soon\nddl: a.sql\n", r"plan.yaml:5: effective: this is no day", "2026-12-20"),
]  # fmt: skip


def interface(field: str) -> str:
    """Return an interface whose answer has a field."""
    return f"""openapi: 3.0.3
info: {{title: x, version: "1"}}
paths:
  /people: {{get: {{responses: {{"200": {{description: ok, content: {{application/json: {{schema:
    {{type: object, properties: {{{field}: {{type: string}}}}}}}}}}}}}}}}}}
"""


def test_what_is_wrong_with_a_plan_is_said_with_its_line_and_the_remedy(noticing: Noticing, tmp_path: Path) -> None:
    """Nothing is drafted."""
    (tmp_path / "a.yaml").write_text(interface("name"), encoding="utf-8")
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe")
    plan = tmp_path / "plan.yaml"
    for text, words, hint in FAULTS:
        plan.write_text(text, encoding="utf-8")
        with pytest.raises(CatalogInvalid, match=words) as refused:
            planned.read(noticing.deployment, plan)
        assert hint in refused.value.hint
    assert noticing.city.ask("select count(*) from gateway.notice") == [(0,)]


def test_two_files_of_an_interface_or_a_service_make_a_notice(noticing: Noticing, tmp_path: Path) -> None:
    """The units that use the data set are told what the documents show."""
    schema = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="u:x">'
        '<xs:element name="r" type="xs:int"/><xs:element name="h" type="xs:{}"/></xs:schema>'
    )
    (tmp_path / "old.yaml").write_text(interface("name"), encoding="utf-8")
    (tmp_path / "new.yaml").write_text(interface("full_name"), encoding="utf-8")
    for name, kind in (("old", "int"), ("new", "string")):
        (tmp_path / f"{name}.wsdl").write_text(service(schema.format(kind), "r", "h"), encoding="utf-8")
    for kind, suffix, rule in (
        ("openapi", "yaml", "openapi.response.property.change"), ("wsdl", "wsdl", "xsd.type"),
    ):  # fmt: skip
        plan = tmp_path / f"{kind}-plan.yaml"
        text = HEAD.replace("change: x", f"change: {kind}") + f"kind: {kind}\nold: old.{suffix}\nnew: new.{suffix}\n"
        plan.write_text(text, encoding="utf-8")
        found = planned.read(noticing.deployment, plan)
        number = lifecycle.draft(noticing.deployment, found.body, found.changes)
        assert rule in {change.rule for change in found.changes if change.effect_reader.name == "breaking"}
        told = noticing.told(lifecycle.announce(noticing.deployment, str(number), who="tester"))
        assert told["zjj"].impact == "breaking"
