"""Rows that a front end refuses, as they arrive or days later by its tables of returns: heard once, mended, sent again."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import RouteBusy, RuleRefused, SchemaMismatch
from gateway.exchange import carry, proof, quarantine
from gateway.ledger import verify_receipts
from tests.integration.conftest import PERSON
from tests.integration.exchange.uplink import ONE, OPTIONS, Uplink, uplink

__all__ = ["uplink"]


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


@pytest.mark.parametrize("lost", [True, False])  # the reply to the commit of a single row sent again; none
def test_an_interrupted_replay_is_finished_by_the_next_run(uplink: Uplink, lost: bool) -> None:
    """Whether the row arrived or not, it is there once more and no more, and its entry is closed."""
    uplink.deliver()
    uplink.send_back("v1")
    uplink.deliver()
    number = uplink.open_entry()
    with uplink.lost("swallow" if lost else "cut"):
        carry.replay(uplink.city.deployment, number, who="tester", why="again")
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
    number = uplink.open_entry()
    with uplink.lost("cut"):
        carry.replay(uplink.city.deployment, number, who="tester", why="again")
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
