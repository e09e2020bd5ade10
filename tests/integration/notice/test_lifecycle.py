"""A structure change announced ahead of time: who is told what, who answers, and what the clock does with silence."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import NotFound, NoticeRefused, SchemaMismatch
from gateway.exchange import proof
from gateway.notify import contacts
from schemas import scratch
from schemas.diff.model import Effect
from schemas.notice import lifecycle, reminders
from schemas.notice.lifecycle import Reply
from tests.integration.notice.conftest import DAY, SPLIT, Noticing

ADAPTED = Reply("adapted", "王五", "科长")


def test_a_change_is_told_to_every_unit_by_what_it_uses_of_it(noticing: Noticing) -> None:
    """Who receives the renamed field has to adapt; from whom it is withheld is possibly affected; the publisher is not told."""
    notice = noticing.announce()
    assert notice.number == "〔2026〕第1号"
    assert {unit: own.impact for unit, own in noticing.told(notice).items()} == {"zjj": "breaking", "mzj": "info"}
    assert [(purpose, address) for purpose, address, _ in noticing.messages()] == [
        ("announce", "mzj@example.gov.cn"), ("announce", "zjj@example.gov.cn"),
    ]  # fmt: skip


def test_the_mail_says_what_changes_from_when_for_whom_and_what_to_do(noticing: Noticing) -> None:
    """As a partner unit reads it."""
    noticing.announce()
    (mail,) = [m for m in noticing.mails() if "zjj@" in str(m["To"])]
    assert str(mail["Subject"]) == "[结构变更通知] 人口库.测试人员 12月15日起变更（请于12月8日前确认）"
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
    for words in ("主送：市住房和城乡建设局", "发布单位：市公安局", "重大", "2026-12-15", "须改造", "改名", "name → full_name", "https://exchange.example.gov.cn/exchange/notices/"):  # fmt: skip
        assert words in text
    kinds = [part.get_content_type() for part in mail.walk()]
    assert "text/html" in kinds
    assert "text/calendar" in kinds


@pytest.mark.parametrize(
    ("script", "class_", "effective"),
    [
        # a reader breaks: 15 working days
        ("alter table public.person rename column name to full_name", "major", "2026-12-15"),
        # only writers break: 10
        ("alter table public.person add check (length(name) < 40)", "normal", "2026-12-08"),
        # nobody breaks: 3
        ("alter table public.person add column remark text", "compatible", "2026-11-27"),
    ],
)
def test_the_class_of_a_change_fixes_its_lead_time(
    noticing: Noticing, script: str, class_: str, effective: str
) -> None:
    """In working days from the day of sending; one day sooner is refused with the earliest day."""
    draft = str(noticing.draft(script))
    sooner = DAY(effective).replace(day=DAY(effective).day - 1)
    with pytest.raises(NoticeRefused, match=f"on {effective} or later"):
        lifecycle.announce(noticing.deployment, draft, who="tester", effective_on=sooner)
    lifecycle.announce(noticing.deployment, draft, who="tester")
    assert noticing.city.ask("select class, effective_on::text from gateway.notice_revision where revision = 1") == [
        (class_, effective)
    ]


def test_what_is_sent_after_five_counts_from_the_next_working_day(noticing: Noticing) -> None:
    """The same change, sent in the evening, takes effect a day later at the earliest."""
    noticing.at("2026-11-24 17:30")
    noticing.announce()
    assert noticing.city.ask("select effective_on::text from gateway.notice_revision where revision = 1") == [
        ("2026-12-16",)
    ]


def test_an_emergency_needs_its_basis_and_no_lead_time(noticing: Noticing) -> None:
    """It takes effect the same day, and is answered after the fact."""
    notice = noticing.announce(effective_on=DAY("2026-11-24"), emergency="承工信函〔2026〕8号")
    found = noticing.city.ask(
        "select class, effective_on::text, answers_due::text from gateway.notice_revision where revision = 1"
    )
    assert found == [("emergency", "2026-11-24", "2026-11-25")]
    assert "承工信函〔2026〕8号" in noticing.messages()[0][2].text
    assert notice.state == "announced"


def test_nobody_is_told_when_one_unit_has_nobody_to_be_told(noticing: Noticing) -> None:
    """The refusal names the unit and the command; once somebody answers for it, the same draft goes out."""
    ((number,),) = noticing.city.ask("select contact from gateway.contact where unit = 'mzj'")
    contacts.end(noticing.deployment, number, who="tester", why="调离")
    draft = str(noticing.draft())
    with pytest.raises(NoticeRefused, match="nobody answers for mzj") as refused:
        lifecycle.announce(noticing.deployment, draft, who="tester")
    assert "gateway contact add" in refused.value.hint
    assert noticing.messages() == []
    contacts.add(noticing.deployment, "mzj", "孙七", "mail", "new@example.gov.cn", who="tester")
    assert lifecycle.announce(noticing.deployment, draft, who="tester").number == "〔2026〕第1号"


def test_the_same_plan_drafts_one_notice(noticing: Noticing) -> None:
    """However often it is read."""
    assert noticing.draft() == noticing.draft()


def test_a_script_that_fails_on_the_copy_drafts_nothing(noticing: Noticing) -> None:
    """And says what the server said."""
    with pytest.raises(SchemaMismatch, match='column "colour" of relation "person" does not exist'):
        noticing.draft("alter table public.person drop column colour")
    assert noticing.city.ask("select count(*) from gateway.notice") == [(0,)]


def test_a_later_day_keeps_answers_and_an_earlier_one_asks_anew(noticing: Noticing) -> None:
    """A postponement tells everybody; a revision needs the whole lead time from now."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    later = lifecycle.postpone(
        noticing.deployment, "〔2026〕第1号", who="tester", why="供应商延期", effective_on=DAY("2026-12-25")
    )
    assert noticing.told(later)["zjj"].answer == "adapted"
    with pytest.raises(NoticeRefused, match="not later than 2026-12-25"):
        lifecycle.postpone(
            noticing.deployment, "〔2026〕第1号", who="tester", why="提前", effective_on=DAY("2026-12-20")
        )
    sooner = lifecycle.revise(
        noticing.deployment, "〔2026〕第1号", None, who="tester", why="提前", effective_on=DAY("2026-12-20")
    )
    assert (sooner.revision, noticing.told(sooner)["zjj"].answer) == (3, None)
    noticing.at("2026-12-10 09:00")
    with pytest.raises(NoticeRefused, match="too soon"):
        lifecycle.revise(
            noticing.deployment, "〔2026〕第1号", None, who="tester", why="再提前", effective_on=DAY("2026-12-14")
        )


def test_a_withdrawn_notice_is_told_and_answered_no_more(noticing: Noticing) -> None:
    """The calendar entry is cancelled with it; the same plan may be drafted again."""
    notice = noticing.announce()
    lifecycle.withdraw(noticing.deployment, "〔2026〕第1号", who="tester", why="取消改造")
    last = noticing.messages()[-1][2]
    assert "撤回" in last.subject
    assert b"METHOD:CANCEL" in (last.ics or b"")
    with pytest.raises(NoticeRefused, match="withdrawn"):
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    assert noticing.draft() != notice.notice


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply("maybe", "王五", "科长"), "is no answer"),
        (Reply("adapted", "", "科长"), "names who gives it"),
        (Reply("needs_time", "王五", "科长"), "until when"),
        (Reply("objects", "王五", "科长"), "its reason"),
    ],
)
def test_an_answer_without_its_part_is_refused(noticing: Noticing, reply: Reply, words: str) -> None:
    """And the unit can answer still."""
    notice = noticing.announce()
    with pytest.raises(NoticeRefused, match=words):
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", reply)
    assert lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED).answer == "adapted"


def test_the_first_answer_stands_and_only_recipients_answer(noticing: Noticing) -> None:
    """A second answer, another unit's, and one to an older revision are refused."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    with pytest.raises(NoticeRefused, match="has answered on 2026-11-24"):
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", Reply("objects", "甲", "乙", remark="不同意"))
    with pytest.raises(NoticeRefused, match="no recipient"):
        lifecycle.answer(noticing.deployment, notice.notice, "gaj", ADAPTED)
    with pytest.raises(NoticeRefused, match="revision 1 by now"):
        lifecycle.answer(noticing.deployment, notice.notice, "mzj", ADAPTED, revision=0)


@pytest.mark.parametrize(
    ("reply", "blocks"),
    [
        (None, True),  # silence is never consent
        (Reply("no_impact", "王五", "科长"), False),
        (ADAPTED, False),
        (Reply("needs_time", "王五", "科长", DAY("2027-01-31")), True),
        (Reply("objects", "王五", "科长", remark="系统无法改造"), True),
    ],
)
def test_a_change_waits_for_a_harmed_unit_that_has_not_agreed(
    noticing: Noticing, reply: Reply | None, blocks: bool
) -> None:
    """Possibly affected units are not waited for."""
    notice = noticing.announce()
    if reply:
        lifecycle.answer(noticing.deployment, notice.notice, "zjj", reply)
    told = noticing.told(notice)
    assert (told["zjj"].blocks, told["mzj"].blocks) == (blocks, False)


def test_silence_is_reminded_then_told_to_the_leader_then_to_the_bureau(noticing: Noticing) -> None:
    """Each step once, whenever the clock is asked; a unit that answered hears nothing more."""
    notice = noticing.announce()  # answers are due on 2026-12-08
    steps = [
        ("2026-11-30 10:00", {}), ("2026-12-01 10:00", {"half": 1}), ("2026-12-01 15:00", {}), ("2026-12-04 10:00", {"soon": 1}),
        ("2026-12-05 10:00", {}),  # a Saturday

        ("2026-12-09 10:00", {"overdue": 2}), ("2026-12-10 10:00", {"escalated": 3}), ("2026-12-11 10:00", {}),
    ]  # fmt: skip
    for moment, expected in steps:
        noticing.at(moment)
        assert {step: n for step, n in reminders.remind(noticing.deployment).items() if n} == expected, moment
    told = {
        purpose: [a for p, a, _ in noticing.messages() if p == purpose] for purpose in ("overdue zjj", "escalated zjj")
    }
    assert told["overdue zjj"] == ["zjj@example.gov.cn", "leader@example.gov.cn"]
    assert "gxj@example.gov.cn" in told["escalated zjj"]
    assert noticing.told(notice)["zjj"].escalated_at is not None


def test_a_unit_that_answered_is_not_reminded(noticing: Noticing) -> None:
    """Nor one that has nothing to do."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    noticing.at("2026-12-09 10:00")
    assert not reminders.remind(noticing.deployment)


def test_every_act_is_an_entry_of_the_chain(noticing: Noticing) -> None:
    """And the chain verifies."""
    notice = noticing.announce()
    lifecycle.answer(noticing.deployment, notice.notice, "zjj", ADAPTED)
    lifecycle.postpone(noticing.deployment, "〔2026〕第1号", who="tester", why="延期", effective_on=DAY("2026-12-25"))
    acts = noticing.city.ask("select body::jsonb->>'what' from gateway.receipt where kind = 'notice' order by no")
    assert [act for (act,) in acts] == ["announce", "answer", "postpone"]
    assert proof.verify(noticing.deployment).ok


def test_text_of_others_is_no_markup(noticing: Noticing) -> None:
    """A reason with tags stands in the page as text."""
    draft = noticing.draft(reason="<script>alert(1)</script>")
    lifecycle.announce(noticing.deployment, str(draft), who="tester")
    html: Any = noticing.messages()[0][2].html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_there_is_no_notice_of_a_wrong_name(noticing: Noticing) -> None:
    """And the words say where to look."""
    with pytest.raises(NotFound, match="there is no notice 〔2026〕第9号"):
        lifecycle.announce(noticing.deployment, "〔2026〕第9号", who="tester")


def test_a_plan_that_was_mended_is_drafted_anew(noticing: Noticing) -> None:
    """The draft of what it said before is withdrawn; what was announced stands, and is revised."""
    first = noticing.draft()
    second = noticing.draft(reason="姓名字段改名并扩容")
    assert second == noticing.draft(reason="姓名字段改名并扩容") != first
    third = noticing.draft(reason="姓名字段改名并扩容", effective=DAY("2027-01-05"))
    states = noticing.city.ask("select notice, state from gateway.notice order by notice")
    assert states == [(first, "withdrawn"), (second, "withdrawn"), (third, "draft")]
    assert noticing.messages() == []  # nobody had been told
    lifecycle.announce(noticing.deployment, str(third), who="tester")
    assert noticing.draft(reason="又一原因") == third


def test_a_draft_shows_whom_it_would_be_told_to(noticing: Noticing) -> None:
    """Before anybody is told, and with what it does to each."""
    draft = str(noticing.draft())
    shown = {own.unit: own.impact for own in lifecycle.concerned(noticing.deployment, draft)}
    assert (shown["zjj"], shown["mzj"]) == ("breaking", "info")
    told = noticing.told(lifecycle.announce(noticing.deployment, draft, who="tester"))
    assert shown == {unit: own.impact for unit, own in told.items()}


def test_a_day_in_a_year_without_calendar_is_said_to_be_provisional_and_never_moves_earlier(noticing: Noticing) -> None:
    """It is counted with the longest breaks; whoever reads it is told that it may only move later."""
    noticing.at("2027-01-25 09:00")
    noticing.announce()
    ((effective, basis),) = noticing.city.ask(
        "select effective_on, basis from gateway.notice_revision where revision = 1"
    )
    free = effective - DAY("2027-01-25")
    assert (basis, free.days > 15 + 2 * 3) == ("provisional", True)  # three weekends, and the Spring Festival
    mail = next(mail for mail in noticing.mails() if str(mail["To"]).startswith("zjj@"))
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "暂按法定节假日推算，如调整只会推后" in text


def test_views_upon_views_of_what_changes_are_copied_and_hold_what_they_need(noticing: Noticing) -> None:
    """A rename passes through them; a column that one of them needs is dropped by no script that leaves it."""
    noticing.city.ask_source("create view first as select id, name from person")
    noticing.city.ask_source("create view second as select name from first where id > 'a'")
    platform = noticing.deployment.catalog.platforms["pop"]
    found = scratch.changes(noticing.deployment, platform, SPLIT)
    assert "pg.column.rename" in {change.rule for change in found if change.path.startswith("public.person")}
    with pytest.raises(SchemaMismatch, match="depend"):
        scratch.changes(noticing.deployment, platform, "alter table public.person drop column name")
    gone = scratch.changes(noticing.deployment, platform, "alter table public.person drop column name cascade")
    assert {"public.first", "public.second"} <= {c.path for c in gone if c.effect_reader == Effect.breaking}
