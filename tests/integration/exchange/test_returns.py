"""Rows that a front end refuses: before they leave, as they arrive, and days later by its table of returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway.errors import PlatformUnavailable, RouteBusy, RuleRefused, SchemaMismatch
from gateway.exchange import carry, proof, quarantine, reconcile
from gateway.exchange.outcome import Outcome
from gateway.ledger import decisions, verify_receipts
from gateway.model import Platform, Route, Rule
from tests.integration.conftest import PERSON, City
from tests.integration.proxy import Proxy

IN, OUT = "person_in", "person_up"
UP = (
    "create table up_person (id varchar(18) not null, name varchar(6), sex smallint, amount numeric(10,2), updated_at timestamptz, "
    "cd_batch varchar(32) not null, cd_operation varchar(2) not null, cd_time timestamp(0) not null, data_source varchar(3) not null)"
)
RETURNS = (
    "create table dn_audit_abnormal (err_type varchar(100) not null, remark varchar(1000), table_name varchar(50) not null, "
    "table_sql_name varchar(50) not null, table_row_guid varchar(50) not null, table_cd_batch varchar(32) not null, "
    "table_cd_source varchar(10) not null, table_cd_time timestamp(0) not null, table_update_time timestamp(0) not null, "
    "row_guid varchar(50) not null, cd_time timestamp(0) not null)"
)
OPTIONS = {
    "region": "130800", "source": "CDE", "returns": "dn_audit_abnormal",
    "resources": {"test.person": {"up": "up_person", "code": "0101", "row_key": "id"}},
}  # fmt: skip
ONE = "P00000050"


@dataclass
class Uplink:
    """A city whose persons also go up to a front end, whose other side is played by the test."""

    city: City
    there: Any
    dsn: str

    def bring(self) -> Outcome:
        """Carry the source into the hub."""
        return carry.run(self.city.deployment, IN, whole=True)

    def deliver(self, **how: Any) -> Outcome:
        """Carry the hub to the front end and hear what it returned."""
        return carry.run(self.city.deployment, OUT, **how)

    def ask(self, statement: str, values: Any = None) -> Any:
        """Run a statement at the front end."""
        with self.there.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def change(self, key: str = ONE, **values: Any) -> None:
        """Change a row at the source, under a new stamp."""
        changes = ", ".join(f"{name} = %s" for name in values)
        self.city.ask_source(f"update person set {changes}, updated_at = now() where id = %s", (*values.values(), key))

    def send_back(
        self, number: str, key: str = ONE, words: str = "数据项不符合省级规范", batch: str | None = None
    ) -> None:
        """Let the other side return the newest row of a key, or the row of a batch, days later."""
        self.ask(
            "insert into dn_audit_abnormal select 'E301', %s, '人员', 'up_person', %s, u.cd_batch, u.data_source, u.cd_time, "
            "u.cd_time, %s, localtimestamp(0) from up_person u where u.id = %s and (%s::text is null or u.cd_batch = %s) "
            "order by u.cd_time desc limit 1",
            (words, key, number, key, batch, batch),
        )

    def entries(self) -> list[tuple[Any, ...]]:
        """Return rule, state and words of every entry of the route, oldest first."""
        return list(
            self.city.ask("select rule, state, words from gateway.quarantine where route = %s order by id", (OUT,))
        )

    def open_entry(self) -> int:
        """Return the number of the one open entry."""
        ((number,),) = self.city.ask("select id from gateway.quarantine where route = %s and state = 'open'", (OUT,))
        return int(number)

    def reach(self, dsn: str) -> None:
        """Let the front end be reached by another address from now on."""
        here, source = self.city.deployment, self.city.source_dsn
        self.city.deployment = replace(here, resolve=lambda name: dsn if name == "PROV" else source)

    def with_options(self, options: dict[str, Any]) -> None:
        """Let the platform's options be others."""
        here = self.city.deployment.catalog
        prov = replace(here.platforms["prov"], options=options)
        routes = {**here.routes, OUT: replace(here.routes[OUT], peer=prov)}
        platforms = {**here.platforms, "prov": prov}
        self.city.deployment = replace(self.city.deployment, catalog=replace(here, routes=routes, platforms=platforms))

    def with_preflight(self, *rules: Rule) -> None:
        """Let the route have rules of its target."""
        catalog = self.city.deployment.catalog
        routes = {**catalog.routes, OUT: replace(catalog.routes[OUT], preflight=rules)}
        self.city.deployment = replace(self.city.deployment, catalog=replace(catalog, routes=routes))


@pytest.fixture
def uplink(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Uplink]:
    """Yield the city with 100 persons in the hub and a front end that has none."""
    name = f"{city.source.info.dbname}_prov"
    city.servers[1].create_database(name)
    dsn = city.servers[1].dsn(name)
    monkeypatch.setenv("GATEWAY_CONN_PROV", dsn)
    prov = Platform("prov", "省平台", "frontend", "PROV", "gaj", clearance="L4", options=OPTIONS)
    catalog = city.deployment.catalog
    out = Route(OUT, PERSON, prov, "delivery", "manual", catalog.terms["daily"])
    routes, platforms = {**catalog.routes, OUT: out}, {**catalog.platforms, "prov": prov}
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    there = psycopg2.connect(dsn, options="-c timezone=Asia/Shanghai")
    there.autocommit = True
    found = Uplink(city, there, dsn)
    found.ask(UP)
    found.ask(RETURNS)
    city.fill(100)
    found.bring()
    yield found
    there.close()


def test_each_version_is_a_row_with_its_envelope(uplink: Uplink) -> None:
    """First an insert, then an update, then a deletion of the same key; batch numbers and times only rise."""
    uplink.deliver()
    uplink.change(amount=7)
    uplink.bring()
    uplink.deliver()
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    uplink.deliver()
    found = uplink.ask(
        "select cd_batch, cd_operation, cd_time, data_source, amount from up_person where id = %s order by cd_batch",
        (ONE,),
    )
    assert [(r[1], r[3], float(r[4])) for r in found] == [("I", "CDE", 0.5), ("U", "CDE", 7.0), ("D", "CDE", 7.0)]
    assert all(len(r[0]) == 28 and r[0].startswith("1308000101") for r in found)
    assert sorted({r[2] for r in found}) == [r[2] for r in found]
    assert uplink.ask("select count(*) from up_person") == [(102,)]


def test_operations_may_be_kept_at_a_fixed_width(uplink: Uplink) -> None:
    """Where the other side chose char(2) they are padded with a blank, and count all the same."""
    uplink.ask("alter table up_person alter cd_operation type char(2)")
    assert uplink.deliver().inserted == 100
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    assert uplink.deliver().deleted == 1
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.hub_rows) == (True, 101)


def test_a_returned_row_waits_in_the_words_of_the_other_side(uplink: Uplink) -> None:
    """The entry shows the whole row masked, and the words without the person's name or number."""
    uplink.deliver()
    uplink.send_back("v1", words=f"张50 的编号 {ONE} 与电话 13812345678 不符")
    outcome = uplink.deliver()
    assert (outcome.read, dict(outcome.rejects)) == (0, {"peer.E301": 1})
    ((rule, state, words),) = uplink.entries()
    assert (rule, state) == ("peer.E301", "open")
    assert not any(secret in words for secret in ("张50", ONE, "13812345678"))
    assert "不符" in words
    with uplink.city.deployment.hub(name="test", autocommit=True) as hub:
        shown = quarantine.show(hub, {PERSON.name: PERSON}, uplink.open_entry())
    assert shown["reason_zh"].startswith("对方退回")
    assert shown["masked"]["sex"] is not None
    assert proof.verify(uplink.city.deployment).ok


def test_what_is_no_code_is_masked_as_words_are(uplink: Uplink) -> None:
    """A rule stands in receipts and logs: a text in place of a code is told beside it, without the person in it."""
    uplink.deliver()
    uplink.send_back("v1", words="请核对")
    uplink.ask("update dn_audit_abnormal set err_type = %s", (f"张50 的编号 {ONE} 与电话 13812345678 不符",))
    assert dict(uplink.deliver().rejects) == {"peer.-": 1}
    ((rule, _, words),) = uplink.entries()
    assert (rule, "请核对" in words, "不符" in words) == ("peer.-", True, True)
    evidence = str(uplink.city.ask("select r.body, v.* from gateway.receipt r, gateway.verdict v")) + words
    assert not any(secret in evidence for secret in ("张50", ONE, "13812345678"))
    ((number,),) = uplink.ask(
        "update dn_audit_abnormal set err_type = '13812345678', row_guid = 'v2' returning row_guid"
    )
    assert (number, dict(uplink.deliver().rejects)) == ("v2", {"peer.-": 1})


def test_codes_in_any_script_verify_outside(uplink: Uplink, tmp_path: Path) -> None:
    """A receipt's names have one order, in whatever way a verifier compares characters."""
    uplink.deliver()
    for number, (key, code) in enumerate(((ONE, "𠂇"), ("P00000007", "Ａ"), ("P00000008", "缺项"))):
        uplink.send_back(f"v{number}", key=key)
        uplink.ask("update dn_audit_abnormal set err_type = %s where row_guid = %s", (code, f"v{number}"))
    assert dict(uplink.deliver().rejects) == {"peer.-": 1, "peer.Ａ": 1, "peer.缺项": 1}
    proof.export(uplink.city.deployment, tmp_path / "receipts.zip")
    assert verify_receipts.main([str(tmp_path / "receipts.zip")]) == 0


def test_long_words_are_masked_before_they_are_cut(uplink: Uplink) -> None:
    """No half of a number is left where the words end."""
    uplink.deliver()
    uplink.ask("alter table dn_audit_abnormal alter remark type text")
    uplink.send_back("v1", words="错" * 995 + ONE)
    uplink.deliver()
    ((_, _, words),) = uplink.entries()
    assert (len(words), words[995:]) == (1000, "P00**")


def test_a_return_from_the_future_does_not_silence_the_others(uplink: Uplink) -> None:
    """One whose moment is wrong by years is heard, and so is what comes after it."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.ask("update dn_audit_abnormal set cd_time = '2099-01-01'")
    assert uplink.deliver().rejected == 1
    uplink.send_back("v2", key="P00000007")
    assert uplink.deliver().rejected == 1


def test_a_return_without_the_moment_of_sending_is_known_by_its_batch(uplink: Uplink) -> None:
    """It concerns the version of that batch, not whatever was sent since."""
    uplink.ask("alter table dn_audit_abnormal alter table_cd_time drop not null")
    uplink.deliver()
    ((old,),) = uplink.ask("select cd_batch from up_person where id = %s", (ONE,))
    uplink.change(amount=8)
    uplink.bring()
    uplink.deliver()
    uplink.send_back("v1", batch=old)
    uplink.send_back("v2", key="P00000007")
    uplink.ask("update dn_audit_abnormal set table_cd_time = null")
    assert uplink.deliver().rejected == 1
    assert uplink.city.ask("select verdict, state from gateway.verdict order by 1") == [
        ("v1", "overtaken"), ("v2", "entered"),
    ]  # fmt: skip


@pytest.mark.parametrize("column", ["row_guid", "cd_time"])
def test_a_return_without_its_name_or_its_moment_is_told_to_the_owner(uplink: Uplink, column: str) -> None:
    """Nobody could tell whether it was heard before; when it is mended it is heard."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.ask(
        f"alter table dn_audit_abnormal alter {column} drop not null; alter table dn_audit_abnormal add kept text"
    )
    uplink.ask(f"update dn_audit_abnormal set kept = {column}::text, {column} = null")
    with pytest.raises(SchemaMismatch, match=f"dn_audit_abnormal of platform prov has a row without {column}"):
        uplink.deliver()
    uplink.ask(f"update dn_audit_abnormal set {column} = kept::{'timestamp' if column == 'cd_time' else 'text'}")
    assert uplink.deliver().rejected == 1


def test_a_table_may_repeat_refused_rows_whole(uplink: Uplink) -> None:
    """The row is found by its key and batch; told again it counts once, other words count anew; mended, all are closed."""
    told = {"up": "up_person", "code": "0101", "row_returns": "dn_person_error"}
    uplink.ask("create table dn_person_error (like up_person, error_remark varchar(512) not null)")
    uplink.with_options({**OPTIONS, "resources": {"test.person": told}})
    uplink.deliver()
    repeat = "insert into dn_person_error select u.*, %s from up_person u where id = %s"
    uplink.ask(repeat, ("证照编号重复", ONE))
    assert dict(uplink.deliver().rejects) == {"peer.-": 1}
    uplink.ask(repeat, ("证照编号重复", ONE))
    assert uplink.deliver().rejects == {}
    assert uplink.entries() == [("peer.-", "open", "证照编号重复")]
    uplink.ask(repeat, ("颁发机构代码无效", "P00000051"))
    assert dict(uplink.deliver().rejects) == {"peer.-": 1}
    for key in (ONE, "P00000051"):
        uplink.change(key, amount=7)
    uplink.bring()
    assert uplink.deliver().rejects == {}
    assert {state for _, state, _ in uplink.entries()} == {"superseded"}


def test_a_repeated_row_without_the_moment_it_was_sent_is_told_to_the_owner(uplink: Uplink) -> None:
    """Nothing could tell whether it is about what is there now; mended, it is heard."""
    told = {"up": "up_person", "code": "0101", "row_returns": "dn_person_error"}
    uplink.ask("create table dn_person_error (like up_person, error_remark varchar(512) not null)")
    uplink.ask("alter table dn_person_error alter cd_time drop not null")
    uplink.with_options({**OPTIONS, "resources": {"test.person": told}})
    uplink.deliver()
    uplink.ask("insert into dn_person_error select u.*, '证照编号重复' from up_person u where id = %s", (ONE,))
    uplink.ask("update dn_person_error set cd_time = null")
    with pytest.raises(SchemaMismatch, match="dn_person_error of platform prov has a row without cd_time"):
        uplink.deliver()
    uplink.ask("update dn_person_error e set cd_time = u.cd_time from up_person u where u.id = e.id")
    assert dict(uplink.deliver().rejects) == {"peer.-": 1}


def test_a_verdict_that_comes_twice_counts_once(uplink: Uplink) -> None:
    """It is known by its own number, also when it is read again a day later."""
    uplink.deliver()
    uplink.send_back("v1")
    assert [uplink.deliver().rejected, uplink.deliver().rejected] == [1, 0]
    assert len(uplink.entries()) == 1


def test_two_verdicts_on_a_row_are_one_entry(uplink: Uplink) -> None:
    """A row waits once, with everything that was said of it."""
    uplink.deliver()
    uplink.send_back("v1", words="缺少证件类型")
    uplink.deliver()
    uplink.send_back("v2", words="区划代码无效")
    uplink.deliver()
    assert [words for *_, words in uplink.entries()] == ["缺少证件类型\n区划代码无效"]


def test_a_verdict_names_its_row_to_the_last_blank(uplink: Uplink) -> None:
    """Two keys that differ in a blank are two persons: the one is not blamed for the other."""
    uplink.city.ask_source(
        "insert into person select id || ' ', '李四', sex, amount, updated_at from person where id = %s", (ONE,)
    )
    uplink.bring()
    uplink.deliver()
    uplink.send_back("v1", key=f"{ONE} ")
    assert uplink.deliver().rejected == 1
    ((shown,),) = uplink.city.ask("select masked ->> 'name' from gateway.quarantine where state = 'open'")
    assert shown == "李*"


def test_a_verdict_with_a_name_of_any_length_counts_once(uplink: Uplink) -> None:
    """No index holds a name of thousands of characters, and none of it is lost."""
    uplink.deliver()
    uplink.ask("alter table dn_audit_abnormal alter row_guid type text")
    uplink.send_back("v1")
    uplink.ask(
        "update dn_audit_abnormal set row_guid = (select string_agg(md5(g::text), '') from generate_series(1, 300) g)"
    )
    assert [uplink.deliver().rejected, uplink.deliver().rejected] == [1, 0]


def test_returns_may_be_of_other_types(uplink: Uplink) -> None:
    """Whatever the other side made of names and codes, they are read as text."""
    uplink.deliver()
    uplink.send_back("17")
    uplink.ask("update dn_audit_abnormal set err_type = '301'")
    uplink.ask(
        "alter table dn_audit_abnormal alter row_guid type bigint using row_guid::bigint, "
        "alter err_type type integer using err_type::integer, alter cd_time type timestamptz using cd_time at time zone 'Asia/Shanghai'"
    )
    assert dict(uplink.deliver().rejects) == {"peer.301": 1}
    ((late,),) = uplink.city.ask("select abs(extract(epoch from judged_at - heard_at)) < 600 from gateway.verdict")
    assert late


def test_a_verdict_on_an_unknown_row_is_counted(uplink: Uplink) -> None:
    """A row that the hub never had, and one of a batch that nobody sent, harm nothing and are on the receipt."""
    uplink.deliver()
    uplink.ask(
        "insert into dn_audit_abnormal select 'E1', 'x', '人员', 'up_person', g.key, u.cd_batch, 'CDE', u.cd_time + g.later, u.cd_time, "
        "g.key, u.cd_time from (select * from up_person limit 1) u, (values ('nobody', interval '0'), "
        "('P00000007', interval '1 year')) g (key, later)"
    )
    assert uplink.deliver().rejected == 0
    ((body,),) = uplink.city.ask("select body from gateway.receipt order by no desc limit 1")
    assert '"verdicts":{"entered":0,"overtaken":0,"unknown":2}' in body


def test_a_newer_version_overtakes_the_verdict_on_the_old_one(uplink: Uplink) -> None:
    """What was mended before the return was read waits for nobody, whether it was sent already or not."""
    uplink.deliver()
    ((old,),) = uplink.ask("select cd_batch from up_person where id = %s", (ONE,))
    uplink.change(amount=8)
    uplink.bring()
    uplink.deliver()
    uplink.send_back("v1", batch=old)
    assert uplink.deliver().rejected == 0
    assert uplink.city.ask("select state from gateway.verdict") == [("overtaken",)]


def test_a_row_mended_at_its_source_goes_up_and_closes_its_entry(uplink: Uplink) -> None:
    """The next version is delivered alone, and the entry is superseded."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    uplink.change(amount=9)
    uplink.bring()
    outcome = uplink.deliver()
    assert (outcome.read, outcome.updated) == (1, 1)
    assert [state for _, state, _ in uplink.entries()] == ["superseded"]


def test_a_row_is_sent_again_alone_when_the_fault_was_theirs(uplink: Uplink) -> None:
    """A replay sends that one version once more, later and as an update; the entry is replayed, the decision chained."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    uplink.change("P00000001", amount=1)
    uplink.bring()
    outcome = carry.replay(uplink.city.deployment, uplink.open_entry(), who="tester", why="their code table was mended")
    assert (outcome.kind, outcome.read, outcome.updated, outcome.rejected) == ("replay", 1, 1, 0)
    assert uplink.ask("select count(*) from up_person where id = %s", (ONE,)) == [(2,)]
    assert [state for _, state, _ in uplink.entries()] == ["replayed"]
    ((body,),) = uplink.city.ask("select body from gateway.receipt order by no desc limit 1")
    assert '"why":"their code table was mended"' in body
    assert uplink.deliver().read == 1  # what else changed was not taken along, and is not forgotten


def test_a_row_that_is_refused_again_waits_again(uplink: Uplink) -> None:
    """Each return has its own number: the entry of the first is closed, the second is a new one."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    carry.replay(uplink.city.deployment, uplink.open_entry(), who="tester", why="again")
    uplink.send_back("v2")
    uplink.deliver()
    assert [state for _, state, _ in uplink.entries()] == ["replayed", "open"]


def test_an_overtaken_row_is_not_sent_again(uplink: Uplink) -> None:
    """When the hub has a newer version the replay says so; values are never edited on the way out."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    number = uplink.open_entry()
    with pytest.raises(RuleRefused, match="not edited on the way out"):
        carry.replay(uplink.city.deployment, number, who="tester", why="x", edits={"sex": "1"})
    uplink.change(amount=3)
    uplink.bring()
    with pytest.raises(RuleRefused, match="another version"):
        carry.replay(uplink.city.deployment, number, who="tester", why="x")
    assert uplink.deliver().updated == 1


def test_what_their_table_would_refuse_does_not_hold_the_others_up(uplink: Uplink) -> None:
    """A name longer than their column waits in quarantine; the batch goes, and the next version closes the entry."""
    uplink.change(name="欧阳上官司马诸葛")
    uplink.bring()
    outcome = uplink.deliver()
    assert (outcome.read, outcome.inserted, dict(outcome.rejects)) == (100, 99, {"peer.name.length": 1})
    assert "姓名超过对方表允许的长度" in uplink.entries()[0][2]
    uplink.change(name="欧阳上官")
    uplink.bring()
    assert uplink.deliver().inserted == 1
    assert [state for _, state, _ in uplink.entries()] == ["superseded"]


def test_the_targets_own_rules_are_judged_before_anything_leaves(uplink: Uplink) -> None:
    """A dry run shows how much would pass; what does not stays here with the rule's words and goes when it is mended."""
    uplink.with_preflight(
        Rule(
            "PV-01",
            "values",
            {"field": "sex", "values": ["2"]},
            "error",
            "省平台只收女性",
            "women only",
            fields=("sex",),
        )
    )
    rehearsed = uplink.deliver(dry_run=True)
    assert (rehearsed.read, dict(rehearsed.rejects), uplink.ask("select count(*) from up_person")) == (
        100, {"PV-01": 50}, [(0,)],
    )  # fmt: skip
    outcome = uplink.deliver()
    assert (outcome.inserted, dict(outcome.rejects)) == (50, {"PV-01": 50})
    assert uplink.entries()[0] == ("PV-01", "open", "省平台只收女性 / women only")
    uplink.change(sex=2)
    uplink.bring()
    assert uplink.deliver().inserted == 1


def test_a_row_whose_rule_was_lifted_leaves_and_closes_its_entry(uplink: Uplink) -> None:
    """Told to deliver everything, what nothing stops any more goes as it is; a row that the province refused still waits."""
    women = Rule(
        "PV-01", "values", {"field": "sex", "values": ["2"]}, "error", "只收女性", "women only", fields=("sex",)
    )
    uplink.with_preflight(women)
    assert uplink.deliver().inserted == 50
    uplink.send_back("v1", key="P00000001")
    uplink.with_preflight()
    assert (uplink.deliver().read, {state for _, state, _ in uplink.entries()}) == (0, {"open"})
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="PV-01 was lifted")
    assert uplink.deliver().inserted == 50
    states = uplink.city.ask("select rule, state, count(*) from gateway.quarantine group by 1, 2 order by 1")
    assert states == [("PV-01", "replayed", 50), ("peer.E301", "open", 1)]


def test_a_rule_lifted_while_a_reply_is_lost_loses_no_row(uplink: Uplink) -> None:
    """The front end took the batch without what was stopped: sent again it counts as taken, and what was stopped still waits."""
    women = Rule(
        "PV-01", "values", {"field": "sex", "values": ["2"]}, "error", "只收女性", "women only", fields=("sex",)
    )
    uplink.with_preflight(women)
    commits = [0]

    def watch(to_server: bool, data: bytes) -> str:
        commits[0] += to_server and b"COMMIT" in data
        return "swallow" if commits[0] == 2 else "pass"

    with Proxy(uplink.dsn, watch) as proxy:
        uplink.reach(proxy.dsn)
        with pytest.raises(PlatformUnavailable):
            uplink.deliver()
    uplink.reach(uplink.dsn)
    uplink.with_preflight()
    uplink.deliver()
    there = uplink.ask("select count(distinct id) from up_person")[0][0]
    assert there + sum(state == "open" for _, state, _ in uplink.entries()) == 100
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="PV-01 was lifted")
    uplink.deliver()
    assert uplink.ask("select count(distinct id) from up_person") == [(100,)]
    assert {state for _, state, _ in uplink.entries()} == {"replayed"}


def test_a_deletion_that_nobody_can_tell_any_more_is_on_the_receipt(uplink: Uplink) -> None:
    """The other side has put the row away, so that there is no row to mark as deleted."""
    uplink.deliver()
    uplink.ask("delete from up_person where id = %s", (ONE,))
    uplink.city.ask_source("delete from person where id = %s", (ONE,))
    uplink.bring()
    assert uplink.deliver().deleted == 0
    assert uplink.city.ask("select error, state from gateway.verdict") == [("delete", "unknown")]


def test_a_batch_waits_for_an_earlier_session_that_is_still_at_its_commit(uplink: Uplink) -> None:
    """The connection is gone before the front end has committed: what is sent again meanwhile counts once."""
    uplink.ask(
        "create function linger() returns trigger language plpgsql as $$ begin perform pg_sleep(3); return null; end $$"
    )
    uplink.ask(
        "create constraint trigger linger after insert on up_person initially deferred for each row "
        "when (new.id = 'P00000001') execute function linger()"
    )
    commits = [0]

    def watch(to_server: bool, data: bytes) -> str:
        commits[0] += to_server and b"COMMIT" in data
        return "swallow" if commits[0] == 2 else "pass"

    with Proxy(uplink.dsn, watch) as proxy:
        uplink.reach(proxy.dsn)
        with pytest.raises(PlatformUnavailable):
            uplink.deliver()
    uplink.reach(uplink.dsn)
    uplink.deliver()
    assert uplink.ask("select count(*), count(distinct id) from up_person") == [(100, 100)]


@pytest.mark.parametrize("lost", [True, False])  # the reply to the commit of a single row sent again; none
def test_an_interrupted_replay_is_finished_by_the_next_run(uplink: Uplink, lost: bool) -> None:
    """Whether the row arrived or not, it is there once more and no more, and its entry is closed."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    number = uplink.open_entry()
    commits = [0]

    def watch(to_server: bool, data: bytes) -> str:
        commits[0] += to_server and b"COMMIT" in data
        return ("swallow" if lost else "cut") if commits[0] == 2 else "pass"

    with Proxy(uplink.dsn, watch) as proxy:
        uplink.reach(proxy.dsn)
        with pytest.raises(PlatformUnavailable):
            carry.replay(uplink.city.deployment, number, who="tester", why="again")
    uplink.reach(uplink.dsn)
    with pytest.raises(RouteBusy):
        carry.replay(uplink.city.deployment, number, who="tester", why="again")
    uplink.deliver()
    assert uplink.ask("select count(*) from up_person where id = %s", (ONE,)) == [(2,)]
    assert [state for _, state, _ in uplink.entries()] == ["replayed"]


def test_an_interrupted_replay_that_a_newer_version_overtook_is_superseded(uplink: Uplink) -> None:
    """Nothing of it was there, and nothing is sent in its place: the entry does not claim that the row was sent again."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    number, commits = uplink.open_entry(), [0]

    def watch(to_server: bool, data: bytes) -> str:
        commits[0] += to_server and b"COMMIT" in data
        return "cut" if commits[0] == 2 else "pass"

    with Proxy(uplink.dsn, watch) as proxy:
        uplink.reach(proxy.dsn)
        with pytest.raises(PlatformUnavailable):
            carry.replay(uplink.city.deployment, number, who="tester", why="again")
    uplink.reach(uplink.dsn)
    uplink.change(amount=9)
    uplink.bring()
    uplink.deliver()
    assert uplink.ask("select amount from up_person where id = %s order by cd_time", (ONE,))[1:] == [(9,)]
    assert [state for _, state, _ in uplink.entries()] == ["superseded"]


def test_a_discarded_row_is_not_reopened_by_more_of_the_same(uplink: Uplink) -> None:
    """A person gave that version up; a new version is judged afresh."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    quarantine.discard(uplink.city.deployment, uplink.open_entry(), who="tester", why="agreed with the province")
    uplink.send_back("v2")
    uplink.deliver()
    assert [state for _, state, _ in uplink.entries()] == ["discarded"]


def test_everything_may_be_sent_again(uplink: Uplink) -> None:
    """Told to deliver everything, each row goes up once more as an update of the same key."""
    uplink.deliver()
    decisions.backfill(uplink.city.deployment, OUT, since=None, who="tester", why="their disk was restored")
    assert uplink.deliver().updated == 100


def test_what_was_sent_is_read_back(uplink: Uplink) -> None:
    """Every batch is counted at the front end once; rows put away by the other side were collected by it."""
    uplink.deliver()
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.method, found.source_rows, found.hub_rows) == (True, "read back", 100, 100)
    uplink.ask("delete from up_person")
    uplink.change(amount=2)
    uplink.bring()
    uplink.deliver()
    uplink.ask("delete from up_person")
    again = reconcile.run(uplink.city.deployment, OUT)
    assert (again.passed, again.hub_rows, again.remark) == (True, 1, "1 batches were put away already")
    assert again.verified_through is not None
    assert found.verified_through is not None
    assert again.verified_through > found.verified_through


def test_a_row_too_many_does_not_make_up_for_one_that_is_missing(uplink: Uplink) -> None:
    """Each batch is counted for itself, and no figure is below nothing."""
    uplink.deliver()
    uplink.ask("insert into up_person select * from up_person where id = 'P00000001'")
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.extra) == (False, 0, 1)
    uplink.city.fill(10, start=500)
    uplink.bring()
    uplink.deliver()
    uplink.ask("delete from up_person where id = 'P00000505'")
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.extra, found.source_rows, found.hub_rows) == (False, 1, 1, 110, 110)


def test_rows_lost_at_the_front_end_stop_the_proof(uplink: Uplink) -> None:
    """A batch of which a part is gone is no proof, and none after it is; the figure says how much is missing."""
    uplink.deliver()
    uplink.ask("delete from up_person where id = %s", (ONE,))
    found = reconcile.run(uplink.city.deployment, OUT)
    assert (found.passed, found.missing, found.verified_through) == (False, 1, None)
    uplink.change(amount=2)
    uplink.bring()
    uplink.deliver()
    assert reconcile.run(uplink.city.deployment, OUT).verified_through is None
    assert reconcile.run(uplink.city.deployment, OUT, repair=True).passed
