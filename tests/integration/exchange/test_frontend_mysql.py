"""A front end on MariaDB at work: persons go up from the hub, are refused, and come down into it from another platform."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import TargetLags
from gateway.exchange import carry, reconcile
from gateway.model import Platform, Route
from tests.conformance.mariadb import ENVELOPE, MariaDb, MysqlPeer
from tests.integration.conftest import PERSON, City

pytestmark = pytest.mark.system
IN, OUT, DOWN = "person_in", "person_up", "person_down"
COLUMNS = f"id varchar(18) not null, name varchar(6), sex smallint, amount decimal(10,2), updated_at timestamp(6) null, {ENVELOPE}"
OPTIONS = {
    "region": "130800", "source": "CDE", "returns": "dn_audit_abnormal",
    "resources": {"test.person": {"up": "up_person", "down": "dn_person", "code": "0101", "row_key": "id"}},
}  # fmt: skip


@pytest.fixture
def peer(mariadb: MariaDb) -> MysqlPeer:
    """Return a fresh front end with both tables, in three-byte characters."""
    found = MysqlPeer(mariadb)
    for table in ("up_person", "dn_person"):
        found.run(f"create table {table} ({COLUMNS}) engine=InnoDB default charset=utf8")
    found.run(
        "create table dn_audit_abnormal (row_guid varchar(50), table_row_guid varchar(50), table_cd_time datetime, "
        "err_type varchar(100), remark varchar(1000), cd_time datetime, table_cd_batch varchar(32), "
        "table_sql_name varchar(50), table_cd_source varchar(10))"
    )
    return found


@pytest.fixture
def uplink(city: City, peer: MysqlPeer) -> City:
    """Return the city with a route up and one down at that front end."""
    here, dsn = city.deployment, peer.dsn()
    prov = Platform("prov", "省平台", "frontend", "PROV", "gaj", clearance="L4", options=OPTIONS)
    routes = {
        OUT: Route(OUT, PERSON, prov, "delivery", "manual", here.catalog.terms["daily"]),
        DOWN: Route(DOWN, PERSON, prov, "incremental", "manual", here.catalog.terms["daily"]),
    }
    catalog = replace(
        here.catalog, routes={**here.catalog.routes, **routes}, platforms={**here.catalog.platforms, "prov": prov}
    )
    city.deployment = replace(here, catalog=catalog, resolve=lambda name: dsn if name == "PROV" else city.source_dsn)
    return city


def test_persons_go_up_and_refusals_come_back(uplink: City, peer: MysqlPeer) -> None:
    """New, changed and gone rows are told; a name that three bytes cannot hold waits; what was returned waits; the rest is proven."""
    uplink.fill(100)
    uplink.ask_source("update person set name = '王𠂇' where id = 'P00000007'")
    carry.run(uplink.deployment, IN, whole=True)
    first = carry.run(uplink.deployment, OUT)
    assert (first.read, first.inserted, dict(first.rejects)) == (100, 99, {"peer.name.charset": 1})
    uplink.ask_source("update person set amount = 7, updated_at = now() where id = 'P00000050'")
    uplink.ask_source("delete from person where id = 'P00000051'")
    carry.run(uplink.deployment, IN, whole=True)
    peer.run(
        "insert into dn_audit_abnormal select 'v1', id, cd_time, 'E301', '不符', now(), cd_batch, 'up_person', 'CDE' "
        "from up_person where id = 'P00000060'"
    )
    second = carry.run(uplink.deployment, OUT)
    assert (second.inserted, second.updated, second.deleted, dict(second.rejects)) == (0, 1, 1, {"peer.E301": 1})
    assert peer.run("select cd_operation, count(*) from up_person group by 1") == [("D", 1), ("I", 99), ("U", 1)]
    assert _moments(uplink, peer)
    assert reconcile.run(uplink.deployment, OUT).passed


def test_refused_rows_may_be_repeated_whole(uplink: City, peer: MysqlPeer) -> None:
    """A table that holds them with what is wrong: each is found by its key and batch, and counts once."""
    here = uplink.deployment.catalog
    told = {"up": "up_person", "code": "0101", "row_returns": "dn_person_error"}
    prov = replace(here.platforms["prov"], options={**OPTIONS, "resources": {"test.person": told}})
    routes = {**here.routes, OUT: replace(here.routes[OUT], peer=prov)}
    uplink.deployment = replace(uplink.deployment, catalog=replace(here, routes=routes))
    peer.run("create table dn_person_error like up_person")
    peer.run("alter table dn_person_error add error_remark varchar(512)")
    uplink.fill(20)
    carry.run(uplink.deployment, IN, whole=True)
    carry.run(uplink.deployment, OUT)
    peer.run("insert into dn_person_error select u.*, '证照编号重复' from up_person u where id = 'P00000005'")
    assert dict(carry.run(uplink.deployment, OUT).rejects) == {"peer.-": 1}
    assert carry.run(uplink.deployment, OUT).rejects == {}


def _moments(uplink: City, peer: MysqlPeer) -> bool:
    """Tell whether the front end holds the moment of a row to the microsecond."""
    here: Any = uplink.ask("select extract(epoch from updated_at) from hub.test_person where id = 'P00000001'")
    there = peer.run("select unix_timestamp(updated_at) from up_person where id = 'P00000001'")
    return [float(v) for (v,) in here] == [float(v) for (v,) in there]


def test_persons_come_down(uplink: City, peer: MysqlPeer) -> None:
    """The newest versions land with their types, a deletion is none, and one bad row waits in quarantine."""
    line = "select concat('P', lpad(seq, 8, '0')), '王', 1 + seq % 2, seq / 100, '2026-11-01 00:00:00', 'b', 'I', '2026-11-01', 'HEB'"
    peer.run(f"insert into dn_person {line} from seq_1_to_200")
    peer.run(
        "insert into dn_person select id, name, sex, 9, updated_at, 'c', 'U', '2026-11-02', 'HEB' from dn_person where id = 'P00000001'"
    )
    peer.run(
        "insert into dn_person select id, name, sex, 9, updated_at, 'c', 'D', '2026-11-02', 'HEB' from dn_person where id = 'P00000002'"
    )
    peer.run("update dn_person set updated_at = 0 where id = 'P00000003'")
    done = carry.run(uplink.deployment, DOWN)
    assert (done.read, done.inserted, dict(done.rejects)) == (199, 198, {"updated_at.type": 1})
    assert [str(r[3]) for r in uplink.hub_rows()[:2]] == ["9.00", "0.04"]
    peer.run("delete from dn_person where id = 'P00000004'")
    again = carry.run(uplink.deployment, DOWN, whole=True)
    assert (again.inserted, again.updated, again.deleted) == (0, 0, 1)
    assert reconcile.run(uplink.deployment, DOWN).passed


def test_a_delivery_waits_while_too_much_lies_unread(uplink: City, peer: MysqlPeer) -> None:
    """The same limit as on PostgreSQL, by a flag or by what still lies there."""
    uplink.fill(20)
    carry.run(uplink.deployment, IN, whole=True)
    carry.run(uplink.deployment, OUT)
    peer.run("alter table up_person add is_sync smallint not null default 0")
    here = uplink.deployment.catalog
    mend = "delete from up_person where id = 'P00000008'", "update up_person set is_sync = 1 where id = 'P00000009'"
    for unread, mended in zip(({"rows": 20}, {"rows": 20, "flag": "is_sync"}), mend, strict=True):
        prov = replace(here.platforms["prov"], options={**OPTIONS, "unread": unread})
        routes = {**here.routes, OUT: replace(here.routes[OUT], peer=prov)}
        uplink.deployment = replace(uplink.deployment, catalog=replace(here, routes=routes))
        uplink.ask_source("update person set amount = amount + 1, updated_at = now() where id = 'P00000005'")
        carry.run(uplink.deployment, IN, whole=True)
        with pytest.raises(TargetLags, match=r"20 rows or more of test\.person lie unread at platform prov"):
            carry.run(uplink.deployment, OUT)
        peer.run(mended)
        assert carry.run(uplink.deployment, OUT).updated == 1
