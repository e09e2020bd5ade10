"""Deliveries: what changed in the hub reaches the platform, once and in whole, whatever breaks on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2 import sql

from connectors.postgres_target import PostgresTarget
from gateway.errors import AccessDenied, PermanentError, PlatformUnavailable, RouteBusy, RuleRefused, SchemaMismatch
from gateway.exchange import carry, gate, proof, quarantine, reconcile
from gateway.exchange import hub as hub_tables
from gateway.exchange.attempt import Attempt
from gateway.exchange.outcome import Outcome
from gateway.ledger import decisions
from gateway.model import Field, Platform, Route
from gateway.notify import contacts, outbox
from sandbox.mailbox import Mailbox
from tests.integration import forked
from tests.integration.conftest import CREATE, PERSON, City
from tests.integration.proxy import Proxy

IN, OUT = "person_in", "person_share"
STAGES = ("extract", "deliver", "state", "receipt", "commit", "done")


@dataclass
class Sharing:
    """A city whose persons are also delivered to a sharing platform, an empty table of its own."""

    city: City
    there: Any
    dsn: str

    def bring(self) -> Outcome:
        """Carry the source into the hub."""
        return carry.run(self.city.deployment, IN, whole=True)

    def deliver(self, **how: Any) -> Outcome:
        """Carry the hub to the sharing platform."""
        return carry.run(self.city.deployment, OUT, **how)

    def ask(self, statement: str) -> Any:
        """Run a statement at the sharing platform."""
        with self.there.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def shared(self) -> list[tuple[Any, ...]]:
        """Return the rows that the platform has, in key order."""
        return list(self.ask("select id, name, sex, amount, updated_at from person order by id"))

    def reach(self, dsn: str) -> None:
        """Let the platform be reached by another address from now on."""
        here, source = self.city.deployment, self.city.source_dsn
        self.city.deployment = replace(here, resolve=lambda name: dsn if name == "SHARE" else source)

    def lose_the_reply(self) -> None:
        """Deliver, and lose the platform's answer to the commit of the batch."""
        commits: list[bytes] = []

        def watch(to_server: bool, data: bytes) -> str:
            if to_server and b"COMMIT" in data:
                commits.append(data)
            # The first prepares the platform, the second looks at its table, the third is the batch's.
            return "swallow" if len(commits) == 3 else "pass"

        with Proxy(self.dsn, watch) as proxy:
            self.reach(proxy.dsn)
            with pytest.raises(PlatformUnavailable):
                self.deliver()
        self.reach(self.dsn)
        deadline = time.monotonic() + 30
        while not self.ask("select from gateway_delivery"):  # the platform may take a moment to commit
            assert time.monotonic() < deadline

    def assert_whole(self) -> None:
        """Deliver again, and demand that both sides are equal, nothing is under way and every receipt verifies."""
        self.deliver()
        self.city.reopen()
        assert self.shared() == self.city.hub_rows()
        assert reconcile.run(self.city.deployment, OUT).passed
        found = proof.verify(self.city.deployment)
        assert found.ok, found.first_fault
        assert self.city.ask("select count(*) from gateway.delivery where confirmed_at is null") == [(0,)]
        assert self.city.ask("select count(*) from gateway.batch where state = 'open'") == [(0,)]


@pytest.fixture
def sharing(city: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sharing]:
    """Yield the city with 100 persons in the hub, 2 of 102 in quarantine, and a platform that has none."""
    name = f"{city.source.info.dbname}_share"
    city.servers[1].create_database(name)
    dsn = city.servers[1].dsn(name)
    monkeypatch.setenv("GATEWAY_CONN_SHARE", dsn)
    share = Platform("share", "共享平台", "postgres", "SHARE", "gaj", clearance="L4")
    catalog = city.deployment.catalog
    out = Route(OUT, PERSON, share, "delivery", f"after: {PERSON.name}", catalog.terms["daily"])
    routes, platforms = {**catalog.routes, OUT: out}, {**catalog.platforms, "share": share}
    city.deployment = replace(city.deployment, catalog=replace(catalog, routes=routes, platforms=platforms))
    there = psycopg2.connect(dsn)
    there.autocommit = True
    found = Sharing(city, there, dsn)
    found.ask(CREATE)
    city.fill(102, bad=2)
    found.bring()
    yield found
    there.close()


def change_everything(city: City) -> None:
    """Insert 5, update 10 and delete 1 at the source."""
    city.fill(5, start=1000)
    city.ask_source("update person set amount = 7, updated_at = now() where id between 'P00000011' and 'P00000020'")
    city.ask_source("delete from person where id = 'P00000100'")


def test_the_first_delivery_carries_everything(sharing: Sharing) -> None:
    """What the hub holds is there, to the last value; the receipt says from where to where."""
    outcome = sharing.deliver()
    assert (outcome.kind, outcome.read, outcome.inserted, outcome.rejected) == ("delivery", 100, 100, 0)
    sharing.assert_whole()
    body = sharing.city.ask("select body from gateway.receipt where batch_id = %s", (outcome.batch,))[0][0]
    assert '"from":"hub"' in body
    assert '"to":"share"' in body


def test_an_owner_who_was_faster_with_a_key(sharing: Sharing) -> None:
    """The table was empty when we looked; what its owner commits meanwhile is merged with, and everything arrives."""
    with closing(psycopg2.connect(sharing.dsn)) as owner, ThreadPoolExecutor(1) as beside:
        with owner.cursor() as cursor:
            cursor.execute(
                "insert into person (id, name, sex, amount, updated_at) values (%s, '早到', 1, 1, now())",
                (sharing.city.hub_rows()[0][0],),
            )
        delivering = beside.submit(sharing.deliver)
        waits = "select from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'copy%'"
        while not sharing.ask(waits):
            assert not delivering.done()
        owner.commit()
        outcome = delivering.result()
    assert (outcome.inserted, outcome.updated) == (99, 1)
    sharing.assert_whole()


def test_a_table_whose_trigger_keeps_rows_out_is_merged_into(sharing: Sharing) -> None:
    """What the owner's trigger does not let in is no error of the delivery: rows are not copied past the merge."""
    sharing.ask(
        "create function keep_out() returns trigger language plpgsql as 'begin return case when new.id > ''P00000050'' then new end; end';"
        "create trigger out before insert on person for each row execute function keep_out()"
    )
    assert sharing.deliver().inserted == len(sharing.shared()) < 100


def test_only_what_changed_travels(sharing: Sharing) -> None:
    """Inserts, updates and deletes of later batches, and nothing else."""
    sharing.deliver()
    change_everything(sharing.city)
    sharing.bring()
    outcome = sharing.deliver()
    assert (outcome.read, outcome.inserted, outcome.updated, outcome.deleted) == (16, 5, 10, 1)
    sharing.assert_whole()


def test_a_row_of_several_batches_travels_once_as_it_is_now(sharing: Sharing) -> None:
    """Several inbound batches between two deliveries are one delivery; a row deleted and back again is a row."""
    sharing.deliver()
    for amount in (8, 9):
        sharing.city.ask_source(f"update person set amount = {amount}, updated_at = now() where id = 'P00000050'")
        sharing.bring()
    sharing.city.ask_source("create temp table kept as select * from person where id = 'P00000060'")
    sharing.city.ask_source("delete from person where id = 'P00000060'")
    sharing.bring()
    sharing.city.ask_source("insert into person select * from kept")
    sharing.bring()
    outcome = sharing.deliver()
    assert (outcome.read, outcome.updated, outcome.unchanged, outcome.deleted) == (2, 1, 1, 0)
    sharing.assert_whole()


def test_nothing_new_is_a_receipt_and_asks_nobody(sharing: Sharing) -> None:
    """That a platform is up to date is provable without it."""
    sharing.deliver()
    sharing.reach("postgresql://nobody@127.0.0.1:1/none")
    outcome = sharing.deliver()
    assert (outcome.read, outcome.receipt is not None) == (0, True)
    sharing.reach(sharing.dsn)
    sharing.assert_whole()


def test_a_route_sent_back_delivers_everything_again(sharing: Sharing) -> None:
    """A person asks for it; there is no moment to go back to, and what is there alike is left alone."""
    sharing.deliver()
    with pytest.raises(PermanentError, match="no moment to go back to"):
        decisions.backfill(sharing.city.deployment, OUT, since=datetime.now(UTC), who="tester", why="x")
    decisions.backfill(sharing.city.deployment, OUT, since=None, who="tester", why="their disk was restored")
    outcome = sharing.deliver()
    assert (outcome.read, outcome.unchanged) == (100, 100)
    assert sharing.deliver().read == 0


def test_a_dry_run_counts_and_changes_nothing(sharing: Sharing) -> None:
    """It tells what would travel."""
    assert sharing.deliver(dry_run=True).read == 100
    assert sharing.shared() == []
    assert sharing.city.ask("select count(*) from gateway.delivery") == [(0,)]


def test_a_key_that_left_one_source_and_came_from_another_is_kept(sharing: Sharing) -> None:
    """A tombstone of one source says nothing of a row that the hub holds from another."""
    sharing.deliver()
    sharing.city.ask("insert into hub.test_person__gone select id, 'elsewhere', gw_batch + 1000 from hub.test_person")
    assert sharing.deliver().deleted == 0
    assert len(sharing.shared()) == 100


@pytest.mark.parametrize("stage", STAGES)
def test_kill_during_a_delivery(sharing: Sharing, stage: str) -> None:
    """A worker killed at any stage leaves the platform before or after it; the next run completes it, once."""
    sharing.deliver()
    change_everything(sharing.city)
    sharing.bring()
    assert forked.run(forked.route, sharing.city, OUT, failpoint=stage).returncode == -9
    assert len(sharing.shared()) in (100, 104)
    sharing.assert_whole()
    taken = sharing.ask(
        "select inserted, updated, deleted from gateway_delivery where inserted + updated + deleted > 0"
    )
    assert sorted(taken) == [(5, 10, 1), (100, 0, 0)]


def test_the_reply_of_the_platform_is_lost(sharing: Sharing) -> None:
    """The same range goes again under the same number and counts once; what came meanwhile follows in the same run."""
    sharing.lose_the_reply()
    assert len(sharing.shared()) == 100
    change_everything(sharing.city)
    sharing.bring()
    assert sharing.deliver().read == 116
    repeated = sharing.city.ask("select count(*) from gateway.receipt where body like '%\"repeated\":true%'")
    assert (repeated, sharing.ask("select count(*) from gateway_delivery")) == ([(1,)], [(2,)])
    sharing.assert_whole()


def test_what_the_platform_took_is_told_even_when_all_of_it_changed_since(sharing: Sharing) -> None:
    """The reply was lost, every row has moved on: the platform is asked what it counted, and the receipt says it."""
    sharing.lose_the_reply()
    sharing.city.ask_source("update person set amount = 3, updated_at = now()")
    sharing.bring()
    outcome = sharing.deliver()
    assert (outcome.read, outcome.inserted, outcome.updated) == (200, 100, 100)
    first = "select body::json->'read', body::json->'inserted', body::json->'content'->'rows' from gateway.receipt where body like '%\"repeated\":true%'"
    assert sharing.city.ask(first) == [(100, 100, 100)]
    sharing.assert_whole()


def test_a_delivery_sent_again_does_not_spare_a_whole_one_that_is_due(sharing: Sharing) -> None:
    """Killed while it delivered, then told to deliver everything: the open delivery is closed first, then everything goes."""
    assert forked.run(forked.route, sharing.city, OUT, failpoint="deliver").returncode == -9
    decisions.backfill(sharing.city.deployment, OUT, since=None, who="tester", why="their disk was restored")
    outcome = sharing.deliver()
    assert (outcome.read, outcome.inserted, outcome.unchanged) == (200, 100, 100)
    assert sharing.ask("select inserted, unchanged from gateway_delivery order by batch") == [(100, 0), (0, 100)]
    sharing.assert_whole()


@pytest.mark.parametrize("at", [1_000, 6_000])  # bytes into the conversation: while it connects, in mid-stream
def test_the_platform_is_cut_off(sharing: Sharing, at: int) -> None:
    """Nothing of the batch is there, the error may be repeated, and the next run delivers."""
    seen = [0]

    def watch(_to_server: bool, data: bytes) -> str:
        seen[0] += len(data)
        return "pass" if seen[0] < at else "cut"

    with Proxy(sharing.dsn, watch) as proxy:
        sharing.reach(proxy.dsn)
        with pytest.raises(PlatformUnavailable):
            sharing.deliver()
    assert sharing.shared() == []
    sharing.reach(sharing.dsn)
    sharing.assert_whole()


def test_a_platform_that_is_down_holds_nobody_up(sharing: Sharing) -> None:
    """The delivery is repeated later; the hub goes on receiving."""
    sharing.reach("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(PlatformUnavailable):
        sharing.deliver()
    change_everything(sharing.city)
    sharing.bring()
    sharing.reach(sharing.dsn)
    sharing.assert_whole()


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("drop table person", CREATE),  # no such table
        ("alter table person drop column sex", "alter table person add column sex smallint"),
        ("alter table person alter column name type varchar(2)", "alter table person alter column name type varchar(20)"),  # a value that does not fit
        ("alter table person drop constraint person_pkey", "alter table person add primary key (id)"),  # no key to match by
        ("alter table person alter column amount type numeric(10)", "alter table person alter column amount type numeric(10,2)"),  # a cast would lose
        ("alter table person add check (amount < 0)", "alter table person drop constraint person_amount_check"),
        ("alter table person add column must integer not null", "alter table person drop column must"),
    ],
)  # fmt: skip
def test_a_table_that_no_longer_takes_the_rows(sharing: Sharing, change: str, undo: str) -> None:
    """The run fails and says so, nothing of the batch is there; when the table is mended, everything arrives."""
    sharing.ask(change)
    with pytest.raises(SchemaMismatch, match="person"):
        sharing.deliver()
    sharing.ask(undo)
    sharing.assert_whole()


@pytest.mark.parametrize("code", ["P0001", "23514", "45000"])
def test_words_of_a_trigger_are_not_passed_on(sharing: Sharing, code: str) -> None:
    """Whatever code the platform's trigger gives its words, they may tell of a person."""
    sharing.ask(
        "create function judge() returns trigger language plpgsql as $$ begin "
        f"raise exception '% is unknown', new.name using errcode = '{code}'; end $$"
    )
    sharing.ask("create trigger judge before insert on person for each row execute function judge()")
    with pytest.raises((SchemaMismatch, PlatformUnavailable)) as caught:
        sharing.deliver()
    ((kept,),) = sharing.city.ask("select error_text from gateway.batch order by batch_id desc limit 1")
    assert "张" not in str(caught.value) + kept


def test_a_platform_may_have_columns_of_its_own(sharing: Sharing) -> None:
    """They are neither written nor compared."""
    sharing.ask("alter table person add column received_at timestamptz default now()")
    sharing.assert_whole()


def test_a_route_that_leads_elsewhere_now_delivers_everything(sharing: Sharing) -> None:
    """Another platform has nothing of what the one before was given."""
    sharing.deliver()
    sharing.ask("alter table person rename to before; alter table gateway_delivery rename to delivered_before")
    sharing.ask(CREATE.replace("primary key", "unique"))
    catalog = sharing.city.deployment.catalog
    other = replace(catalog.platforms["share"], platform="elsewhere")
    routes = {**catalog.routes, OUT: replace(catalog.routes[OUT], peer=other)}
    sharing.city.deployment = replace(sharing.city.deployment, catalog=replace(catalog, routes=routes))
    assert sharing.deliver().inserted == 100


def test_what_a_renamed_inbound_route_no_longer_finds_is_deleted_at_the_platform(sharing: Sharing) -> None:
    """Its first load takes the place of the rows that the route of the old name brought."""
    sharing.deliver()
    catalog = sharing.city.deployment.catalog
    renamed = {OUT: catalog.routes[OUT], "people_in": replace(catalog.routes[IN], route="people_in")}
    sharing.city.deployment = replace(sharing.city.deployment, catalog=replace(catalog, routes=renamed))
    sharing.city.ask_source("delete from person where id = 'P00000100'")
    assert carry.run(sharing.city.deployment, "people_in").kind == "first_load"
    outcome = sharing.deliver()
    assert (outcome.deleted, outcome.unchanged) == (1, 99)
    assert reconcile.run(sharing.city.deployment, OUT).passed


def test_an_account_without_rights(sharing: Sharing) -> None:
    """The platform's owner is asked for the right; nothing was changed."""
    name = sharing.city.source.info.dbname
    sharing.ask(f"create role {name}_poor login password 'poor'")
    PostgresTarget("share", sharing.dsn).close()
    sharing.reach(sharing.city.servers[1].dsn(f"{name}_share", f"{name}_poor", "poor"))
    with pytest.raises(AccessDenied):
        sharing.deliver()
    sharing.reach(sharing.dsn)
    sharing.assert_whole()


def test_two_runs_at_once(sharing: Sharing) -> None:
    """The second is told to wait."""
    deployment = sharing.city.deployment
    with Attempt(deployment, deployment.route(OUT), "first", None), pytest.raises(RouteBusy):
        sharing.deliver()


def test_the_hub_receives_while_a_delivery_is_under_way(sharing: Sharing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery writes no data set: it locks none, and what changes meanwhile is the next one's."""
    write = PostgresTarget.write

    def meanwhile(self: PostgresTarget, *arguments: Any) -> Any:
        change_everything(sharing.city)
        sharing.bring()
        return write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(PostgresTarget, "write", meanwhile)
        assert sharing.deliver().read == 100
    assert reconcile.run(sharing.city.deployment, OUT).pending == 16
    assert sharing.deliver().read == 16
    sharing.assert_whole()


def test_a_hub_restored_to_an_older_backup(sharing: Sharing) -> None:
    """It refills from its sources and tells the platform again what it may have forgotten."""
    sharing.deliver()
    backup = sharing.city.copy_hub()
    change_everything(sharing.city)
    sharing.bring()
    sharing.deliver()
    sharing.city.use_hub(backup)
    with pytest.raises(RouteBusy, match="route person_in has not compared everything yet"):
        sharing.deliver()  # the first to see the restored hub; it would send what is older than what it sent
    sharing.bring()
    sharing.assert_whole()


def test_a_new_field_travels_for_every_row(sharing: Sharing) -> None:
    """A contract that gained a field is delivered afresh, for the old rows have a value now."""
    sharing.deliver()
    for ask in (sharing.ask, sharing.city.ask_source):
        ask("alter table person add column note varchar(9)")
    sharing.city.ask_source("update person set note = 'new', updated_at = now()")
    wider = replace(PERSON, fields=(*PERSON.fields, Field("note", "varchar(9)", classification="L2")), version="1.1.0")
    catalog = sharing.city.deployment.catalog
    routes = {name: replace(route, dataset=wider) for name, route in catalog.routes.items()}
    changed = replace(catalog, datasets={wider.name: wider}, routes=routes)
    sharing.city.deployment = replace(sharing.city.deployment, catalog=changed)
    sharing.bring()
    assert sharing.deliver().updated == 100
    assert sharing.ask("select distinct note from person") == [("new",)]


def test_reconciliation_names_what_differs_at_the_platform(sharing: Sharing) -> None:
    """What it lacks, what only it has, what is unlike; a repair delivers everything again and leaves its own rows alone."""
    sharing.deliver()
    sharing.ask("delete from person where id <= 'P00000005'")
    sharing.ask("update person set amount = -1 where id = 'P00000050'")
    sharing.ask("insert into person values ('X1', '外来', 1, 0, now())")
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.missing, found.different, found.extra, found.pending) == (False, 3, 1, 1, 0)
    again = reconcile.run(sharing.city.deployment, OUT, repair=True)
    assert (again.passed, again.missing, again.different, again.extra) == (False, 0, 0, 1)
    sharing.ask("delete from person where id = 'X1'")
    sharing.assert_whole()


def test_what_waits_to_be_delivered_is_no_difference(sharing: Sharing) -> None:
    """Inserts, updates and deletes of newer batches are pending, and the comparison passes."""
    sharing.deliver()
    change_everything(sharing.city)
    sharing.bring()
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.pending, found.method) == (True, 16, "key hashes")


MARKED = [
    "绝密★",  # a level and its star
    "关于某项目的通知 机密★10年",  # with a term, in the middle of a text
    "秘密 ☆ 长期",  # other star, blanks
    "【机密】会议纪要",  # in brackets, as titles bear it
    "（秘密）附件",  # other brackets
    "(绝密)",  # ASCII brackets
    " 机密　",  # alone in its field
    "机　密",  # set apart, as a level without a term is
    "【绝 密】附件",  # and in brackets
    "第一行\n绝密\n第三行",  # alone in a line
    '{"密级": "机密", "标题": "x"}',  # alone in a value of JSON
]
CLEAR = [
    "国家秘密载体印制",  # a line of business
    "商业秘密保护★示范点",  # the star is not the mark's
    "保密协议",  # neither word
    "机密仪器厂",  # a name
    "机 密仪器厂",  # a name set apart
    "★★★★★",  # stars alone
    None,
]


@pytest.mark.parametrize(("text", "stops"), [*((t, True) for t in MARKED), *((t, False) for t in CLEAR)])
def test_a_secrecy_mark_is_told_from_innocent_words(city: City, text: str | None, stops: bool) -> None:
    """As official documents set it: level and star, in brackets, or alone in a line."""
    marked = gate.marked(PERSON, "t")
    columns = "select null::text as id, %s::text as name, 1::smallint as sex, 1 as amount, now() as updated_at"
    with city.hub.cursor() as cursor:
        cursor.execute(sql.SQL("select {} from ({}) t").format(marked, sql.SQL(columns)), (text,))
        assert cursor.fetchone() == (stops,)


def test_hidden_fields_leave_masked_or_empty_and_are_compared_so(sharing: Sharing) -> None:
    """The platform never sees the values; both sides agree on what it was given, and a change of them travels."""
    here = sharing.city.deployment.catalog
    route = replace(here.routes[OUT], mask=("name",), withhold=("amount",))
    sharing.city.deployment = replace(
        sharing.city.deployment, catalog=replace(here, routes={**here.routes, OUT: route})
    )
    sharing.city.ask_source("update person set name = '阿不都热合曼买买提', updated_at = now() where id = 'P00000009'")
    sharing.city.ask_source("update person set name = '王', updated_at = now() where id = 'P00000008'")
    sharing.bring()
    sharing.deliver()
    shared = {key: (name, amount) for key, name, _, amount, _ in sharing.shared()}
    assert (shared["P00000009"], shared["P00000050"]) == (("阿不都****买提", None), ("张**", None))
    assert shared["P00000008"] == ("*", None)  # the first character would be the whole
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.method) == (True, "totals")
    sharing.ask("update person set name = '张三丰' where id = 'P00000050'")
    assert reconcile.run(sharing.city.deployment, OUT).different == 1


def mark(sharing: Sharing) -> int:
    """Let a row of the hub bear a secrecy mark, deliver, and return its entry in quarantine."""
    sharing.city.ask_source("update person set name = '【机密】王小明', updated_at = now() where id = 'P00000050'")
    sharing.bring()
    outcome = sharing.deliver()
    assert (outcome.read, outcome.rejected, dict(outcome.rejects)) == (1, 1, {"gate.secrecy": 1})
    ((number,),) = sharing.city.ask("select id from gateway.quarantine where rule = 'gate.secrecy' and state = 'open'")
    return int(number)


def test_a_row_with_a_secrecy_mark_stays_in_the_hub(sharing: Sharing) -> None:
    """The platform keeps the version it has, the others travel; the owner is told, and nothing of the row is shown but its key."""
    sharing.deliver()
    number = mark(sharing)
    assert sharing.ask("select name from person where id = 'P00000050'") == [("张50",)]
    assert sharing.deliver().read == 0
    entry = quarantine.show(sharing.city.hub, sharing.city.deployment.catalog.datasets, number)
    assert (entry["route"], entry["owner"], set(entry["masked"])) == (OUT, "gaj", {"id"})
    assert "密级" in entry["reason_zh"]
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.quarantined, found.different) == (True, 1, 0)
    assert reconcile.run(sharing.city.deployment, IN).passed


def test_a_row_that_never_left_is_not_missing_at_the_platform(sharing: Sharing) -> None:
    """It is accounted for as quarantined."""
    mark_first = "update person set name = '机密★1年', updated_at = now() where id = 'P00000050'"
    sharing.city.ask_source(mark_first)
    sharing.bring()
    assert (sharing.deliver().inserted, len(sharing.shared())) == (99, 99)
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.quarantined, found.method) == (True, 1, "totals")


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("update person set name = '王小明', updated_at = now() where id = 'P00000050'", "superseded"),  # mended
        ("delete from person where id = 'P00000050'", "gone"),  # withdrawn
    ],
)
def test_a_mended_row_leaves_and_closes_its_entry(sharing: Sharing, change: str, state: str) -> None:
    """The next version is judged afresh."""
    sharing.deliver()
    number = mark(sharing)
    sharing.city.ask_source(change)
    sharing.bring()
    assert sharing.deliver().read == 1
    assert sharing.city.ask("select state from gateway.quarantine where id = %s", (number,)) == [(state,)]
    sharing.assert_whole()


def test_a_stopped_row_cannot_be_replayed_and_a_discard_stands(sharing: Sharing) -> None:
    """It is in the hub already; given up, it is not entered again while it stays as it is."""
    sharing.deliver()
    number = mark(sharing)
    with pytest.raises(RuleRefused, match="was stopped on its way to share"):
        carry.replay(sharing.city.deployment, number, who="tester", why="x")
    quarantine.discard(sharing.city.deployment, number, who="tester", why="it is secret indeed")
    sharing.deliver(whole=True)
    assert sharing.city.ask("select state from gateway.quarantine where rule = 'gate.secrecy'") == [("discarded",)]


def test_nothing_goes_back_to_where_it_came_from(sharing: Sharing) -> None:
    """Rows that the platform itself fed into the hub are neither delivered to it nor missed there; deleted ones neither."""
    sharing.deliver()
    with sharing.city.hub, sharing.city.hub.cursor() as cursor:
        hub_tables.ensure_partition(sharing.city.hub, PERSON, "share")
        cursor.execute(
            "insert into hub.test_person select 'S' || id, name, sex, amount, updated_at, 'share', 999999 from hub.test_person "
            "where id < 'P00000010'; insert into hub.test_person__gone (id, gw_source, gw_batch) values ('SX', 'share', 999999)"
        )
    assert sharing.deliver().read == 0
    found = reconcile.run(sharing.city.deployment, OUT)
    assert (found.passed, found.hub_rows) == (True, 100)


CHANGED = [
    ("alter table person add column remark text", "public.person.remark", None),
    ("alter table person alter column name set default '无名'", "public.person.name", None),
    ("alter table person enable row level security", "public.person", "pg.rls.on"),  # who writes next is held
]


@pytest.mark.parametrize(("script", "path", "held"), CHANGED)
def test_a_target_that_changes_while_it_is_written_is_told_at_once(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, path: str, held: str | None
) -> None:
    """What was written stands and is confirmed; the change is told once, and the next run looks first."""
    write = PostgresTarget.write

    def changing(target: PostgresTarget, *what: Any) -> Any:
        done = write(target, *what)
        sharing.ask(script)
        return done

    with Mailbox(tmp_path / "mails") as mailbox:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        contacts.add(sharing.city.deployment, "gaj", "王五", "mail", "wangwu@example.gov.cn", who="tester")
        sharing.deliver()
        monkeypatch.setattr(PostgresTarget, "write", changing)
        sharing.city.ask_source("update person set name = '改', updated_at = now()")
        sharing.bring()
        assert sharing.deliver().receipt
        monkeypatch.setattr(PostgresTarget, "write", write)
        assert sharing.shared() == sharing.city.hub_rows()
        outbox.deliver(sharing.city.deployment)
        (mail,) = mailbox.mails()
        assert path in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it has one
        sharing.city.ask_source("update person set name = '再改', updated_at = now()")
        sharing.bring()
        if held is None:
            sharing.assert_whole()
            return
        with pytest.raises(SchemaMismatch, match=held):
            sharing.deliver()
        assert proof.verify(sharing.city.deployment).ok
