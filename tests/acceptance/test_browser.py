"""What a person sees in the browser: Airflow's pages of a route, and the gateway's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from exchange_app.words import ends

from sandbox.browser import CHROMIUM, Visitor, visitor
from sandbox.running import RunningCity, ask, dag_of

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"),
]
ROUTE = dag_of("legal_social_org_in")


@pytest.fixture(scope="module")
def runs(running: RunningCity) -> tuple[str, str]:
    """Return a run that succeeded and one that failed because the source's table was changed."""
    good = running.carry("legal_social_org_in")
    with running.owner_of("legal") as owner:
        ask(owner, "alter table dn_legal_social_org add column credit_level text")
        try:
            bad = running.carry("legal_social_org_in")
        finally:
            ask(owner, "alter table dn_legal_social_org drop column credit_level")
    assert (good["state"], bad["state"]) == ("success", "failed")
    return good["dag_run_id"], bad["dag_run_id"]


@pytest.fixture(scope="module")
def seen(running: RunningCity, runs: tuple[str, str]) -> Iterator[Visitor]:
    """Yield a person who wanted to see a route, was asked to log in, and did."""
    assert runs
    with visitor(running.stack.url) as person:
        person.open("/exchange/routes/legal_social_org_in")
        assert "/auth/login" in person.page.url
        person.log_in("admin", running.stack.password)
        yield person


def test_the_login_leads_to_where_one_was_going(seen: Visitor) -> None:
    """Not to Airflow's home page."""
    assert seen.page.url.endswith("/exchange/routes/legal_social_org_in")


def test_a_tag_of_the_list_finds_a_platforms_routes_in_words(running: RunningCity, seen: Visitor) -> None:
    """Each is named by its data set and by the platform it leads from, in Chinese."""
    legal = [r for r in running.deployment.catalog.routes.values() if r.peer.platform == "legal"]
    named = [f"{r.dataset.chinese} · {' → '.join(ends(r))}" for r in legal]
    seen.open("/dags?tags=法人库", f"{len(legal)} Dags", *named)


def test_a_dag_shows_its_grid_owner_and_route(seen: Visitor) -> None:
    """The grid with both runs, who is responsible, and the tab that tells where the route stands."""
    seen.open(f"/dags/{ROUTE}", "社会组织登记信息 · 法人库 → 交换库", "交换 exchange", "市市场监督管理局")
    seen.page.get_by_role("link", name="链路状态 Route").click()
    seen.see("来源表结构与契约不符", "credit_level", "怎么办 HINT", "最近的运行")


def test_the_log_of_a_run_tells_what_was_done(seen: Visitor, runs: tuple[str, str]) -> None:
    """Stages, counts, and where the receipt is."""
    seen.open(f"/dags/{ROUTE}/runs/{runs[0]}/tasks/exchange", "核对表结构 describe", "签发回执 receipt")
    seen.see("读取 ", "/exchange/receipts/")


def test_the_log_of_a_failed_run_ends_with_what_to_do(seen: Visitor, runs: tuple[str, str]) -> None:
    """Code, Chinese name, the column, the hint: all of it within the log's width."""
    seen.open(f"/dags/{ROUTE}/runs/{runs[1]}/tasks/exchange", "GW-204 来源表结构与契约不符", "HINT: Nothing was read")
    seen.see("credit_level", "链路状态 where the route stands")


def test_a_task_leads_to_its_receipt(seen: Visitor, runs: tuple[str, str]) -> None:
    """By its tab, which shows the receipt verified, with the reasons in Chinese."""
    seen.open(f"/dags/{ROUTE}/runs/{runs[0]}/tasks/exchange", "回执 Receipt")
    seen.page.get_by_role("link", name="回执 Receipt").click()
    seen.see("本条验证通过", "三个时钟", "内容与本条的哈希一致")


def test_the_details_of_a_task_hold_both_links(running: RunningCity, seen: Visitor, runs: tuple[str, str]) -> None:
    """The receipt and the route, each on a page of its own."""
    seen.open(f"/dags/{ROUTE}/runs/{runs[0]}/tasks/exchange/details", "额外链接")
    hrefs = {
        name: seen.page.locator("a", has_text=name).last.get_attribute("href")
        for name in ("回执 Receipt", "链路状态 Route")
    }
    assert hrefs == running.api.links(ROUTE, runs[0], "exchange")


SHOWN = {
    "/exchange/routes/legal_social_org_in": "三个时钟",
    "/exchange/receipts/1": "证明",
    "/exchange/": "交换拓扑",
    "/exchange/sla": "时效考核",
    "/exchange/?lang=en": "Topology",
    "/exchange/sla?lang=en": "Time limits",
    "/exchange/receipts/1?lang=zh": "证明",  # what is chosen stays chosen: back to Chinese
}


@pytest.mark.parametrize("path", SHOWN)
def test_the_own_pages_break_no_rule_of_their_policy(seen: Visitor, path: str) -> None:
    """No style or script is refused, charts are drawn, and nothing is written to the console."""
    said: list[Any] = []
    seen.page.on("console", lambda message: said.append(message.text))
    seen.page.on("pageerror", lambda error: said.append(str(error)))
    seen.open(path, SHOWN[path])
    assert seen.page.locator("[data-chart]:not(:has(canvas))").count() == 0
    assert path.partition("?")[0] != "/exchange/" or seen.page.locator(".topology canvas").count() > 0
    background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (said, background) == ([], "rgb(244, 246, 249)")
