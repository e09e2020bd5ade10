"""Routes in a real Airflow: what a data engineer sees when all is well, and when it is not."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest

from gateway.exchange import proof, reconcile
from sandbox import order, places
from sandbox.running import RunningCity, ask, dag_of
from sandbox.waiting import until, wait_for

UPKEEP = "exchange__upkeep"
ITEMS = ("item_directory_in", "item_faq_in", "item_fee_in", "item_guide_in", "item_material_in", "item_step_in", *(f"item_{name}_prov_in" for name in ("directory", "fee", "guide", "material")))  # fmt: skip
ORGS = ("org_contact_in", "org_corporator_in", "org_org_in", "org_region_in", "org_staff_in", "org_user_in")
CHANNELS = tuple(f"message_post_{name}_in" for name in (*(c.code for c in places.counties()), "app", "wechat"))
FOLLOWERS = (
    "case_event_in",
    "case_material_in",
    "case_process_in",
    "case_process_zjj_in",
    "case_result_in",
    "case_result_zjj_in",
    "case_special_in",
)


@pytest.fixture(scope="module")
def carried(running: RunningCity) -> dict[str, dict[str, Any]]:
    """Carry every route once: those that wait for nobody by hand, after those their rules look into; the others by the asset they wait for."""
    routes = running.deployment.catalog.routes
    for name in routes:
        running.api.unpause(dag_of(name))
    ended: dict[str, dict[str, Any]] = {}
    for together in order.stages(running.deployment.catalog):
        by_hand = {name: running.start(name) for name in together if not routes[name].after}
        ended |= {name: running.ended(name, run) for name, run in by_hand.items()}
        ended |= {name: first_run(running, name) for name in together if name not in by_hand}
    return ended | {name: first_run(running, name) for name, route in routes.items() if route.outbound}


def first_run(running: RunningCity, route: str) -> dict[str, Any]:
    """Return the oldest run of a route, which nobody here has started, when it has ended."""
    run = wait_for(lambda: next(iter(running.api.runs(dag_of(route))[::-1]), None), 600, f"{route} was not started")
    return running.ended(route, run["dag_run_id"])


def log_of(running: RunningCity, route: str, run_id: str, attempt: int = 1) -> str:
    """Return the log of a route's task as one text."""
    return running.api.log(dag_of(route), run_id, "exchange", attempt)


def tries(running: RunningCity, route: str, run_id: str) -> tuple[str, int]:
    """Return state and number of the newest try of a route's task."""
    found = running.api.task(dag_of(route), run_id, "exchange")
    return found["state"], found["try_number"]


@pytest.mark.parametrize("route", ["assess_exemption_in", "assess_result_in", "case_accept_in", "case_accept_zjj_in", *FOLLOWERS, *CHANNELS, "document_meta_in", "geo_address_in", "geo_division_in", *ITEMS, "legal_institution_in", "legal_market_entity_in", "legal_social_org_in", "licence_data_in", "message_post_in", "message_reply_in", *ORGS, "pop_person_in", "push_message_in", "push_receipt_in", "resource_catalogue_in", "resource_catalogue_own_in", "site_link_in", "superv_feedback_in", "superv_task_in"])  # fmt: skip
def test_a_route_ends_with_the_hub_equal_to_the_source(
    running: RunningCity, carried: dict[str, dict[str, Any]], route: str
) -> None:
    """Started over the REST API, it succeeds at its first try, and both sides agree but for what was rejected."""
    assert carried[route]["state"] == "success"
    assert tries(running, route, carried[route]["dag_run_id"]) == ("success", 1)
    assert reconcile.run(running.deployment, route).passed


@pytest.mark.parametrize("route", FOLLOWERS)
def test_arrival_of_accepted_cases_starts_what_waits_for_them(carried: dict[str, dict[str, Any]], route: str) -> None:
    """Nobody started these: the asset that a route of accepted cases updated did."""
    assert carried[route]["run_type"] == "asset_triggered"


@pytest.mark.usefixtures("carried")
def test_every_receipt_verifies(running: RunningCity) -> None:
    """Chain, signatures, head, and each batch's rows in the hub."""
    found = proof.verify(running.deployment)
    assert (found.ok, found.first_fault) == (True, None)
    assert found.untouched >= len([r for r in running.deployment.catalog.routes.values() if not r.outbound])


@pytest.mark.usefixtures("carried")
def test_the_nightly_upkeep_prepares_the_hub_and_proves_the_receipts(running: RunningCity) -> None:
    """The DAG beside the routes runs from the first day without anybody's switching it on, and ends well."""
    run = running.api.trigger(UPKEEP)
    until(lambda: state_of(running, run) in {"success", "failed"}, 600, f"{UPKEEP} did not end")
    assert state_of(running, run) == "success"
    proven = running.api.xcom(UPKEEP, run, "verify", "return_value")
    assert (json.loads(proven) if isinstance(proven, str) else proven)["ok"] is True


def state_of(running: RunningCity, run_id: str) -> str:
    """Return how the upkeep's run is."""
    return next(r["state"] for r in running.api.runs(UPKEEP) if r["dag_run_id"] == run_id)


def test_a_run_returns_counts_and_receipt_but_no_rows(running: RunningCity, carried: dict[str, dict[str, Any]]) -> None:
    """What Airflow keeps of a run is a handful of numbers."""
    run = carried["pop_person_in"]["dag_run_id"]
    found = running.api.xcom(dag_of("pop_person_in"), run, "exchange", "return_value")
    shown = json.loads(found) if isinstance(found, str) else found
    assert set(shown) == {"kind", "batch", "receipt", "read", "landed", "deleted", "rejected", "seconds"}
    assert shown["read"] == shown["landed"] + shown["rejected"]
    links = running.api.links(dag_of("pop_person_in"), run, "exchange")
    assert links == {
        "回执 Receipt": f"/exchange/receipts/{shown['receipt']}",
        "链路状态 Route": "/exchange/routes/pop_person_in",
    }


@pytest.mark.usefixtures("carried")
def test_no_personal_value_and_no_password_reaches_airflow(running: RunningCity) -> None:
    """Neither a log of any kind nor Airflow's whole database holds a citizen's id or name, or a platform's password."""
    with running.owner_of("pop") as owner:
        people = ask(owner, "select citizen_id, name from dn_pop_person order by citizen_id limit 300")
        bad = ask(
            owner, "select citizen_id, name from dn_pop_person where citizen_id in (select key from sandbox.bad_row)"
        )
    secrets = {value for person in people + bad for value in person if value and len(value) > 2}
    passwords = {urlsplit(dsn).password for dsn in running.connections.values()}
    secrets |= {password for password in passwords if password}  # a folder has none
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in (running.home / "airflow").rglob("*.log")]
    texts.append(running.dump("airflow"))
    assert len(texts) > len(running.deployment.catalog.routes)
    assert [value for value in secrets if any(value in text for text in texts)] == []


def test_a_changed_source_table_fails_at_once_and_says_what_to_do(
    running: RunningCity, carried: dict[str, dict[str, Any]]
) -> None:
    """No retry can help; the log names code, column and hint, and no row was moved."""
    assert carried
    with running.owner_of("legal") as owner:
        ask(owner, "alter table dn_legal_social_org add column credit_level text")
        try:
            run = running.carry("legal_social_org_in")
        finally:
            ask(owner, "alter table dn_legal_social_org drop column credit_level")
    log = log_of(running, "legal_social_org_in", run["dag_run_id"])
    assert (run["state"], tries(running, "legal_social_org_in", run["dag_run_id"])) == ("failed", ("failed", 1))
    for words in ("GW-204", "来源表结构与契约不符", "credit_level", "HINT: ", "/exchange/routes/legal_social_org_in"):
        assert words in log
    assert "transfer.py" not in log  # no wall of the engine's frames


def test_an_unavailable_platform_is_tried_again_by_itself(
    running: RunningCity, carried: dict[str, dict[str, Any]]
) -> None:
    """The first try waits for its retry; when the platform is back, the second succeeds and nobody had to act."""
    assert carried
    with shut(running, "geo"):
        run = running.start("geo_address_in")
        until(lambda: tries(running, "geo_address_in", run)[0] == "up_for_retry", 300, "the task was not put off")
        log = log_of(running, "geo_address_in", run)
    assert running.ended("geo_address_in", run)["state"] == "success"
    assert tries(running, "geo_address_in", run) == ("success", 2)
    for words in ("GW-201", "平台不可用", "HINT: "):
        assert words in log


def test_a_mass_delete_puts_the_route_on_hold_and_names_the_way_out(
    running: RunningCity, carried: dict[str, dict[str, Any]]
) -> None:
    """It fails without retries, nothing is deleted, and the log tells which hold to look at and how to decide."""
    assert carried
    before = running.ask("select count(*) from hub.geo_division")
    with running.owner_of("geo") as owner:
        ask(owner, "create table sandbox.kept as table dn_geo_division")
        ask(owner, "delete from dn_geo_division where ctid in (select ctid from dn_geo_division limit 150)")
        try:
            held, again = running.carry("geo_division_in"), running.carry("geo_division_in")
        finally:
            ask(
                owner,
                "truncate dn_geo_division; insert into dn_geo_division table sandbox.kept; drop table sandbox.kept",
            )
    ((hold,),) = running.ask("select id from gateway.hold where route = 'geo_division_in' and state = 'open'")
    assert (held["state"], again["state"], running.ask("select count(*) from hub.geo_division")) == (
        "failed",
        "failed",
        before,
    )
    assert tries(running, "geo_division_in", held["dag_run_id"]) == ("failed", 1)
    assert f"gateway approve {hold}" in log_of(running, "geo_division_in", held["dag_run_id"])
    assert f"gateway hold show {hold}" in log_of(running, "geo_division_in", again["dag_run_id"])
    running.release("geo_division_in")
    assert running.carry("geo_division_in")["state"] == "success"


def test_a_killed_worker_leaves_nothing_half_done(running: RunningCity, carried: dict[str, dict[str, Any]]) -> None:
    """After kill -9 of the task's process in the middle of a read Airflow tries again, and both sides are equal."""
    assert carried
    with running.owner_of("legal") as owner:
        owner.autocommit = False
        ask(owner, "lock table dn_legal_institution in access exclusive mode")
        run = running.start("legal_institution_in")
        pid = wait_for(lambda: process_at_lock(running), 300, "the task did not come to the lock")
        os.kill(pid, signal.SIGKILL)
        until(lambda: tries(running, "legal_institution_in", run)[0] != "running", 300, "Airflow did not notice")
        owner.rollback()
    assert running.ended("legal_institution_in", run)["state"] == "success"
    assert tries(running, "legal_institution_in", run)[1] > 1
    assert reconcile.run(running.deployment, "legal_institution_in").passed
    left = (
        "select state from gateway.batch where route = 'legal_institution_in' and state not in ('committed', 'aborted')"
    )
    assert running.ask(left) == []  # other routes may well be on their way


def process_at_lock(running: RunningCity) -> int | None:
    """Return the process that waits for a lock at the legal persons' platform, found by its connection."""
    with running.owner_of("legal") as owner:
        waiting = ask(owner, "select client_port from pg_stat_activity where wait_event_type = 'Lock'")
    ports = {port for (port,) in waiting}
    found = [c.pid for c in psutil.net_connections("tcp4") if c.laddr and c.laddr[1] in ports and c.pid]
    return found[0] if found else None


@contextmanager
def shut(running: RunningCity, platform: str) -> Iterator[None]:
    """Close a platform's database to everybody for a while."""
    admin = psycopg2.connect(running.platforms.dsn())
    admin.autocommit = True
    ask(admin, f"alter database {platform} allow_connections false")
    ask(admin, f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{platform}'")
    try:
        yield
    finally:
        ask(admin, f"alter database {platform} allow_connections true")
        admin.close()
