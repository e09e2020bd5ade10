"""The province's front end as the stand-in city has it: organisations, users and guides go up, refusals come by three tables."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway import catalog
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import delivery, reconcile, transfer
from gateway.exchange import hub as hub_tables
from gateway.ledger import migrate
from gateway.security.crypto import Keys
from sandbox import city, sources
from sandbox.order import in_order

ROOT = Path(__file__).parents[3]
GIVEN = {
    "org.region", "org.org", "org.staff", "org.user", "org.corporator", "item.material", "item.fee", "licence.data",
}  # fmt: skip
_RETURN_USER = (
    "insert into dn_uc_adult_abnormal (err_type, remark, table_name, table_sql_name, table_row_guid, table_cd_batch, "
    "table_cd_source, table_cd_time, table_update_time, row_guid, cd_time) "
    "select 'E501', '用户等级与实名信息不符', '注册用户', 'up_uc_province_user', left(cert_key, 50), cd_batch, data_source, "
    "cd_time, cd_time, 'v1', localtimestamp(0) from up_uc_province_user order by cert_key limit 1"
)
_RETURN_LICENCE = (
    "do $$ declare names text; begin "
    "select string_agg(quote_ident(attname), ', ') into names from pg_attribute "
    "where attrelid = 'up_lic_data'::regclass and attnum > 0 and attname <> 'id'; "
    "execute format('insert into dn_lic_data_error (%1$s, error_remark) select %1$s, ''证照编号与省级证照库已有记录重复'' "
    "from up_lic_data order by certificate_source_id limit 1', names); end $$"
)
Uplink = tuple[Deployment, Mapping[str, str]]


@pytest.fixture(scope="module")
def uplink(servers: tuple[Server, Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uplink]:
    """Yield a hub that holds what two platforms of the city bring, and the addresses of all."""
    hub, source = servers
    name = f"prov_{uuid.uuid4().hex[:8]}"
    hub.create_database(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "DATABASES", {n: sources.DATABASES[n] for n in ("approval", "licence")})
        dsns = city.fill(source.dsn(), 0.02, progress=str)
        migrate.upgrade(hub.dsn(name))
        keys = Keys.create(tmp_path_factory.mktemp("keys") / "keys", city.CERT_KEY)
        deployment = Deployment(catalog.load(ROOT / "catalog"), hub.dsn(name), keys, dsns.get)
        hub_tables.prepare(deployment)
        for route in in_order(deployment.catalog):
            if deployment.catalog.routes[route].dataset.name in GIVEN:
                transfer.run(deployment, route)
        yield deployment, dsns
        city.reset(source.dsn())


def _ask(dsn: str, statement: str) -> Any:
    with closing(psycopg2.connect(dsn)) as there, there, there.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else cursor.rowcount


def _up(deployment: Deployment, dataset: str) -> str:
    """Return the route that takes a data set up."""
    (found,) = (
        r.route
        for r in deployment.catalog.routes.values()
        if r.outbound and r.peer.platform == "prov" and r.dataset.name == dataset
    )
    return found


@pytest.mark.parametrize("dataset", sorted(GIVEN))
def test_what_the_hub_holds_is_written_up(uplink: Uplink, dataset: str) -> None:
    """Every row, the front end's own limits included; again there is nothing to send, and both sides agree."""
    deployment, _ = uplink
    route = _up(deployment, dataset)
    first = delivery.run(deployment, route)
    assert (first.rejected, first.landed > 0) == (0, True)
    assert delivery.run(deployment, route).read == 0
    assert reconcile.run(deployment, route).passed


@pytest.mark.parametrize(
    ("dataset", "statement", "rule"),
    [
        ("org.user", _RETURN_USER, "peer.E501"),  # a key of 64 digits of which the return holds 50
        ("licence.data", _RETURN_LICENCE, "peer.-"),  # the row again, without a code
    ],
)
def test_a_refusal_is_heard_from_the_table_of_its_kind(uplink: Uplink, dataset: str, statement: str, rule: str) -> None:
    """Once, by the data set that it is about and by no other."""
    deployment, dsns = uplink
    routes = {d: _up(deployment, d) for d in sorted(GIVEN)}
    for route in routes.values():
        delivery.run(deployment, route)
    _ask(dsns["PROV_ADMIN"], statement)
    heard = {d: dict(delivery.run(deployment, route).rejects) for d, route in routes.items()}
    assert {d: rejects for d, rejects in heard.items() if rejects} == {dataset: {rule: 1}}
    assert delivery.run(deployment, routes[dataset]).rejects == {}
