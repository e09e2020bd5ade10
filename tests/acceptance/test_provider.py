"""The connection type 数据交换平台: its own entry in Airflow, and addresses in which every character survives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import gateway_operator
import pytest
from airflow.sdk import Connection
from gateway_hooks import ExchangeFilesHook, ExchangeHook, ExchangeMapHook, ExchangeRestHook
from psycopg2.extensions import parse_dsn

from gateway import provider
from sandbox.running import ROOT, RunningCity, ask

HARD = "p@ss:w/rd?#%&= 密码'\"\\"


@dataclass
class Fields:
    """A connection's fields as Airflow keeps them."""

    host: str | None = "10.0.0.8"
    port: int | None = 5432
    schema: str | None = "pop"
    login: str | None = "reader"
    password: str | None = "secret"
    extra_dejson: dict[str, Any] = field(default_factory=dict)
    conn_type: str = provider.CONNECTION_TYPE


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (Fields(), {"host": "10.0.0.8", "port": "5432", "dbname": "pop", "user": "reader", "password": "secret"}),  # plain
        (Fields(password=HARD), {"password": HARD, "host": "10.0.0.8"}),  # characters that mean something in an address
        (Fields(login="o'neil@gov"), {"user": "o'neil@gov"}),  # in the user as well
        (Fields(schema="人口 库"), {"dbname": "人口 库"}),  # in the database as well
        (Fields(host="2001:db8::1"), {"host": "2001:db8::1"}),  # an IPv6 address
        (Fields(port=None), {"host": "10.0.0.8"}),  # libpq's own port
        (Fields(password=None), {"user": "reader"}),  # a password from a file
        (Fields(extra_dejson={"sslmode": "verify-full", "sslrootcert": "/etc/ca 1.pem", "x": None}), {"sslmode": "verify-full", "sslrootcert": "/etc/ca 1.pem"}),  # further parameters
    ],
)  # fmt: skip
def test_an_address_keeps_every_character(given: Fields, wanted: dict[str, str]) -> None:
    """What libpq reads from the address is what the connection holds."""
    found = parse_dsn(provider.dsn(given))
    assert {name: found.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "https://reader:secret@10.0.0.8:5432/pop"),  # https unless told otherwise
        ({"host": "http://127.0.0.1", "schema": "/api/v1/"}, "http://reader:secret@127.0.0.1:5432/api/v1"),  # loopback
        ({"password": "p@ss:w/rd", "port": None, "schema": None}, "https://reader:p%40ss%3Aw%2Frd@10.0.0.8/"),
        ({"extra_dejson": {"ca": "/etc/ca 1.pem", "key": None}}, "https://reader:secret@10.0.0.8:5432/pop?ca=%2Fetc%2Fca%201.pem"),
    ],
)  # fmt: skip
def test_an_address_of_a_rest_platform(given: dict[str, Any], wanted: str) -> None:
    """The base path stays a path, the TLS files go along, and what is not set is left out."""
    assert provider.dsn(Fields(**given, conn_type=provider.REST_TYPE)) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"port": 22, "schema": "exchange/出 件"}, "sftp://reader:secret@10.0.0.8:22/exchange/%E5%87%BA%20%E4%BB%B6"),
        ({"port": None, "password": None, "extra_dejson": {"key": "/etc/id"}}, "sftp://reader@10.0.0.8/pop?key=%2Fetc%2Fid"),
        ({"host": None, "schema": "/srv/exchange"}, "file:///srv/exchange"),  # a folder of this machine: nobody logs in
    ],
)  # fmt: skip
def test_an_address_of_files(given: dict[str, Any], wanted: str) -> None:
    """The folder stays a path, and without a host it is one of this machine."""
    assert provider.dsn(Fields(**given, conn_type=provider.FILES_TYPE)) == wanted


def test_a_map_service_has_a_base_path_too() -> None:
    """It is behind HTTP like any interface."""
    assert (
        provider.dsn(Fields(schema="/ogc/v1/", conn_type=provider.MAP_TYPE))
        == "https://reader:secret@10.0.0.8:5432/ogc/v1"
    )


@pytest.mark.parametrize("hook", [ExchangeFilesHook, ExchangeMapHook])
def test_the_test_button_asks_files_and_maps(
    running: RunningCity, monkeypatch: pytest.MonkeyPatch, hook: type[ExchangeRestHook]
) -> None:
    """As the routes do: the folder of a department, and the map service."""
    where = urlsplit(running.connections[hook.default_conn_name.upper()])
    host = f"{where.scheme}://{where.hostname}" if where.hostname else None
    kept = Connection(
        conn_id=hook.default_conn_name, conn_type=hook.conn_type, host=host, port=where.port, schema=where.path,
        login=where.username, password=where.password,
    )  # fmt: skip
    monkeypatch.setenv(f"AIRFLOW_CONN_{hook.default_conn_name.upper()}", kept.as_json())
    monkeypatch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))
    good, text = hook(hook.default_conn_name).test_connection()
    assert good, text


def test_a_task_resolves_a_connection_of_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the platform's connection name in lower case; whatever type the connection has."""
    kept = Connection(conn_id="pop", conn_type=provider.CONNECTION_TYPE, host="h", login="u", password=HARD, schema="d")
    monkeypatch.setenv("AIRFLOW_CONN_POP", kept.as_json())
    found = parse_dsn(gateway_operator.connection_of("POP") or "")
    assert (found["user"], found["password"], found["dbname"]) == ("u", HARD, "d")


def test_a_connection_that_airflow_does_not_have_is_left_to_the_environment() -> None:
    """None, not an error: GATEWAY_CONN_<NAME> is asked next."""
    assert gateway_operator.connection_of("NOWHERE") is None


def test_the_type_is_an_entry_of_its_own(running: RunningCity) -> None:
    """In the form's list: Chinese name, Chinese fields, the encryption choice; the postgres type is untouched."""
    kinds = {kind["connection_type"]: kind for kind in running.api.connection_types()}
    ours = kinds[provider.CONNECTION_TYPE]
    assert ours["hook_name"] == "数据交换平台 (PostgreSQL)"
    assert ours["standard_fields"]["host"]["title"] == "平台地址 host"
    assert list(ours["extra_fields"]) == ["sslmode"]
    assert (kinds["postgres"]["hook_name"], kinds["postgres"]["standard_fields"]["host"]) == ("Postgres", None)


def test_a_connection_kept_in_airflow_goes_before_the_environment(running: RunningCity) -> None:
    """Entered as a person would, with a password that means something in an address, it carries a route."""
    with running.owner_of("geo") as owner:
        ask(owner, "create role hard login password %s", (HARD,))
        ask(owner, "grant select on all tables in schema public to hard; grant pg_read_all_stats to hard")
    where = parse_dsn(running.connections["GEO"])
    running.api.make_connection(
        "geo",
        provider.CONNECTION_TYPE,
        host=where["host"],
        port=int(where["port"]),
        schema="geo",
        login="hard",
        password=HARD,
    )
    try:
        assert running.carry("geo_division_in")["state"] == "success"
        with running.owner_of("geo") as owner:
            ask(owner, "alter role hard password 'changed'")
            failed = running.carry("geo_division_in")
    finally:
        running.api.remove_connection("geo")
        with running.owner_of("geo") as owner:
            ask(owner, "drop owned by hard; drop role hard")
    log = running.api.log("route__geo_division_in", failed["dag_run_id"], "exchange", 1)
    assert (failed["state"], "GW-202" in log, HARD in log) == ("failed", True, False)


@pytest.mark.parametrize(("secret", "answers"), [(None, True), ("wrong", False)])  # as it is; refused
def test_the_test_button_asks_a_rest_platform_too(
    running: RunningCity, monkeypatch: pytest.MonkeyPatch, secret: str | None, answers: bool
) -> None:
    """The hook asks as the routes do, with the options of the catalog, and repeats no secret."""
    where = urlsplit(running.connections["WEB"])
    kept = Connection(
        conn_id="web", conn_type=provider.REST_TYPE, host=f"http://{where.hostname}", port=where.port,
        schema=where.path, login=where.username, password=secret or where.password,
    )  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WEB", kept.as_json())
    monkeypatch.setenv("GATEWAY_CATALOG", str(ROOT / "catalog"))
    good, text = ExchangeRestHook("web").test_connection()
    assert good is answers, text
    assert str(secret or where.password) not in text


@pytest.mark.parametrize(("password", "answers"), [(None, True), ("wrong", False)])  # as it is; refused
def test_the_test_button_says_whether_the_platform_answers(
    running: RunningCity, monkeypatch: pytest.MonkeyPatch, password: str | None, answers: bool
) -> None:
    """The hook opens the platform's database and says what it said, without the password."""
    where = parse_dsn(running.connections["GEO"])
    kept = Connection(
        conn_id="geo_test", conn_type=provider.CONNECTION_TYPE, host=where["host"], port=int(where["port"]),
        schema=where["dbname"], login=where["user"], password=password or where["password"],
    )  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_GEO_TEST", kept.as_json())
    good, text = ExchangeHook("geo_test").test_connection()
    assert good is answers
    assert (password or where["password"]) not in text
