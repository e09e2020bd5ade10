"""A catalog: a good one loads, a wrong file is refused with place and remedy, a broken route leaves the others alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway import catalog
from gateway.errors import CatalogInvalid

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Yield a copy of the city's catalog whose contracts can be found."""
    shutil.copytree(ROOT / "catalog", tmp_path / "catalog")
    shutil.copytree(ROOT / "schemas" / "contracts", tmp_path / "schemas" / "contracts")
    return tmp_path / "catalog"


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_citys_catalog_is_whole() -> None:
    """Every route of the shipped catalog loads, and no platform is without one."""
    found = catalog.load(ROOT / "catalog")
    assert (found.broken, found.unused) == ({}, ())
    assert set(found.platforms) == {r.peer.platform for r in found.routes.values()}


def test_the_platforms_of_one_system_know_each_other() -> None:
    """Each is its own kin; a part knows the whole, the whole its parts."""
    found = catalog.load(ROOT / "catalog").platforms
    assert set(found["approval"].kin) == set(found["approval_base"].kin) == {"approval", "approval_base"}
    assert found["pop"].kin == ("pop",)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("routes/pop_person_in.yaml", "dataset: pop.person", "dataset: pop.persn", "2: dataset: there is no contract pop.persn"),  # misspelt
        ("routes/pop_person_in.yaml", "from: pop", "from: popp", "3: from: there is no platform popp"),  # unknown platform
        ("routes/pop_person_in.yaml", "mode: incremental", "mode: increment", "5: mode: increment is not one of"),  # unknown mode
        ("routes/pop_person_in.yaml", '"0 2 * * *"', '"0 2 * *"', "6: schedule: '0 2 * *' is not a schedule"),  # four cron fields
        ("routes/pop_person_in.yaml", "sla: base_library_daily", "sla: never", "8: sla: there is no SLA term never"),  # unknown term
        ("routes/geo_division_in.yaml", "mode: snapshot", "mode: incremental", "has no cursor"),  # a window needs a cursor
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\ncolour: red", "colour"),  # unknown name
        ("../schemas/contracts/pop.person.odcs.yaml", "check: birth_matches, id: citizen_id", "check: birth_matches, id: citizen", "there is no field citizen"),  # a rule's field
        ("routes/pop_person_in.yaml", 'compare: "0 3 * * 0"', "compare: weekly", "7: compare: 'weekly' is not a cron line"),
        ("routes/pop_person_in.yaml", "to: hub", "to: share", "4: to: a route of mode incremental goes to the hub"),  # these modes lead into it
        ("routes/pop_person_share.yaml", "from: hub", "from: pop", "3: from: a route of mode delivery goes from the hub"),  # and this one out of it
        ("routes/pop_person_share.yaml", "to: share", "to: shared", "4: to: there is no platform shared"),
        ("routes/pop_person_share.yaml", "to: share", "to: legal", "4: to: platform legal is cleared for nothing"),  # it was never granted
        ("routes/pop_person_share.yaml", "to: share", "to: share\nmask: [citizen_id]", "5: mask: citizen_id is of the key"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\nmask: [birth_date]", "mask: birth_date is no text"),  # withheld, it could be
        ("routes/pop_person_share.yaml", "to: share", "to: share\nwithhold: [nme]", "withhold: pop.person has no field nme"),
        ("routes/message_reply_app.yaml", "belongs_to: message.post", "belongs_to: message.pos", "belongs_to: there is no contract message.pos"),
        ("routes/message_reply_app.yaml", "belongs_to: message.post", "belongs_to: pop.person", "belongs_to: the key of message.reply lacks citizen_id"),  # of a row that is gone only the key is left
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\nbelongs_to: message.post", "belongs_to: only a delivery chooses its rows"),
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\naddressed: name", "addressed: only a delivery chooses its rows"),
        ("routes/receipt_returned_zjj.yaml", "addressed: returned_to", "addressed: returned_by", "addressed: returned_by is no text in the key"),
        ("routes/receipt_returned_zjj.yaml", "addressed: returned_to", "addressed: receipt_no", "addressed: receipt_no is no text in the key"),  # a number
        ("routes/receipt_returned_zjj.yaml", "addressed: returned_to", "addressed: nobody", "addressed: nobody is no text in the key"),
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\nmask: [name]", "mask: only a delivery hides fields"),
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\npreflight: [{id: PV-01, implementation: {check: required, field: name}, description: 缺, english: x}]", "preflight: only a delivery has rules of its target"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\npreflight: [{id: PV-01, implementation: {check: unique, fields: [name]}, description: 缺, english: x}]", "check unique looks at more than the row"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\npreflight: [{id: PV-01, implementation: {check: required, field: nme}, description: 缺, english: x}]", "there is no field nme"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\npreflight: [{id: PV-01, implementation: {check: unexpired, field: name}, description: 迟, english: x}]", "preflight: check unexpired: name is neither a day nor a moment"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\npreflight: [{id: PV-01, implementation: {check: unexpired}, description: 迟, english: x}]", "check unexpired needs field"),
        ("../schemas/contracts/pop.person.odcs.yaml", "check: birth_matches, id: citizen_id, date: birth_date", "check: unexpired, field: birth_date", "check unexpired is about rows that are about to leave"),
        ("routes/pop_person_in.yaml", "route: pop_person_in", "route: person_in", "a route bears the name of its file"),
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\nsettle: {workdays: 5}", "5: settle: only a delivery is refused later"),
        ("routes/pop_person_share.yaml", "to: share", "to: share\nsettle: {workdays: 5}", "5: settle: connector postgres does not read back"),
        ("routes/case_accept_prov.yaml", "settle: {workdays: 5}", "settle: {workdays: 0}", "8: settle.workdays: 0 is less than the minimum of 1"),
        ("routes/case_accept_prov.yaml", "settle: {workdays: 5}", "settle: {workdays: 5, seconds: 5}", "8: settle: "),  # one of the two
        ("routes/case_accept_prov.yaml", "settle: {workdays: 5}", "settle: 5", "8: settle: 5 is not of type object"),
        ("routes/pop_person_in.yaml", '"0 2 * * *"', '"after: pop.people"', "there is no data set pop.people"),
        ("routes/pop_person_in.yaml", "on_reject: quarantine", "on_reject: ignore", "on_reject: quarantine was expected"),
        ("routes/pop_person_in.yaml", "to: hub", "to: hub\ndelete_limit: {count: -1}", "-1 is less than the minimum"),
        ("../schemas/contracts/pop.person.odcs.yaml", "value: cd_time", "value: cd_tim", "cd_tim is not a field"),  # a cursor's field
        ("../schemas/contracts/push.receipt.odcs.yaml", "in: push.message, wait", "in: push.mesage, wait", "rule push_id-exists: there is no usable contract push.mesage"),
        ("../schemas/contracts/push.receipt.odcs.yaml", "than: created_at", "than: made_at", "push.message has no field made_at"),  # looked at there
        ("../schemas/contracts/org.staff.odcs.yaml", "there: [org_code]", "there: [orgcode]", "org.org has no field orgcode"),  # found by there
        ("../schemas/contracts/org.staff.odcs.yaml", "where: {field: org_status", "where: {field: status", "org.org has no field status"),
        ("../schemas/contracts/case.result.odcs.yaml", "field: anticipate_day}", "field: anticipate_days}", "item.guide has no field anticipate_days"),
        ("../schemas/contracts/case.result.odcs.yaml", "to: end_time}", "to: ended}", "case.special has no field ended"),
    ],
)  # fmt: skip
def test_a_wrong_route_or_contract_is_named_and_the_others_load(
    city: Path, file: str, old: str, new: str, words: str
) -> None:
    """File, line, field and what is wrong are told; the routes that have nothing to do with it are left."""
    every, name = catalog.load(city).routes, Path(file).name.removesuffix(".yaml")
    touched = {n for n, r in every.items() if name in (n, f"{r.dataset.name}.odcs")}
    _change(city / file, old, new)
    found = catalog.load(city)
    assert (set(found.broken), set(found.routes)) == (touched, set(every) - touched)
    for reason in found.broken.values():
        assert words in reason
        assert "HINT: " in reason


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("platforms/pop.yaml", "unit: gaj", "unit: gajj", "there is no unit gajj"),  # unknown unit
        (
            "platforms/approval_base.yaml",
            "part_of: approval",
            "part_of: aproval",
            "7: part_of: aproval is no platform that has parts",
        ),
        (
            "platforms/geo_map.yaml",
            "part_of: geo",
            "part_of: approval_base",
            "part_of: approval_base is no platform that has parts",
        ),  # a part itself
        ("platforms/pop.yaml", "unit: gaj", "unit: gaj\npart_of: pop", "part_of: pop is no platform that has parts"),
        (
            "platforms/pop.yaml",
            "options: {}",
            "options: {password: hunter2}",
            "a secret must not stand in the catalog",
        ),  # a secret
        ("platforms/pop.yaml", "connector: postgres", "connector: ../x", "connector"),  # not a module's name
        *(
            ("platforms/pop.yaml", "options: {}", f"options: {{}}\n{line}", f"pop.yaml:10: {words}")
            for line, words in (
                ('window: {from: "22:00"}', "window: to is a required property"),  # it must end
                (
                    'window: {from: 22:00, to: "06:00"}',
                    "window.from: 1320 is not of type string",
                ),  # what YAML makes of it
                (
                    'window: {from: "24:00", to: "06:00"}',
                    "window.from: 24:00 does not match",
                ),  # a day ends then, and none begins
                ('window: {from: "22:00", to: "6:00"}', "window.to: 6:00 does not match"),
                ('window: {from: "22:00", to: "06:60"}', "window.to: 06:60 does not match"),  # no such minute
                ('window: {from: "22:00", to: "22:00"}', "window: it opens and closes at 22:00"),  # a day, or nothing?
                ('window: {from: "22:00", to: "06:00", days: holidays}', "window.days: holidays is not one of"),
                (
                    'window: {from: "22:00", to: "06:00", zone: UTC}',
                    "window: Additional properties are not allowed (zone",
                ),  # always China's
                ("window: night", "window: night is not of type object"),
                ("rate: {}", "rate: "),  # no rate
                ("rate: {requests_per_minute: 60}", "rate.requests_per_minute: connector postgres makes no requests"),
                ("rate: {rows_per_second: 0}", "rate.rows_per_second: 0 is less than the minimum"),
                ("rate: {rows_per_second: 0.5}", "rate.rows_per_second: 0.5 is not of type integer"),
                ("rate: {rows_per_second: 100, per: minute}", "rate: Additional properties are not allowed (per"),
            )
        ),
        ("city.yaml", "city: 承德市", "town: 承德市", "city"),  # a missing name
        ("city.yaml", "city: 承德市", "city: [承德市", "city.yaml:"),  # not YAML
        ("city.yaml", "city: 承德市", "- 承德市", "city.yaml:"),  # a list
        (
            "city.yaml",
            'division: "130800"',
            "division: 130800",
            "division: 130800 is not of type string",
        ),  # leading zeros would go
        (
            "city.yaml",
            "codes/division.csv",
            "codes/divisions.csv",
            "there is no file codes/divisions.csv",
        ),  # no such list
        (
            "city.yaml",
            "city: 承德市",
            "city: 承德市\ncity: 唐山市",
            "city.yaml:3: city stands twice",
        ),  # the second would win
        (
            "city.yaml",
            "english: Chengde",
            "english: 2026-02-30",
            "city.yaml:3: 2026-02-30 is no day",
        ),  # read as a date by YAML
        ("units.yaml", "- unit: gxj", "- [unit: gxj", "units.yaml:"),  # not YAML
        ("units.yaml", "- unit: gxj", "- unity: gxj", "units.yaml"),  # a wrong name
        ("platforms/pop.yaml", "platform: pop", "platform: pip", "a platform bears the name of its file"),
        ("platforms/pop.yaml", "slots: 2", "slots: 0", "0 is less than the minimum"),  # nothing would ever run
        (
            "platforms/pop.yaml",
            "connection: POP",
            "connection: postgresql://u:p@h/d",
            "connection",
        ),  # a DSN is a secret
        ("sla/case_real_time.yaml", "on_time_bp: 9900", "on_time_bp: 99%", "on_time_bp: 99% is not of type integer"),
        ("sla/case_real_time.yaml", "term: case_real_time", "term: real_time", "a term bears the name of its file"),
    ],
)
def test_a_wrong_city_file_refuses_the_catalog(city: Path, file: str, old: str, new: str, words: str) -> None:
    """What everything stands on must be right."""
    _change(city / file, old, new)
    with pytest.raises(CatalogInvalid, match="HINT") as error:
        catalog.load(city)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("unit: zjj", "unit: zzj", "zjj_entity_report.yaml:2: unit: there is no unit zzj"),
        ("at: legal", "at: leagl", "3: at: there is no platform leagl"),
        ("[legal.market_entity]", "[legal.market_entity, legal.nobody]", "4: datasets: there is no data set legal.nobody"),
        ("sql: |", "statement: |", "statement"),  # an unknown name
        ("purpose:", "view: public.v\npurpose:", "view: sql says already what is read"),
        ("use: zjj_entity_report", "use: zjj_report", "1: use: a use bears the name of its file"),
    ],
)  # fmt: skip
def test_a_wrong_use_refuses_the_catalog(city: Path, old: str, new: str, words: str) -> None:
    """A unit that is forgotten would not be told; its statement is not judged here."""
    _change(city / "uses" / "zjj_entity_report.yaml", old, new)
    with pytest.raises(CatalogInvalid) as refused:
        catalog.load(city)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("message.reply", "message.answer", "5: ends: there is no data set message.answer"),
        ("unit: handling_unit", "unit: handler", "4: begins: message.post has no field handler"),
        ("workdays: 5", "description: ''", "exactly one of workdays and due tells until when"),
        ("unit: handling_unit", "unit: handling_unit, due: due_at", "exactly one of workdays and due tells until when"),
        ("deadline: message_reply", "deadline: message_answer", "1: deadline: a deadline bears the name of its file"),
        ("workdays: 5", "workdays: 0", "0 is less than"),
    ],
)
def test_a_wrong_deadline_refuses_the_catalog(city: Path, old: str, new: str, words: str) -> None:
    """What it names must be there, and one thing alone tells until when."""
    path = city / "deadlines" / "message_reply.yaml"
    path.write_text(path.read_text(encoding="utf-8").split("description:")[0], encoding="utf-8")
    _change(path, old, new)
    with pytest.raises(CatalogInvalid) as refused:
        catalog.load(city)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", "1: use: nothing says what is read"),
        ("columns: [nme]", "6: columns: legal.market_entity has no field nme"),
        ("view: public.v; drop", "view"),
        ("columns: [ent_name]", None), ("account: zjj_ro", None), ("view: share.v", None), ("sql: no statement at all", None),
    ],
)  # fmt: skip
def test_a_use_says_in_one_way_what_is_read(city: Path, said: str, words: str | None) -> None:
    """By a statement, a view, columns, or the account alone."""
    path = city / "uses" / "zjj_entity_report.yaml"
    path.write_text(path.read_text(encoding="utf-8").split("sql:")[0] + said, encoding="utf-8")
    if words is None:
        assert catalog.load(city).uses["zjj_entity_report"].unit == "zjj"
    else:
        with pytest.raises(CatalogInvalid, match=words):
            catalog.load(city)


def test_another_city_needs_no_python(city: Path) -> None:
    """GATEWAY_CATALOG points to another folder and that is all."""
    _change(city / "city.yaml", "city: 承德市", "city: 唐山市")
    assert catalog.load(city).city == "唐山市"


def test_two_routes_for_one_part_of_the_hub_are_refused(city: Path) -> None:
    """A second route for the same data set from the same platform is broken; the first still runs."""
    text = (city / "routes" / "pop_person_in.yaml").read_text(encoding="utf-8")
    (city / "routes" / "pop_twice.yaml").write_text(
        text.replace("route: pop_person_in", "route: pop_twice"), encoding="utf-8"
    )
    found = catalog.load(city)
    assert "pop_person_in already carries pop.person from pop to hub" in found.broken["pop_twice"]
    assert "pop_person_in" in found.routes


def test_a_contract_that_others_look_into_takes_them_along(city: Path) -> None:
    """They could only fail when they run; a rule that may sleep does, and its contract goes on."""
    accept = city.parent / "schemas" / "contracts" / "case.accept.odcs.yaml"
    _change(accept, "limit: promise_day", "limit: promised")
    found = catalog.load(city)
    cases = ("accept", "material", "process", "result", "special")
    more = {"case_accept_app", "case_event_app", "case_event_in", *(f"case_{name}_zjj_in" for name in ("accept", "process", "result"))}  # fmt: skip
    assert set(found.broken) == {*more, *(f"case_{name}_{way}" for name in cases for way in ("in", "prov"))}
    assert "item.guide has no field promised" in found.broken["case_accept_in"]
    assert "there is no usable contract case.accept" in found.broken["case_result_in"]
    assert {"push_message_in", "push_receipt_in"} <= set(found.routes)


def test_what_nobody_brings_in_is_not_delivered(city: Path) -> None:
    """A delivery of a data set that no route feeds is a mistake; the data sets that are fed go on."""
    (city / "routes" / "pop_person_in.yaml").unlink()
    found = catalog.load(city)
    assert "no route brings pop.person into the hub" in found.broken["pop_person_share"]
    assert "legal_institution_share" in found.routes


def test_no_field_above_a_platforms_clearance_leaves(city: Path) -> None:
    """What a platform may not hold breaks the whole route, with every such field named; other data sets still go there."""
    _change(city / "platforms" / "share.yaml", "clearance: L4", "clearance: L2")
    found = catalog.load(city)
    assert "platform share is cleared up to L2" in found.broken["pop_person_share"]
    assert "citizen_id (L4), cert_type (L4)" in found.broken["pop_person_share"]
    assert "geo_division_share" in found.routes


def test_what_is_masked_or_withheld_may_go_lower(city: Path) -> None:
    """A platform with less clearance gets the data set when every field above it is hidden on the route."""
    _change(city / "platforms" / "share.yaml", "clearance: L4", "clearance: L1")
    above = [f for f in catalog.load(city).datasets["legal.market_entity"].fields if f.classification > "L1"]
    assert above
    hidden = ", ".join(f.name for f in above)
    _change(city / "routes" / "legal_market_entity_share.yaml", "to: share", f"to: share\nwithhold: [{hidden}]")
    assert "legal_market_entity_share" in catalog.load(city).routes


def test_no_platform_is_the_hub(city: Path) -> None:
    """The word `hub` in a route means the exchange platform itself."""
    text = (city / "platforms" / "pop.yaml").read_text(encoding="utf-8")
    (city / "platforms" / "hub.yaml").write_text(text.replace("platform: pop", "platform: hub"), encoding="utf-8")
    with pytest.raises(CatalogInvalid, match="hub is the exchange platform itself"):
        catalog.load(city)


def test_the_environment_names_the_catalog(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument GATEWAY_CATALOG decides; a folder without a catalog is told with a remedy."""
    _change(city / "city.yaml", "city: 承德市", "city: 唐山市")
    monkeypatch.setenv("GATEWAY_CATALOG", str(city))
    assert catalog.load().city == "唐山市"
    monkeypatch.setenv("GATEWAY_CATALOG", str(city / "routes"))
    with pytest.raises(CatalogInvalid, match="there is no catalog in routes/"):
        catalog.load()


def test_problems_are_all_told_at_once(city: Path) -> None:
    """Two broken routes are two faults; a refused catalog is one."""
    _change(city / "routes" / "pop_person_in.yaml", "mode: incremental", "mode: x")
    _change(city / "routes" / "geo_address_in.yaml", "from: geo", "from: x")
    assert [p.split("] ")[1].split(":")[0] for p in catalog.problems(city)] == [
        "geo_address_in.yaml",
        "pop_person_in.yaml",
    ]
    _change(city / "city.yaml", "city: 承德市", "town: 承德市")
    assert len(catalog.problems(city)) == 1
