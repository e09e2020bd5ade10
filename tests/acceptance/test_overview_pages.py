"""The overview, the board of time limits and what they lead to, asked directly: who sees what, and whether it is so."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from exchange_app import figures as kept_figures
from exchange_app import frame, rights, static
from exchange_app.kept import Kept
from exchange_app.pages import app as pages
from exchange_app.pages import overview
from psycopg2.extras import Json
from starlette.testclient import TestClient

from gateway.embedded import Server
from gateway.exchange import carry
from gateway.model import Platform, Unit
from gateway.sla import figures
from gateway.sla.periods import Period
from tests.integration.conftest import City, new_city, prepared

__all__ = ["prepared"]  # fixtures
ENGINEER, BUREAU, AUDITOR, UNIT = "Exchange Engineer", "Exchange Bureau", "Exchange Auditor", "Exchange Unit"
PERIOD = Period.of("2026-10A")
Enter = Callable[..., TestClient]

AGREEMENT = (
    "insert into gateway.agreement (route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, valid_from, valid_to) "
    "values (%s, 'test.person', %s, false, %s, '0 * * * *', 'all', 0, 600, 0, 9000, '2026-09-30 16:00Z', '2026-10-15 16:00Z') returning agreement"
)
# of ten hourly slots: how many minutes after the slot each was confirmed; None was never looked at
MINUTES: dict[str, tuple[int | None, ...]] = {
    "person_in": (1, 1, 1, 1, 1, 1, 1, 1, 30, 40),  # 8 of 10, and 90 % allow one
    "other_in": (1, 1, 1, 1, 1, 1, None, None, None, None),
}


def occurrences(town: City, route: str, unit: str, receipt: int | None) -> None:
    """Let ten hours of a day be expected of a route, as MINUTES says."""
    ((agreement,),) = town.ask(AGREEMENT, (route, unit, "scheduled"))
    for hour, minutes in enumerate(MINUTES[route]):
        slot = datetime(2026, 10, 9, hour, tzinfo=UTC)
        done = None if minutes is None else slot + timedelta(minutes=minutes)
        town.ask(
            "insert into gateway.sla_event (agreement, slot, until, source_due, due, seen_at, handed_at, confirmed_at, measured, "
            "receipt, rows, n, max_ms, final) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 7, 1, %s, true)",
            (agreement, slot, slot + timedelta(hours=1), slot, slot + timedelta(minutes=10), done and slot, done, done,
             done is not None, receipt, minutes and minutes * 60_000),
        )  # fmt: skip
    slot = datetime(2026, 10, 9, tzinfo=UTC)
    town.ask("insert into gateway.docket (no, kind, unit, reason, words, effect, filed_by, filed_at) "
             "values (%s, 'dispute', %s, 'blame', %s, 'hub', 'x', now())", (f"SS-2026-{unit}", unit, f"{unit}说明"))  # fmt: skip
    town.ask("insert into gateway.docket_event (no, route, slot) values (%s, %s, %s)", (f"SS-2026-{unit}", route, slot))


@pytest.fixture(scope="module")
def town(servers: tuple[Server, Server], prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """Yield a city of two units whose routes were judged in October; one of them has a receipt."""
    with new_city(servers, prepared, tmp_path_factory.mktemp("town")) as found:
        catalog = found.deployment.catalog
        route = catalog.routes["person_in"]
        other = replace(route, route="other_in", peer=Platform("zj", "住建系统", "postgres", "SOURCE", "zjj"))
        catalog = replace(
            catalog, routes={"person_in": route, "other_in": other}, platforms={**catalog.platforms, "zj": other.peer},
            units={**catalog.units, "zjj": Unit("zjj", "市住房和城乡建设局")},
        )  # fmt: skip
        found.deployment = replace(found.deployment, catalog=catalog, resolve=lambda _: found.source_dsn)
        found.fill(7, bad=2)
        receipt = carry.run(found.deployment, "person_in").receipt
        occurrences(found, "person_in", "gaj", receipt)
        occurrences(found, "other_in", "zjj", None)
        for login, unit in (("zhang", "gaj"), ("lisi", "zjj")):
            found.ask("insert into gateway.user_unit (login, unit, added_by) values (%s, %s, 'tester')", (login, unit))
        yield found


@pytest.fixture
def enter(town: City, monkeypatch: pytest.MonkeyPatch) -> Iterator[Enter]:
    """Yield a function that returns a browser of somebody who is logged in with a role; nothing is on hold, or kept."""
    town.ask("truncate gateway.hold, gateway.incident, gateway.backup_incident cascade")
    monkeypatch.setenv("GATEWAY_HUB_DSN", town.deployment.hub_dsn)
    monkeypatch.setattr(frame, "_deployment", lambda _: town.deployment)
    monkeypatch.setattr(kept_figures._KEPT, "seconds", 0)
    monkeypatch.setattr(overview._SHARED, "seconds", 0)
    monkeypatch.setattr(rights, "may_read_dag", lambda user, _: user.roles[0].name in {ENGINEER, AUDITOR})
    who: dict[str, Any] = {}
    monkeypatch.setitem(pages.app.dependency_overrides, pages.get_user, lambda: who["user"])
    with TestClient(pages.app, headers={"accept": "text/html"}, follow_redirects=False) as client:

        def inner(role: str, login: str = "lisi") -> TestClient:
            who["user"] = SimpleNamespace(get_name=lambda: login, first_name="", roles=[SimpleNamespace(name=role)])
            return client

        yield inner


def chart(text: str, kind: str) -> Any:
    """Return what a page hands over to be drawn."""
    found = re.search(rf"data-chart=\"{kind}\" data-value='([^']*)'", text)
    assert found
    return json.loads(html.unescape(found[1]))


def test_a_quiet_city_says_so(enter: Enter) -> None:
    """Nothing to act upon, both platforms in the picture, the one that never ran marked in words."""
    text = enter(BUREAU).get("/").text
    assert "没有需要处理的事项" in text
    drawn = {node["name"]: node["level"] for node in chart(text, "topology")["nodes"]}
    assert drawn == {"交换库（枢纽）": "hub", "人口库": "ok", "住建系统": "na"}
    assert "尚未装载" in text


def test_what_is_wrong_comes_first_with_a_way_to_it(enter: Enter, town: City) -> None:
    """A hold turns its platform red; incident and backup lead to their pages, and the worst stands above."""
    town.ask("insert into gateway.hold (route, kind, facts) values ('person_in', 'mass_delete', '{}')")
    town.ask("insert into gateway.incident (platform, kind, diff, opened_at) values ('zj', 'unannounced', '[]', now())")
    town.ask("insert into gateway.backup_incident (plan, unit, kind, said, opened_at) values ('permits', 'gaj', 'unproven', 'x', now())")  # fmt: skip
    town.ask("insert into gateway.route_state (route, dataset, source, paused_by) values ('other_in', 'test.person', 'zj', 'x')")  # fmt: skip
    text = enter(AUDITOR).get("/").text
    town.ask("delete from gateway.route_state where route = 'other_in'")
    levels = {node["name"]: node["level"] for node in chart(text, "topology")["nodes"]}
    assert (levels["人口库"], levels["住建系统"]) == ("bad", "warn")
    for words in ("⚠ 1 / 1", "已挂起，等待决定", 'href="/exchange/routes/person_in"', 'href="/exchange/changes"', 'href="/exchange/backups/permits"'):  # fmt: skip
        assert words in text
    marks = re.findall(r"(紧急|注意)</span></td>", text)
    assert marks == ["紧急", "紧急", "紧急", "注意"]


def test_a_failed_run_names_its_reason(enter: Enter, town: City) -> None:
    """In Chinese, by the code of its error; no word of the source's answer stands there."""
    town.ask("insert into gateway.batch (batch_id, route, dataset, source, kind, attempt, state, closed_at, error_code, error_text) "
             "values (nextval('gateway.batch_no'), 'person_in', 'test.person', 'pop', 'delta', 99, 'aborted', now(), 'GW-201', 'secret words')")  # fmt: skip
    text = enter(ENGINEER).get("/").text
    town.ask("delete from gateway.batch where attempt = 99")
    assert "最近一次失败" in text
    assert "平台不可用" in text
    assert "secret words" not in text


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a reading of the overview be shared for a minute; return which were made, with the visitor who waited for each."""
    read: list[str] = []
    part = overview._part

    def noted(request: Any) -> frame.Part:
        read.append(request.state.visitor.login)
        return part(request)

    monkeypatch.setattr(overview, "_SHARED", Kept(60))
    monkeypatch.setattr(overview, "_part", noted)
    return read


def test_who_looks_at_once_shares_one_reading(enter: Enter, shared: list[str]) -> None:
    """Each bears its own name, token of nobody and menu of its own role; the text itself is one."""
    texts = {
        login: enter(role, login).get("/").text
        for role, login in ((ENGINEER, "wang"), (BUREAU, "zhao"), (AUDITOR, "sun"))
    }
    assert shared == ["wang"]
    for login, text in texts.items():
        assert [name for name in texts if f">{name} · " in text] == [login]
        assert 'name="token"' not in text
    assert ['href="/exchange/audit"' in text for text in texts.values()] == [False, False, True]
    assert len({text.split("<main", 1)[1] for text in texts.values()}) == 1


def test_what_is_shared_is_for_nobody_without_the_right(enter: Enter, shared: list[str]) -> None:
    """A unit is led to its inbox and a stranger refused, though the page is there."""
    assert enter(ENGINEER).get("/").status_code == 200
    led, refused = enter(UNIT, "zhang").get("/"), enter("Viewer").get("/")
    assert (led.status_code, led.headers["location"], refused.status_code) == (303, "/exchange/inbox", 403)
    assert "人口库" not in led.text + refused.text
    assert shared == ["lisi"]


def test_who_acts_sees_at_once_what_it_did(enter: Enter, town: City, shared: list[str]) -> None:
    """Its next view is read anew, and everybody shares that one; who did nothing shares what there is."""
    client = enter(ENGINEER)
    assert "已挂起，等待决定" not in client.get("/").text
    town.ask("insert into gateway.hold (route, kind, facts) values ('person_in', 'mass_delete', '{}')")
    assert "已挂起，等待决定" not in client.get("/").text
    answer = client.post("/notice/1/withdraw", data={"token": "of another login"})
    assert "exchange_acted=1; HttpOnly; Max-Age=10; Path=/; SameSite=strict" in answer.headers["set-cookie"]
    assert "已挂起，等待决定" in client.get("/").text
    client.cookies.clear()
    assert "已挂起，等待决定" in enter(BUREAU).get("/").text
    assert len(shared) == 2


PATHS = ("/", "/sla", "/sla?period=2026-10A", "/sla/2026-10A/person_in", "/sla/2026-10A/other_in", "/routes/person_in")
OPENS: list[tuple[str, tuple[int, ...]]] = [
    (ENGINEER, (200, 200, 200, 200, 200, 200)),
    (BUREAU, (200, 200, 200, 200, 200, 200)),
    (AUDITOR, (200, 200, 200, 200, 200, 200)),
    (UNIT, (303, 200, 200, 404, 200, 403)),  # the inbox is its first page; another unit's route is not there for it
    ("Viewer", (403, 403, 403, 403, 403, 403)),
]


@pytest.mark.parametrize(("role", "statuses"), OPENS)
def test_each_role_opens_its_own(enter: Enter, role: str, statuses: tuple[int, ...]) -> None:
    """Whoever oversees sees all, a unit what it answers for, others nothing."""
    client = enter(role)
    assert tuple(client.get(path).status_code for path in PATHS) == statuses


def test_the_board_tells_met_from_missed_and_unmeasured(enter: Enter, town: City) -> None:
    """With counts beside rates, as the figures have them; unmeasured is not met."""
    text = enter(BUREAU).get("/sla?period=2026-10A").text
    made = figures.read(town.hub, town.deployment.catalog, PERIOD, datetime.now(UTC))
    late = next(row for row in made["routes"] if row["route"] == "person_in")
    assert (late["on_time"], late["late"], late["allowed"], late["left"]) == (8, 2, 1, -1)
    for words in ("2026年10月上半月（1日—15日）", "✗ 未达标", ">8/10<", "80.00%／90.00%", ">1／-1<", "△ 观测不足", ">6/6<", "60.00%", "SS-2026-gaj"):  # fmt: skip
        assert words in text
    assert text.index("✗ 未达标 <span") < text.index("△ 观测不足 <span")
    day = next(day for day in chart(text, "calendar")["days"] if day["day"] == "2026-10-09")
    assert (day["level"], day["rate"], day["late"]) == ("late", "87.50%", 2)


def test_a_unit_sees_nothing_of_another(enter: Enter) -> None:
    """Neither its name, nor its routes, nor its dockets, nor days that count them."""
    text = enter(UNIT, "lisi").get("/sla?period=2026-10A").text
    assert "市住房和城乡建设局" in text
    assert "SS-2026-zjj" in text
    assert [word for word in ("市公安局", "person_in", "人口库", "gaj", "data-chart") if word in text] == []
    stranger = enter(UNIT, "nobody").get("/sla?period=2026-10A").text
    assert "本期没有应到" in stranger
    assert [word for word in ("市公安局", "市住房和城乡建设局", "SS-2026") if word in stranger] == []


def test_an_occurrence_leads_to_its_receipt(enter: Enter, town: City) -> None:
    """The three clocks, whose delay it was, and the signed receipt; its unit may open it and another unit not."""
    text = enter(UNIT, "zhang").get("/sla/2026-10A/person_in?verdict=late").text
    assert text.count("✗ 迟到 <span") == 2
    for words in ("2026-10-09 16:00:00", "交换平台", "对责任有异议：gaj说明", "待裁定"):
        assert words in text
    path = re.search(r'href="/exchange(/receipts/\d+)"', text)
    assert path
    assert "回执 Receipt No. " in enter(UNIT, "zhang").get(path[1]).text
    assert enter(UNIT, "lisi").get(path[1]).status_code == 404
    assert enter(BUREAU).get(path[1]).status_code == 200
    first = town.ask("select min(no) from gateway.receipt where kind <> 'batch'")[0][0]
    assert enter(UNIT, "zhang").get(f"/receipts/{first}").status_code == 404  # what people decided is not its affair


QUERIES = [
    ("day=2026-10-09", 200, 10),
    ("day=2026-10-10", 200, 0),
    ("day=2026-11-01", 404, 0),  # not of this period
    ("day=x", 404, 0),
    ("before=2026-10-09T05:00:00%2B00:00", 200, 5),
    ("before=x", 404, 0),
    ("verdict=%27%3Bdrop", 200, 10),  # none that there is: all
]


@pytest.mark.parametrize(("query", "status", "rows"), QUERIES)
def test_occurrences_are_chosen_by_day_verdict_and_place(enter: Enter, query: str, status: int, rows: int) -> None:
    """A wrong address is not found, and never an error of the server."""
    answer = enter(BUREAU).get(f"/sla/2026-10A/person_in?{query}")
    assert (answer.status_code, answer.text.count('data-h="凭证"')) == (status, rows)


def test_pages_of_occurrences_join(enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Following `older` to the end shows each occurrence once."""
    monkeypatch.setattr("gateway.sla.board.PAGE", 4)
    path, seen = "/sla/2026-10A/person_in", []
    for _ in range(3):  # four, four and two
        text = enter(BUREAU).get(path).text
        seen += re.findall(r'data-h="时段" class="nowrap">([^<]+)', text)
        older = re.search(r'class="button" href="/exchange([^"]+)"', text)
        path = html.unescape(older[1]) if older else ""
    assert path == ""
    assert len(seen) == 10
    assert seen == sorted(set(seen), reverse=True)


def test_wrong_periods_are_not_found(enter: Enter) -> None:
    """With what to write instead; an empty one says which command fills it."""
    assert [enter(BUREAU).get(f"/sla?period={name}").status_code for name in ("x", "2026-13A", "<b>")] == [404] * 3
    assert "gateway sla report --period 2026-02A" in enter(BUREAU).get("/sla?period=2026-02A").text


def test_a_frozen_period_shows_what_was_printed(enter: Enter, town: City) -> None:
    """The figures of its issue, whatever is known since."""
    made = figures.read(town.hub, town.deployment.catalog, PERIOD, datetime(2026, 10, 20, tzinfo=UTC))
    made["units"][0]["name"] = "印出的名称"
    town.ask("insert into gateway.issue (period, state, issue_no, figures, drafted_at, frozen_at) values ('2026-09B', 'frozen', 18, %s, now(), now())", (Json(made),))  # fmt: skip
    text = enter(BUREAU).get("/sla?period=2026-09B").text
    assert "第18期通报，已冻结" in text
    assert "印出的名称" in text


def test_a_routes_page_shows_clocks_comparisons_and_the_way_to_airflow(enter: Enter, town: City) -> None:
    """The run links to Airflow for whoever may see it there."""
    town.ask("update gateway.batch set run_id = 'manual__x' where route = 'person_in'")
    town.ask("delete from gateway.sla_run")  # what its own receipts told
    town.ask("insert into gateway.sla_run (receipt, route, dataset, outbound, run, batch, at, available_at, handed_at, confirmed_at, read, rejected, rows) "
             "select g, 'person_in', 'test.person', false, 'delta', g, now(), now() - g * interval '1 second', now() + interval '2 seconds', "
             "now() + interval '2 seconds', 1, 0, 1 from generate_series(1, 20) g on conflict do nothing")  # fmt: skip
    town.ask("insert into gateway.reconciliation (route, passed, source_rows, hub_rows, missing, extra, different, pending, quarantined, method) "
             "values ('person_in', false, 1007, 1004, 3, 0, 0, 0, 2, 'totals')")  # fmt: skip
    text = enter(ENGINEER).get("/routes/person_in").text
    town.ask("delete from gateway.sla_run")
    drawn = chart(text, "latency")
    assert {line["name"]: line["seconds"] for line in drawn["lines"]} == {
        "P50": [12.0],
        "P95": [21.0],
        "P99": [None],
        "最长": [22.0],
    }  # fmt: skip - of twenty runs no P99 is told
    assert (drawn["n"], drawn["days"]) == ([20], [frame.today().isoformat()])
    assert re.search(r'data-h="P50" class="n nowrap">12 秒</td>', text)  # and in a table, for who runs no script
    for words in ("源端可见 → 网关看到", "10 秒", "2.00 秒", "✗ 不一致", "1,007", "/dags/route__person_in/runs/manual__x"):  # fmt: skip
        assert words in text
    assert "/dags/route__person_in" not in enter(BUREAU).get("/routes/person_in").text


def test_only_pages_with_charts_run_scripts_and_only_ours(enter: Enter) -> None:
    """Their policy names our own address alone; every other page forbids all."""
    client = enter(BUREAU)
    for path in ("/", "/sla", "/sla/2026-10A/person_in", "/routes/person_in"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"].endswith("; script-src 'self'")
        loaded = re.findall(r'<script src="/exchange/static/([^"]+)"', answer.text)
        assert loaded == list(static.FILES)
    assert "script-src" not in client.get("/changes").headers["content-security-policy"]


def test_scripts_are_kept_by_browsers_and_nothing_else_is_served(enter: Enter) -> None:
    """Their names change with their content; a path out of the folder leads nowhere."""
    client = enter(UNIT)
    for name in static.FILES:
        answer = client.get(f"/static/{name}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=31536000, immutable")
    for name in ("echarts-NOTICE.txt", "..%2Fgateway_frame.py", "charts.js"):
        assert client.get(f"/static/{name}").status_code == 404
