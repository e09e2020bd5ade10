"""People of the stand-in city at the pages: each logs in, and one announces a change that another's unit answers.

For acceptance tests and screenshots; the unit's user is made by the gateway's own command.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from sandbox import logins
from sandbox.browser import Visitor
from sandbox.logins import PEOPLE, UNIT
from sandbox.running import RunningCity, as_environment
from schemas import watch

SCRIPT = "alter table public.dn_legal_market_entity rename column address to address_detail"
PLATFORM, DATASET = "legal", "legal.market_entity"
_CONTACT = "insert into gateway.contact (unit, name, title, channel, address) values (%s, '王五', '科长', 'mail', %s)"


@dataclass(frozen=True)
class People:
    """Who may log in, by role: login and password."""

    city: RunningCity
    passwords: Mapping[str, str]

    def login(self, role: str) -> str:
        """Return the login of the one with a role."""
        return PEOPLE[role][0]

    def enter(self, visitor: Visitor, role: str, path: str = "/exchange/") -> None:
        """Open a page as the one with a role, who is asked to log in."""
        visitor.page.context.clear_cookies()
        visitor.page.goto(f"{self.city.stack.url}{path}")
        visitor.log_in(PEOPLE[role][0], self.passwords[role])


def settle(city: RunningCity) -> People:
    """Make one user of each role, let somebody answer for every unit that the change touches, and look at the platform."""
    with as_environment({**city.stack.environment(), **city.environment}):
        passwords = _add(city)
    with closing(city.deployment.hub(name="sandbox")) as hub, hub, hub.cursor() as cursor:
        for unit in city.deployment.catalog.units:
            cursor.execute(_CONTACT, (unit, f"{unit}@example.invalid"))
    watch.look(city.deployment, city.deployment.catalog.platforms[PLATFORM])
    return People(city, passwords)


def announce(people: People, visitor: Visitor) -> str:
    """Draft the change at the form and announce it, as the engineer; return the path of the notice."""
    people.enter(visitor, "engineer", "/exchange/notice/new")
    page = visitor.page
    page.select_option("select[name=platform]", PLATFORM)
    page.select_option("select[name=dataset]", DATASET)
    page.fill("input[name=reason]", "住所拆分为区划与详细地址，原字段改名")
    page.fill("textarea[name=ddl]", SCRIPT)
    page.fill("input[name=measures]", "请在生效日前把取数程序中的 address 改为 address_detail")
    page.fill("input[name=fallback]", "恢复原字段名")
    page.fill("input[name=contact]", "市市场监督管理局信息中心 0314-0000000")
    page.get_by_role("button", name="评估并存为草稿").click()
    visitor.see("草稿 draft", "address_detail")
    page.get_by_role("button", name="发布 announce").click()
    visitor.see("已发布", "第 1 版", "待回执")
    return page.url.removeprefix(people.city.stack.url)


def answer(people: People, visitor: Visitor) -> None:
    """Read the notice in the inbox of the unit and answer it."""
    people.enter(visitor, "unit")
    visitor.see("通知箱", "待办理", "查看并回执")
    visitor.page.get_by_role("link", name="查看并回执").first.click()
    visitor.see("须改造", "签收回执")
    visitor.page.get_by_label("已改造").check()
    visitor.page.fill("input[name=title]", "信息科科长")
    visitor.page.get_by_role("button", name="提交回执").click()
    visitor.see("已回执", "信息科科长 李四")


def _add(city: RunningCity) -> dict[str, str]:
    """Make the unit's user by the command, and all others as the demo does; return the passwords."""
    login, name = PEOPLE["unit"]
    call = [sys.executable, "-c", "from gateway.cli import main; main()", "user", "add", login]
    done = subprocess.run(
        [*call, "--role", "unit", "--unit", UNIT, "--name", name], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"user {login} was not made: {done.stderr}")
    made = {role: password for role, _, password in logins.make(city.stack, city.deployment)}
    return made | {"unit": done.stdout.rsplit(": ", 1)[1].strip()}
