"""The end of a transition: a view goes when nobody reads it, provably; else it stays, and leader and bureau are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.errors import GateClosed, ViewRefused
from schemas import watch
from schemas.notice import clock, lifecycle, transition, views
from schemas.notice.store import Notice
from schemas.notice.transition import View
from tests.integration.notice.conftest import SPLIT, Noticing

# The extension's views as their readers see them, filled by the test: the server of the wheel comes without it.
STATEMENTS = """
create schema stats; create table stats.counted (query text, calls bigint, userid oid, dbid oid);
create table stats.info (dealloc bigint, stats_reset timestamptz);
insert into stats.info values (0, '2026-01-01');
create view stats.pg_stat_statements as select query, calls, userid, dbid from stats.counted;
create view stats.pg_stat_statements_info as select * from stats.info;
"""


class Standing:
    """A view on the platform, by which unit zjj reads on after the change."""

    def __init__(self, noticing: Noticing, role: str) -> None:
        self.noticing, self.role, self.city = noticing, role, noticing.city
        self.notice: Notice = noticing.announce()
        watch.look_at_all(noticing.deployment)

    def make(self) -> None:
        """Let the change happen on the day, with its view."""
        self.noticing.at("2026-12-15 09:00")
        plan = views.plan(self.noticing.deployment, str(self.notice.number), {"zjj": self.role}, hub=False)
        views.ask(self.noticing.deployment, plan, who="tester")
        clock.move_on(self.noticing.deployment)
        self.city.ask_source(SPLIT)
        views.make(self.noticing.deployment, plan, who="tester")

    def draft(self, script: str) -> int:
        """Draft a rename whose script is kept with it."""
        planned = {"platform": "pop", "dataset": "test.person", "reason": "改名", "origin": "again", "script": script}
        return lifecycle.draft(self.noticing.deployment, planned, self.noticing.changes(SPLIT))

    def view(self) -> View | None:
        """Return the view as the ledger has it; None when it was dropped."""
        return next(iter(transition.views(self.city.hub)), None)

    def there(self) -> bool:
        """Tell whether the view stands on the platform."""
        return bool(self.city.ask_source("select to_regclass('share_v1.person') is not null")[0][0])

    def read(self, times: int = 1, query: str = "select id, name from share_v1.person where id = $1") -> None:
        """Count a statement of the unit, as the extension would."""
        self.city.ask_source("insert into stats.counted select %s, %s, %s::regrole::oid, oid from pg_database where datname = current_database()", (query, times, self.role))  # fmt: skip

    def days(self, *moments: str) -> list[dict[str, int]]:
        """Let the clock look at each moment."""
        found = []
        for moment in moments:
            self.noticing.at(moment)
            found.append(dict(clock.move_on(self.noticing.deployment)))
        return found

    def told(self) -> list[tuple[str, str]]:
        """Return subject and address of each message about a longer transition."""
        return [(m.subject, address) for _, address, m in self.noticing.messages() if "过渡期延长" in m.subject]


@pytest.fixture
def standing(noticing: Noticing) -> Iterator[Standing]:
    """Yield an announced rename at the platform, which a role of zjj reads."""
    role = f"unit_{noticing.city.source_dsn.rpartition('/')[2]}"
    noticing.city.ask_source(
        f"create role {role}; grant usage on schema public to {role}; grant select on person to {role}"
    )
    yield Standing(noticing, role)
    noticing.city.ask_source(f"drop owned by {role}; drop role {role}")


EVERY_WEEK = [f"{day} 10:00" for day in ("2026-12-16", "2026-12-23", "2026-12-30", "2027-01-06", "2027-01-13")]
AFTER = "2027-01-14 10:00"


def test_the_unit_reads_on_and_the_view_is_dropped_when_nobody_does(standing: Standing) -> None:
    """Nobody read it for ten working days that were watched without a gap; the notice then ends."""
    standing.city.fill(2)
    standing.city.ask_source(STATEMENTS)
    standing.make()
    standing.city.ask_source(f"set role {standing.role}")
    assert standing.city.ask_source("select id, name from share_v1.person order by id limit 1") == [
        ("P00000001", "张1")
    ]
    standing.city.ask_source("reset role")
    standing.days("2026-12-15 12:00", *EVERY_WEEK)
    assert standing.days(AFTER, "2027-01-15 10:00") == [{"dropped": 1}, {"closed": 1}]
    assert (standing.there(), standing.view(), standing.told()) == (False, None, [])


def test_a_view_that_is_read_stays_and_leader_and_bureau_are_told(standing: Standing) -> None:
    """Until when, and when it was last used; it goes once that is long enough ago."""
    standing.city.ask_source(STATEMENTS)
    standing.make()
    standing.days("2026-12-15 12:00", *EVERY_WEEK[:-1])
    standing.read()
    standing.days(EVERY_WEEK[-1])
    assert standing.days(AFTER, "2027-01-14 11:00") == [{"extended": 1}, {}]
    assert standing.there()
    assert {address for _, address in standing.told()} == {
        "zjj@example.gov.cn",
        "leader@example.gov.cn",
        "gxj@example.gov.cn",
    }
    assert "最近使用于 2027-01-13" in next(
        m.text for _, _, m in standing.noticing.messages() if "过渡期延长" in m.subject
    )
    assert standing.days("2027-01-22 10:00", "2027-02-01 10:00") == [{"extended": 1}, {"dropped": 1}]


@pytest.mark.parametrize(
    ("query", "used"),
    [
        ('select * from "share_v1"."person"', True),
        ("SELECT id FROM Share_V1.Person p", True),
        ("select id from person", True),  # by its search path, as the unit's role
        ("select id from public.person", False),  # the new shape
        ("select id from personnel", False),
    ],
)
def test_a_statement_is_a_use_when_it_names_the_view(standing: Standing, query: str, used: bool) -> None:
    """In full by anybody, by its bare name as a unit's role."""
    standing.city.ask_source(STATEMENTS)
    standing.make()
    standing.days("2026-12-16 10:00")
    standing.read(3, query)
    standing.days("2026-12-17 10:00")
    view = standing.view()
    assert view is not None
    assert (view.last_used is not None) is used


@pytest.mark.parametrize(
    ("gap", "why"),
    [
        (
            "update stats.info set stats_reset = '2027-01-12'",
            "观测时间不足",
        ),  # counted anew: what was before is not known
        ("update stats.info set dealloc = 7", "观测时间不足"),  # statements were forgotten
        ("drop view stats.pg_stat_statements", "使用情况无法得知"),
    ],
)
def test_what_was_not_watched_is_not_unused(standing: Standing, gap: str, why: str) -> None:
    """A gap begins the stretch anew; without any proof the view stays, again and again."""
    standing.city.ask_source(STATEMENTS)
    standing.make()
    standing.days("2026-12-15 12:00", *EVERY_WEEK[:-1])
    standing.city.ask_source(gap)
    standing.days(EVERY_WEEK[-1])
    assert standing.days(AFTER) == [{"extended": 1}]
    assert why in next(m.text for _, _, m in standing.noticing.messages() if "过渡期延长" in m.subject)


def test_without_the_extension_it_stays_until_nobody_may_read_it(standing: Standing) -> None:
    """Taking the rights away is a proof too, once it has lasted."""
    standing.make()
    standing.days("2026-12-15 12:00", *EVERY_WEEK)
    assert standing.days(AFTER) == [{"extended": 1}]
    standing.city.ask_source(f"revoke all on share_v1.person from {standing.role}")
    assert standing.days("2027-01-22 10:00", "2027-01-29 10:00", "2027-02-22 10:00") == [
        {"extended": 1},
        {},
        {"dropped": 1},
    ]


def test_what_is_built_upon_a_view_keeps_it(standing: Standing) -> None:
    """It is named to those who are told."""
    standing.city.ask_source(STATEMENTS)
    standing.make()
    standing.city.ask_source("create view public.own_report as select id from share_v1.person")
    standing.days("2026-12-15 12:00", *EVERY_WEEK)
    assert standing.days(AFTER) == [{"extended": 1}]
    assert "own_report" in next(m.text for _, _, m in standing.noticing.messages() if "过渡期延长" in m.subject)


def test_a_view_dropped_by_hand_ends_with_its_window_and_is_missed_before(standing: Standing) -> None:
    """The units that it serves read nothing: that is told once."""
    standing.make()
    standing.city.ask_source("drop view share_v1.person")
    assert standing.days("2026-12-16 10:00", "2026-12-17 10:00") == [{"transition": 1, "lacking": 1}, {}]
    assert standing.days(AFTER) == [{}]
    assert standing.view() is None


def test_a_platform_that_is_away_keeps_its_views(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are looked at again."""
    standing.make()
    monkeypatch.setenv("GATEWAY_CONN_SOURCE", "postgresql://nobody:x@127.0.0.1:1/none")
    standing.days(AFTER)
    assert standing.view() is not None


def test_a_view_before_the_change_is_refused_and_both_at_once_need_the_gate(standing: Standing) -> None:
    """With the announced script in the same transaction; before the day the gate is closed."""
    deployment, number = standing.noticing.deployment, str(standing.notice.number)
    units = {"zjj": standing.role}
    early = views.plan(deployment, number, units, hub=False)
    with pytest.raises(ViewRefused, match=r"public\.person has no column full_name yet"):
        views.make(deployment, early, who="tester")
    standing.city.ask("update gateway.notice_revision set body = body - 'script'")
    with pytest.raises(ViewRefused, match="without a script"):
        views.plan(deployment, number, units, hub=False, ddl=True)
    draft = standing.draft(SPLIT)
    second = lifecycle.announce(deployment, str(draft), who="tester")
    both = views.plan(deployment, str(second.number), units, hub=False, ddl=True)
    with pytest.raises(GateClosed, match="takes effect on 2026-12-15"):
        views.make(deployment, both, who="tester")
    standing.noticing.at("2026-12-15 09:00")
    views.make(deployment, both, who="tester")
    assert standing.city.ask_source("select count(*) from pg_attribute where attrelid = 'share_v1.person'::regclass and attnum > 0") == [(5,)]  # fmt: skip


def test_a_change_that_fails_on_the_platform_leaves_nothing(standing: Standing) -> None:
    """Neither there nor in the ledger."""
    broken = "alter table public.person rename column name to full_name; select 1/0"
    draft = standing.draft(broken)
    second = lifecycle.announce(standing.noticing.deployment, str(draft), who="tester")
    standing.noticing.at("2026-12-15 09:00")
    both = views.plan(standing.noticing.deployment, str(second.number), {"zjj": standing.role}, hub=False, ddl=True)
    with pytest.raises(Exception, match="unable to make view"):
        views.make(standing.noticing.deployment, both, who="tester")
    assert (standing.there(), standing.view()) == (False, None)
    assert standing.city.ask_source("select name from person limit 0") == []
