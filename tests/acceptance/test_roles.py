"""Who may open what in the running Airflow, role by role, and a change as people of each role meet it in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import gateway_plugin
import pytest
import requests
from exchange_app import callbacks, feeds, notices
from exchange_app.api import app as api
from fastapi.routing import APIRoute

from gateway.notify import outbox
from gateway.security import tokens
from sandbox import announcing
from sandbox.airflow import login
from sandbox.announcing import People
from sandbox.browser import CHROMIUM, Visitor, visitor
from sandbox.logins import PEOPLE, UNIT
from sandbox.mailbox import Mailbox
from sandbox.running import RunningCity
from schemas.notice import lifecycle, planned

LINKS = {feeds.PREFIX, notices.PREFIX}  # the address is the proof
PROVEN = {callbacks.PREFIX, api.PREFIX, *LINKS}  # by something else than a login
EVERYBODY = {"/", "/static/{name}", "/sla", "/sla/{period}/{route}"}
READS = EVERYBODY | {
    "/changes",
    "/changes/{platform}/{version}",
    "/notice",
    "/notice/{notice}",
    "/backups",
    "/backups/{backup}",
}
ROWS = {"/quarantine", "/quarantine/{row}"}
MENDS = {"/quarantine/replay"} | {f"/quarantine/{{row}}/{act}" for act in ("unmask", "replay", "discard")}
CIRCULARS = {"/circulars", "/circulars/{period}/{form}"}
DOCKETS = ("GET", "/dockets")  # the list; who files sends to the same address
RULES = {"/circulars/{period}/review", "/dockets/{no}/rule"}
EVIDENCE = {"/circulars/{period}/evidence"}
FILES = {("POST", "/dockets"), "/dockets/{no}/withdraw"}
INBOX = EVERYBODY | {"/inbox", "/inbox/{notice}", "/receipts/{no}"}  # of its own routes: others are not there for it
DAGS = {"/receipts/{no}", "/routes/{name}", "/runs/{dag}/{run_id}"}
ANNOUNCES = {"/notice/new"} | {f"/notice/{{notice}}/{act}" for act in ("announce", "postpone", "revise", "withdraw")}
OPENS: Mapping[str, set[str | tuple[str, str]]] = {
    "administrator": READS
    | ANNOUNCES
    | DAGS
    | ROWS
    | MENDS
    | CIRCULARS
    | RULES
    | EVIDENCE
    | {DOCKETS, "/audit", "/health"},
    "engineer": READS | ANNOUNCES | DAGS | ROWS | MENDS | CIRCULARS | {DOCKETS, "/health"},
    "bureau": READS | DAGS | ROWS | CIRCULARS | RULES | EVIDENCE | {DOCKETS},
    "auditor": READS | DAGS | ROWS | CIRCULARS | EVIDENCE | {DOCKETS, "/audit"},
    "unit": INBOX | ROWS | MENDS | CIRCULARS | FILES | {DOCKETS},
}
NAMES = {"platform": "legal", "version": 1, "notice": 1, "no": 1, "name": "pop_person_in", "dag": "route__pop_person_in",
         "run_id": "x", "dataset": "pop.person", "token": "0" * 64, "backup": "hub_daily", "row": 1, "period": "2026-01A", "route": "pop_person_in",
         "form": "csv"}  # fmt: skip


@pytest.fixture(scope="module")
def people(running: RunningCity) -> People:
    """Return one person of each role."""
    return announcing.settle(running)


def routes() -> list[tuple[str, str, str]]:
    """Return prefix, method and path of every route of every app that is mounted."""
    mounted = [(one["app"], one["url_prefix"]) for one in gateway_plugin.GatewayPlugin().fastapi_apps]
    found = [(prefix, route) for app, prefix in mounted for route in app.routes]
    assert all(isinstance(route, APIRoute) for _, route in found)
    return [(prefix, method, route.path) for prefix, route in found for method in sorted(route.methods)]


def ask(running: RunningCity, prefix: str, method: str, path: str, headers: Mapping[str, str]) -> requests.Response:
    """Call a route as a program would, without following it anywhere."""
    names = {**NAMES, "no": "MK-2026-001"} if path.startswith("/dockets") else NAMES
    address = f"{running.stack.url}{prefix}{path.format(**names)}"
    return requests.request(method, address, headers=dict(headers), timeout=30, allow_redirects=False)


def test_every_route_asks_for_a_login_or_another_proof(running: RunningCity) -> None:
    """401 of all but links, which are their own proof: an unknown one is not found; and of the probe, which tells nothing."""
    found = {
        (prefix, method, path): ask(running, prefix, method, path.replace("{no}", "1"), {}).status_code
        for prefix, method, path in routes()
    }
    assert found.pop((api.PREFIX, "GET", "/health")) == 200
    links = {key for key in found if key[0] in LINKS}
    assert {found[key] for key in links} == {404}
    assert {key: status for key, status in found.items() if key not in links and status != 401} == {}
    assert {prefix for prefix, _, _ in found} == PROVEN | {"/exchange"}


def test_each_role_opens_its_own_pages_and_no_others(running: RunningCity, people: People) -> None:
    """What is not on the list is refused; a form without its token is refused as such, not for lack of a right."""
    for role, opens in OPENS.items():
        token = login(running.stack.url, people.login(role), people.passwords[role])
        for prefix, method, path in routes():
            if prefix in PROVEN:
                continue
            answer = ask(running, prefix, method, path, {"Authorization": f"Bearer {token}"})
            refused = answer.status_code == 403 and answer.json().get("code") != "GW-753"
            assert (role, method, path, refused) == (role, method, path, not {path, (method, path)} & opens)


def test_every_form_is_refused_without_its_token(running: RunningCity, people: People) -> None:
    """Whoever has the right, and the login besides: a page elsewhere could have sent it."""
    for role in OPENS:
        token = login(running.stack.url, people.login(role), people.passwords[role])
        for prefix, method, path in routes():
            if prefix in PROVEN or method != "POST" or not {path, (method, path)} & OPENS[role]:
                continue
            answer = ask(running, prefix, method, path, {"Authorization": f"Bearer {token}"})
            assert (role, path, answer.status_code, answer.json()["code"]) == (role, path, 403, "GW-753")


def test_a_login_is_no_token_of_the_interface_and_a_token_no_login(running: RunningCity, people: People) -> None:
    """Each opens its own side only."""
    token = login(running.stack.url, people.login("unit"), people.passwords["unit"])
    made = tokens.make(running.deployment, "zjj", "api", who="tester")
    calls = [
        (api.PREFIX, "/notices", token, 401), (api.PREFIX, "/notices", made.raw, 200),
        (api.PREFIX, "/openapi.json", made.raw, 200), ("/exchange", "/inbox", made.raw, 403),
        (api.PREFIX, "/metrics", made.raw, 401), (api.PREFIX, "/metrics", token, 401),
    ]  # fmt: skip
    for prefix, path, secret, status in calls:
        answer = ask(running, prefix, "GET", path, {"Authorization": f"Bearer {secret}"})
        assert (prefix, path, answer.status_code) == (prefix, path, status)


def test_users_stand_in_the_chain_without_their_names(running: RunningCity, people: People) -> None:
    """Login, role, unit and who made it; the password is nowhere in the hub."""
    ((body,),) = running.ask("select body from gateway.receipt where body::jsonb ->> 'what' = 'user add'")
    assert '"user":"lisi"' in body
    assert PEOPLE["unit"][1] not in body
    assert people.passwords["unit"] not in running.dump("gateway")


@pytest.fixture(scope="module")
def seen(running: RunningCity) -> Iterator[Visitor]:
    """Yield a person at a browser."""
    with visitor(running.stack.url, 1440, 900) as person:
        yield person


@pytest.mark.system
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium")
def test_a_change_is_announced_and_answered_in_the_browser(running: RunningCity, people: People, seen: Visitor) -> None:
    """Each role sees its own side of it; nothing on any page breaks the policy, and all of it fits a telephone."""
    said: list[str] = []  # by our pages: what Airflow's login page says is its own
    seen.page.on("console", lambda m: said.append(m.text) if "/exchange" in m.location["url"] else None)
    path = announcing.announce(people, seen)
    people.enter(seen, "unit")
    _fits(seen, "/exchange/inbox")
    announcing.answer(people, seen)
    _fits(seen, f"/exchange/inbox/{path.rsplit('/', 1)[1]}")
    people.enter(seen, "bureau", "/exchange/changes")
    seen.see("〔2026〕第1号", "市场主体", "1 / ")
    _fits(seen, "/exchange/changes")
    seen.open(path, "已改造", "信息科科长 李四", people.login("engineer"))
    assert seen.page.locator("form").count() == 0  # the bureau oversees
    _fits(seen, path)
    people.enter(seen, "auditor", "/exchange/notice")
    seen.see("〔2026〕第1号")
    assert "起草" not in seen.read()
    seen.page.get_by_role("link", name="退出").click()
    seen.page.wait_for_url(lambda address: "/exchange" not in address)
    seen.open("/exchange/changes")
    assert "/auth/login" in seen.page.url
    assert said == []
    ((who,),) = running.ask("select body::jsonb ->> 'who' from gateway.receipt where body::jsonb ->> 'what' = 'announce'")  # fmt: skip
    assert who == people.login("engineer")


JOURNEY = "alter table public.dn_legal_market_entity rename column scope to business_scope"


@pytest.fixture(scope="module")
def mailed(running: RunningCity, people: People, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Announce a change that the unit has to answer, and return the text of the mail that it gets."""
    found = planned.by_script(running.deployment, announcing.PLATFORM, JOURNEY)
    body = {
        "platform": announcing.PLATFORM,
        "dataset": announcing.DATASET,
        "reason": "字段改名",
        "measures": "改用新名",
        "origin": "journey",
    }
    assert people
    with Mailbox(tmp_path_factory.mktemp("mails")) as box, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWAY_CONN_NOTIFY_MAIL", box.dsn)
        patch.setenv("GATEWAY_PUBLIC_URL", running.stack.url)
        number = lifecycle.draft(running.deployment, {**body, **found.body}, found.changes)
        lifecycle.announce(running.deployment, str(number), who="tester")
        outbox.deliver(running.deployment)
        mail = next(one for one in reversed(box.mails()) if UNIT in str(one["To"]))
    return str(mail.get_body(("plain",)).get_content())


def test_a_unit_goes_from_its_mail_to_a_row_in_the_hub(running: RunningCity, people: People, mailed: str) -> None:
    """Link, acknowledgement, inbox, own figures; then it corrects a rejected row of its own, and the hub has it."""
    link = re.search(r"https?://\S+/exchange/notices/\S+", mailed)
    assert link
    assert "提交回执" in requests.get(link[0], timeout=30).text  # shows; nothing is answered by that
    form = {"answer": "adapted", "by": "李四", "title": "信息科科长"}
    assert requests.post(link[0], data=form, timeout=30).status_code == 200
    session = requests.Session()
    bearer = login(running.stack.url, people.login("unit"), people.passwords["unit"])
    session.headers.update({"accept": "text/html", "Authorization": f"Bearer {bearer}"})
    base = f"{running.stack.url}/exchange"
    assert "已改造" in session.get(f"{base}/inbox", timeout=30).text
    own = tokens.make(running.deployment, UNIT, "api", who="tester")
    figures = requests.get(f"{base}/api/v1/sla", headers={"Authorization": f"Bearer {own.raw}"}, timeout=30)
    assert {"period", "routes", "misses"} <= figures.json().keys()
    running.carry("backup_status_in")
    listed = session.get(f"{base}/quarantine?route=backup_status_in&rule=kind-code", timeout=30).text
    row = re.search(r"/exchange/quarantine/([0-9]+)", listed)
    assert row
    page = f"{base}/quarantine/{row[1]}"
    token = re.search(r'name="token" value="(\w+)"', session.get(page, timeout=30).text)
    assert token
    edit = {"token": token[1], "why": "来电核实备份类型", "field0": "kind", "value0": "full"}
    done = session.post(f"{page}/replay", data=edit, timeout=60)
    assert "已送出" in done.text, done.text
    ((batch,),) = running.ask(
        "select closed_batch from gateway.quarantine where id = %s and state = 'corrected'", (row[1],)
    )
    assert running.ask("select kind from hub.backup_status where gw_batch = %s", (batch,)) == [("full",)]


def _fits(person: Visitor, path: str) -> None:
    """See that a page is no wider than a desk's screen, nor than a telephone's."""
    for width in (390, 1440):
        person.page.set_viewport_size({"width": width, "height": 900})
        person.open(path)
        assert person.page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
