"""The gateway's own pages: nobody without a login sees one, and they say in words what the ledger holds."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gateway_plugin
import pytest
import requests
from exchange_app import callbacks, feeds, frame, notices
from exchange_app.api import app as api
from exchange_app.api import base, watch
from exchange_app.pages import app as pages
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from gateway.ledger import chain
from gateway.security.signing import HEADERS, Signer
from sandbox.running import RunningCity, ask

HTML = {"accept": "text/html"}
ROUTES = sorted(
    (method, route.path) for route in pages.app.routes if isinstance(route, APIRoute) for method in route.methods
)
PATHS = sorted(path for method, path in ROUTES if method == "GET")


def address(path: str) -> str:
    """Return a path with its parameters filled in."""
    names = {
        "name": "pop_person_in",
        "dag": "route__pop_person_in",
        "run_id": "manual",
        "platform": "pop",
        "backup": "hub_daily",
        "route": "pop_person_in",
    }
    more = {"row": 1, "period": "2026-01A", "form": "csv", "no": "MK-2026-001" if path.startswith("/dockets") else 1}
    return path.format(notice=1, version=1, **names, **more)


@pytest.fixture(scope="module")
def stranger() -> TestClient:
    """Return a client of the pages without a login."""
    return TestClient(pages.app, follow_redirects=False)


def test_the_app_has_no_other_routes() -> None:
    """No description of the API, no folder of files: each would be open to everybody."""
    assert ROUTES == [
        ("GET", "/"), ("GET", "/audit"), ("GET", "/backups"), ("GET", "/backups/{backup}"), ("GET", "/changes"),
        ("GET", "/changes/{platform}/{version}"), ("GET", "/circulars"), ("GET", "/circulars/{period}/{form}"),
        ("GET", "/dockets"), ("GET", "/health"), ("GET", "/inbox"), ("GET", "/inbox/{notice}"), ("GET", "/notice"),
        ("GET", "/notice/new"), ("GET", "/notice/{notice}"), ("GET", "/quarantine"), ("GET", "/quarantine/{row}"),
        ("GET", "/receipts/{no}"), ("GET", "/routes/{name}"), ("GET", "/runs/{dag}/{run_id}"), ("GET", "/sla"),
        ("GET", "/sla/{period}/{route}"), ("GET", "/static/{name}"), ("POST", "/circulars/{period}/evidence"),
        ("POST", "/circulars/{period}/review"),
        ("POST", "/dockets"), ("POST", "/dockets/{no}/rule"), ("POST", "/dockets/{no}/withdraw"),
        ("POST", "/inbox/{notice}"), ("POST", "/notice/new"), ("POST", "/notice/{notice}/announce"),
        ("POST", "/notice/{notice}/postpone"), ("POST", "/notice/{notice}/revise"),
        ("POST", "/notice/{notice}/withdraw"), ("POST", "/quarantine/replay"), ("POST", "/quarantine/{row}/discard"),
        ("POST", "/quarantine/{row}/replay"), ("POST", "/quarantine/{row}/unmask"),
    ]  # fmt: skip
    assert all(isinstance(route, APIRoute) for route in pages.app.routes)


def test_only_callbacks_feeds_links_and_the_interface_of_units_need_no_login() -> None:
    """A callback is proven by its signature, a link is a secret of one notice and unit, feeds and interface ask for a token."""
    apps = [callbacks.app, feeds.app, notices.app, api.app]
    public = [route for app in apps for route in app.routes]
    found = [(route.path, route.methods) for route in public if isinstance(route, APIRoute)]
    assert found == [
        ("/{platform}/{dataset}", {"POST"}),
        ("/{token}/notices.atom", {"GET", "HEAD"}), ("/{token}/notices.ics", {"GET", "HEAD"}),
        ("/{token}", {"GET"}), ("/{token}", {"POST"}), ("/notices", {"GET"}),
        ("/notices/{no}", {"GET"}), ("/notices/{no}/ack", {"POST"}), ("/openapi.json", {"GET"}),
        ("/sla", {"GET"}), ("/quarantine", {"GET"}), ("/health", {"GET"}), ("/metrics", {"GET"}),
    ]  # fmt: skip
    assert len(found) == len(public)
    asking = [route for route in api.app.routes if isinstance(route, APIRoute)]
    proofs = {base.unit, watch.watcher}
    without = {route.path for route in asking if not proofs & {inner.call for inner in route.dependant.dependencies}}
    assert without == {"/health"}


def test_airflow_asks_a_signature_of_callbacks_and_no_login(running: RunningCity) -> None:
    """The running Airflow takes the calls to the callbacks, not to the pages; a stranger is told nothing."""
    path, body = "/exchange/callbacks/prov_portal/message.reply", b'{"rows": []}'
    portal = urlsplit(running.environment["GATEWAY_CONN_PROV_PORTAL"])
    stamp, nonce = str(int(time.time())), secrets.token_hex(16)
    signed = Signer(portal.username or "", portal.password or "", "sm3").signature("POST", path, "", body, stamp, nonce)
    proof = dict(zip(HEADERS, (portal.username, stamp, nonce, signed), strict=True))
    answers = [
        requests.post(running.stack.url + path, data=body, headers=headers, timeout=30)
        for headers in ({}, proof, proof)
    ]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (401, {"detail": "not proven"}), (200, {"kept": 0}), (401, {"detail": "not proven"}),
    ]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_program_without_login_is_refused(stranger: TestClient, method: str, path: str) -> None:
    """401 and nothing else."""
    answer = stranger.request(method, address(path))
    assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"})


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_person_without_login_is_sent_to_log_in(stranger: TestClient, method: str, path: str) -> None:
    """The login page knows where to come back to."""
    answer = stranger.request(method, address(path), headers=HTML)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/auth/login?next=%2F")


def test_nobody_can_claim_to_be_a_user() -> None:
    """A user must come from the login; as a query parameter anybody could name one."""

    def asked(dependant: Any) -> list[str]:
        inner = [name for below in dependant.dependencies for name in asked(below)]
        return [parameter.name for parameter in dependant.query_params] + inner

    for route in pages.app.routes:
        assert isinstance(route, APIRoute)
        assert asked(route.dependant) == [], route.path
        assert any(inner.call is pages.get_user for inner in route.dependant.dependencies)


@pytest.mark.parametrize("path", [address(path) for path in PATHS] + ["/nothing"])
def test_a_refusal_runs_no_script_and_is_not_kept(stranger: TestClient, path: str) -> None:
    """The headers stand on refusals too."""
    headers = stranger.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


def test_templates_need_no_script_but_that_of_charts() -> None:
    """What the policy forbids is not there: scripts but our own files, inline styles and foreign addresses."""
    own = '<script src="{{ root }}/static/{{ name }}" defer></script>'
    paths = sorted(Path(frame.TEMPLATES).glob("*.html"))
    texts = [path.read_text(encoding="utf-8").replace(own, "") for path in paths]
    assert texts
    assert not [
        word for text in texts for word in ("<script", ' style="', "http://", "https://", "onclick") if word in text
    ]


def test_the_plugin_mounts_the_pages() -> None:
    """Callbacks, feeds and notices before the pages, whose address begins alike, and the tabs that lead to the pages."""
    mounted = [(one["app"], one["url_prefix"]) for one in gateway_plugin.GatewayPlugin().fastapi_apps]
    assert mounted == [
        (callbacks.app, "/exchange/callbacks"),
        (feeds.app, "/exchange/feeds"),
        (notices.app, "/exchange/notices"),
        (api.app, "/exchange/api/v1"),
        (pages.app, "/exchange"),
    ]
    assert {view["destination"] for view in gateway_plugin.GatewayPlugin.external_views} == {
        "dag",
        "nav",
        "task_instance",
    }


@pytest.fixture(scope="module")
def reader(running: RunningCity) -> requests.Session:
    """Return a browser's session of somebody who may read DAGs."""
    session = requests.Session()
    session.headers.update(HTML | {"Authorization": f"Bearer {running.stack.token('Viewer')}"})
    return session


@pytest.fixture(scope="module")
def carried(running: RunningCity) -> dict[str, Any]:
    """Carry the divisions once and return the receipt."""
    assert running.carry("geo_division_in")["state"] == "success"
    hub = running.deployment.hub(name="test", autocommit=True)
    try:
        return next(r for r in chain.listing(hub, "geo_division_in") if r["body"].get("run") == "first_load")
    finally:
        hub.close()


def test_a_receipt_tells_counts_reasons_and_proof(
    running: RunningCity, reader: requests.Session, carried: dict[str, Any]
) -> None:
    """Counts, the Chinese reason of each rule, hash, and that hash and signature hold."""
    text = reader.get(f"{running.stack.url}/exchange/receipts/{carried['no']}", timeout=30).text
    body = carried["body"]
    for words in (f"<b>{body['read']}</b> 行", f"新增 {body['inserted']}", "上级代码不是本级代码的前缀", carried["hash"], body["content"]["hash_sum"]):  # fmt: skip
        assert words in text
    assert text.count("✓ 通过") == 3


def test_a_receipt_that_was_changed_is_shown_as_such(
    running: RunningCity, reader: requests.Session, carried: dict[str, Any]
) -> None:
    """Whoever edits the ledger behind the gateway's back cannot keep the hash."""
    no, text = carried["no"], json.dumps
    with running.deployment.hub(name="test") as hub:  # rolled back at the end
        ask(hub, "reset role; alter table gateway.receipt disable trigger receipt_is_evidence")
        ask(hub, "update gateway.receipt set body = replace(body, %s, %s) where no = %s",
            (f'"read":{text(carried["body"]["read"])}', '"read":1', no))  # fmt: skip
        hub.commit()
        try:
            shown = reader.get(f"{running.stack.url}/exchange/receipts/{no}", timeout=30).text
        finally:
            ask(hub, "update gateway.receipt set body = replace(body, %s, %s) where no = %s",
                ('"read":1,', f'"read":{text(carried["body"]["read"])},', no))  # fmt: skip
            ask(hub, "alter table gateway.receipt enable trigger receipt_is_evidence")
    hub.close()
    assert "✗ 本条验证不符" in shown


def test_a_routes_page_tells_where_it_stands(
    running: RunningCity, reader: requests.Session, carried: dict[str, Any]
) -> None:
    """Badge, watermark, the run with its receipt, and the rejected rows by rule; no personal value can be in it."""
    text = reader.get(f"{running.stack.url}/exchange/routes/route__geo_division_in", timeout=30).text
    for words in ("正常 in order", "首次装载", f"/exchange/receipts/{carried['no']}", "级别与代码末尾的零不一致", "市自然资源和规划局"):  # fmt: skip
        assert words in text


def test_a_run_leads_to_its_receipt(running: RunningCity, reader: requests.Session, carried: dict[str, Any]) -> None:
    """What the tab of a task shows."""
    ((run,),) = running.ask("select run_id from gateway.batch where batch_id = %s", (carried["batch_id"],))
    path = requests.utils.quote(run, safe="")
    answer = reader.get(f"{running.stack.url}/exchange/runs/route__geo_division_in/{path}", timeout=30)
    assert answer.url == f"{running.stack.url}/exchange/receipts/{carried['no']}"


@pytest.mark.parametrize("path", ["receipts/999999", "receipts/abc", "receipts/0", "receipts/99999999999999999999", "routes/nope", "nothing"])  # fmt: skip
def test_what_is_not_there_is_404(running: RunningCity, reader: requests.Session, path: str) -> None:
    """A wrong address is neither an error of the server nor a blank page."""
    answer = reader.get(f"{running.stack.url}/exchange/{path}", timeout=30)
    assert (answer.status_code, "<h1>" in answer.text) == (404, True)


@pytest.mark.parametrize(
    "path", ["receipts/1", "receipts/2", "routes/geo_division_in", "runs/route__geo_division_in/x"]
)
def test_a_login_without_the_right_to_read_the_dag_is_refused(
    running: RunningCity, carried: dict[str, Any], path: str
) -> None:
    """A login alone opens nothing: whoever may read a route's DAG may read its pages."""
    token = running.stack.token("Public")
    answer = requests.get(
        f"{running.stack.url}/exchange/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    assert carried
    assert answer.status_code == 403


def test_the_pages_read_as_the_report_role(running: RunningCity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed originals are out of reach, and nothing can be written."""
    monkeypatch.setenv("GATEWAY_HUB_DSN", running.hub.dsn("gateway"))
    with frame.hub() as hub:
        assert ask(hub, "select current_user, current_setting('transaction_read_only')") == [("gateway_report", "on")]
        assert ask(hub, "select has_column_privilege('gateway.quarantine', 'sealed', 'select')") == [(False,)]
