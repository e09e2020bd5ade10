"""The provincial exchange platform's front end: up tables that it collects, and what it finds wrong in them days later.

Its rules are its own: one the city can only keep by mending the row at its source, one is a gap of the province's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from sandbox import item_parts, items, sources

NAME = "prov"
TABLES: Mapping[str, str] = {
    "case.accept": "up_pro_accept",
    "case.process": "up_pro_process",
    "case.special": "up_pro_special_procedure",
    "case.material": "up_pro_material",
    "case.result": "up_pro_result",
    "item.directory": "up_task_directory",
    "item.guide": "up_task_general_basic",
    "item.material": "up_task_general_material",
    "item.fee": "up_task_general_fee_project",
    "licence.data": "up_lic_data",
    "org.region": "up_uc_gov_region",
    "org.org": "up_uc_gov_org",
    "org.staff": "up_uc_gov_staff",
    "org.user": "up_uc_province_user",
    "org.corporator": "up_uc_corporator_identity",
}
DOWN: Mapping[str, str] = {
    "item.directory": "dn_task_directory",
    "item.guide": "dn_task_general_basic",
    "item.material": "dn_task_general_material",
    "item.fee": "dn_task_general_fee_project",
}
ENTRIES, GUIDES = 60, 24
_FIRST = 700  # number of the province's first guide, far from those of the city
_SEED = 20261125
# What the national table demands though our contract does not: a special procedure that still runs cannot be told.
_NEEDED = {"case.special": {"end_time"}}
_ENVELOPE = frozenset({"cd_batch", "cd_operation", "cd_time", "data_source"})
_ENVELOPE_SHAPE = (
    "cd_batch varchar(32) not null, cd_operation varchar(2) not null, cd_time timestamp(0) not null, "
    "data_source varchar(3) not null"
)
_RETURNS = """
create table public.dn_audit_abnormal (
  id bigint generated always as identity, err_type varchar(100) not null, remark varchar(1000),
  table_name varchar(50) not null, table_sql_name varchar(50) not null, table_row_guid varchar(50) not null,
  table_cd_batch varchar(32) not null, table_cd_source varchar(10) not null, table_cd_time timestamp(0) not null,
  table_update_time timestamp(0) not null, row_guid varchar(50) not null, cd_time timestamp(0) not null);
create index on public.dn_audit_abnormal (table_sql_name, cd_time);
create table public.dn_uc_adult_abnormal (like public.dn_audit_abnormal including identity including indexes);
create table public.dn_lic_data_error (like public.up_lic_data including identity, error_remark varchar(512) not null);
create table sandbox.judged (table_name text not null, id bigint not null, primary key (table_name, id));
create table sandbox.gap (ending text primary key);
insert into sandbox.gap values ('777');
create table sandbox.bad_row (dataset text, key text, rule text)
"""
_NOW = "(now() at time zone 'Asia/Shanghai')::timestamp(0)"
_JUDGE = f"""
with judged as (
  select u.*, case when u.contact_mobile like '%000' then 'E301'
                   when exists (select from sandbox.gap g where right(u.project_no, 3) = g.ending) then 'E207' end as err
    from public.up_pro_accept u
   where not exists (select from sandbox.judged j where j.table_name = 'up_pro_accept' and j.id = u.id)
), told as (
  insert into public.dn_audit_abnormal (err_type, remark, table_name, table_sql_name, table_row_guid, table_cd_batch,
         table_cd_source, table_cd_time, table_update_time, row_guid, cd_time)
  select err, case err when 'E301' then '联系电话' || contact_mobile || '不在有效号段内'
                       else '办件编号' || project_no || '所在号段未在省平台登记' end,
         '办件受理信息', 'up_pro_accept', row_guid, cd_batch, data_source, cd_time, {_NOW}, gen_random_uuid()::text, {_NOW}
    from judged where err is not null and cd_operation <> 'D' returning 1
), seen as (
  insert into sandbox.judged select 'up_pro_accept', id from judged
)
select count(*) from told
"""


def create(connection: Connection, role: str) -> None:
    """Make the tables of the front end, and let an account add to the up tables and read what comes back."""
    deliver = sql.Identifier(role)
    with connection.cursor() as cursor:
        cursor.execute("create schema sandbox")
        for dataset, name in TABLES.items():
            cursor.execute(_up(dataset, name))
            index = sql.SQL("create index on public.{0} (cd_batch); create index on public.{0} ({1})")
            cursor.execute(index.format(sql.Identifier(name), sql.Identifier(sources.table(dataset).key[0])))
            cursor.execute(sql.SQL("grant select, insert on public.{} to {}").format(sql.Identifier(name), deliver))
        for dataset, name in DOWN.items():
            cursor.execute(_table(name, [c for c in sources.table(dataset).columns if c.name not in _ENVELOPE], set()))
            cursor.execute(sql.SQL("grant select on public.{} to {}").format(sql.Identifier(name), deliver))
        cursor.execute(_RETURNS)
        returns = "public.dn_audit_abnormal, public.dn_uc_adult_abnormal, public.dn_lic_data_error"
        cursor.execute(sql.SQL("grant select on {} to {}").format(sql.SQL(returns), deliver))
    _fill_down(connection)


class Province:
    """The other side of the front end."""

    def __init__(self, dsn: str) -> None:
        """Take the owner's DSN."""
        self._dsn = dsn

    def judge(self) -> int:
        """Look at every accepted case that came since the last time, and return how many were sent back."""
        return self._count(_JUDGE)

    def mend(self) -> int:
        """Register the range of case numbers that was forgotten; return how many were missing."""
        return self._count("with gone as (delete from sandbox.gap returning 1) select count(*) from gone")

    def _count(self, statement: str) -> int:
        with closing(psycopg2.connect(self._dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.fetchall()[0][0])


def _fill_down(connection: Connection) -> None:
    """Tell the province's own directory of items, and its guides: a row for each change, some of them updates and deletions."""
    told: dict[str, list[dict[str, Any]]] = {"item.directory": list(_directory())}
    for dataset, row in _guides():
        told.setdefault(dataset, []).append(row)
    for dataset, rows in told.items():
        columns = [c.name for c in sources.table(dataset).columns]
        statement = sql.SQL("insert into public.{} ({}, cd_batch, data_source) values %s").format(
            sql.Identifier(DOWN[dataset]), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.cursor() as cursor:
            found = [[row.get(c) for c in columns] + [f"130000{n:022}", "HEB"] for n, row in enumerate(rows)]
            execute_values(cursor, statement, found)


def _now() -> datetime:
    return datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None, microsecond=0)


def _guides() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the province's guides, each with a material, those that cost something with a fee, and their data sets."""
    for number in range(GUIDES):
        if _is_deleted(number):
            continue
        task = {"task_guid": items.guid("province task", number), "cd_operation": "I"}
        named = [(name, {**task, "row_guid": items.guid(f"province {name}", number)}) for name in DOWN]
        guide, material, fee = (own for _, own in named[1:])
        costs = number % 6 == 5
        guide |= {"catalog_code": f"0009{number:08d}"}
        guide |= {"is_fee": "1", "fee_basis": "冀价行费〔2017〕3号", "pay_modes": "网上缴费"} if costs else {}
        yield "item.guide", items.guide(_FIRST + number, _now(), _SEED) | guide
        yield "item.material", item_parts.spare_material(number, _SEED) | material
        if costs:
            yield "item.fee", item_parts.spare_fee(number, _SEED) | fee


def _is_deleted(number: int) -> bool:
    """Tell whether an entry of the directory is taken back later."""
    return number % 12 != 0 and number % 20 == 7


def _directory() -> Iterator[dict[str, Any]]:
    for number in range(ENTRIES):
        entry = items.entry(number, _now(), _SEED)
        own = {"catalog_code": f"0009{number:08d}", "row_guid": items.guid("province", number), "cd_operation": "I"}
        yield entry | own
        later = {"cd_time": datetime.fromisoformat(entry["cd_time"]) + timedelta(minutes=5)}
        if number % 12 == 0:
            yield entry | own | later | {"cd_operation": "U", "task_name": f"{entry['task_name']}（省级修订）"}
        elif _is_deleted(number):
            yield entry | own | later | {"cd_operation": "D"}


def _up(dataset: str, name: str) -> sql.Composed:
    """Return the statement that makes an up table: the contract's columns as strict as the wire's, and the envelope."""
    columns = [c for c in sources.table(dataset).columns if c.name not in _ENVELOPE]
    return _table(name, columns, {c.name for c in columns if c.required} | _NEEDED.get(dataset, set()))


def _table(name: str, columns: list[sources.Column], needed: set[str]) -> sql.Composed:
    shapes = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(c.name), sql.SQL(c.type), sql.SQL(" not null" if c.name in needed else "")
        )
        for c in columns
    ]
    return sql.SQL("create table public.{} (id bigint generated always as identity primary key, {}, {})").format(
        sql.Identifier(name), sql.SQL(", ").join(shapes), sql.SQL(_ENVELOPE_SHAPE)
    )
