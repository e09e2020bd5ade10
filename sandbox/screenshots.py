"""Takes the pictures of the manual anew: `python -m sandbox.screenshots` (needs Debian's chromium, poppler-utils and pngquant).

The city runs as in life; then a source's table is changed and another loses half its rows, so that a failed route and
a route on hold are seen too.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway import settings
from gateway.deployment import Deployment
from gateway.sla import figures, issues
from gateway.sla.periods import Period
from sandbox import announcing, drills, ending
from sandbox.browser import CHROMIUM, Visitor, visitor
from sandbox.running import ROOT, RunningCity, ask, dag_of
from sandbox.waiting import wait_for

PNGQUANT = Path("/usr/bin/pngquant")
PDFTOPPM = Path("/usr/bin/pdftoppm")
FOLDER = ROOT / "docs" / "img"
FAILED, HELD, GOOD = "legal_social_org_in", "geo_division_in", "geo_address_in"
_WHOLE = {"exchange-receipt", "exchange-notice", "exchange-changes"}  # longer than the window
# The gateway's own pages, as they are on a desk and on a telephone.
_OWN = {
    "exchange-overview": "/exchange/", "exchange-sla": "/exchange/sla", "exchange-quarantine": "/exchange/quarantine",
    "exchange-circulars": "/exchange/circulars", "exchange-backups": "/exchange/backups",
}  # fmt: skip
_SCREENS = {"": (1440, 900), "-phone": (390, 844)}
_LIMIT = 250_000  # bytes of a picture
_DPI = 72  # of the paper


def take(city: RunningCity, folder: Path) -> list[Path]:
    """Let the city live for a moment, then take every picture; return them."""
    ending.promise(city.deployment)
    runs = _live(city)
    _prove(city)
    folder.mkdir(parents=True, exist_ok=True)
    with visitor(city.stack.url) as person:
        person.open("/", "Sign In")
        person.log_in("admin", city.stack.password)
        taken = [_taken(person, folder / f"{name}.png", show) for name, show in _pictures(city, runs).items()]
        taken += _of_pages(person, folder) + _of_notices(city, person, folder)
    return [*taken, _of_circular(city.deployment, folder)]


def _prove(city: RunningCity) -> None:
    """Let backups be made and drilled, and figures be made of what came, so that their pages have something to show."""
    drills.Drills(city.deployment, city.home / "backups", lambda _: None).show()
    now = settings.now()
    figures.report(city.deployment, Period.around(now.astimezone(settings.CHINA).date()), now)


def _of_pages(person: Visitor, folder: Path) -> list[Path]:
    """Return the pictures of the gateway's own pages, each on both screens."""
    taken = []
    before = person.page.viewport_size
    for suffix, (width, height) in _SCREENS.items():
        person.page.set_viewport_size({"width": width, "height": height})
        for name, path in _OWN.items():
            taken.append(_taken(person, folder / f"{name}{suffix}.png", lambda p, path=path: _opened(p, path)))  # type: ignore[misc]
    if before:
        person.page.set_viewport_size(before)
    return taken


def _opened(person: Visitor, path: str) -> None:
    """Open one of the gateway's own pages; a page that is not there is no picture."""
    answer = person.page.goto(f"{person.url}{path}")
    if answer is None or not answer.ok:
        raise RuntimeError(f"{path} answers {answer and answer.status}")


def _of_notices(city: RunningCity, person: Visitor, folder: Path) -> list[Path]:
    """Let an engineer announce a change and a unit answer it; return the pictures of what each sees."""
    people = announcing.settle(city)
    path = announcing.announce(people, person)
    people.enter(person, "unit", "/exchange/inbox")
    inbox = _taken(person, folder / "exchange-inbox.png", lambda p: p.see("查看并回执"))
    announcing.answer(people, person)
    people.enter(person, "engineer", "/exchange/changes")
    board = _taken(person, folder / "exchange-changes.png", lambda p: p.see("〔2026〕第"))
    return [inbox, board, _taken(person, folder / "exchange-notice.png", lambda p: p.open(path, "已改造"))]


def _of_circular(deployment: Deployment, folder: Path) -> Path:
    """Return the picture of a circular's first page, printed as a draft of the half month that runs."""
    now = settings.now()
    period = Period.around(now.astimezone(settings.CHINA).date())
    made = figures.report(deployment, period, now)
    path = folder / "circular.png"
    page = ["-png", "-singlefile", "-r", str(_DPI), "-", str(path.with_suffix(""))]
    subprocess.run([PDFTOPPM, *page], input=issues.printed_as(deployment, "pdf", made, period), check=True)
    return _small(path)


def _live(city: RunningCity) -> dict[str, str]:
    """Carry every route, then some again, then let two sources misbehave; return a run of each route to look at."""
    routes = city.deployment.catalog.routes
    for name in routes:
        city.api.unpause(dag_of(name))
    started = {name: city.start(name) for name, route in routes.items() if not route.after}
    for name, run in started.items():
        city.ended(name, run, 600)
    for name in routes.keys() - started.keys():
        wait_for(lambda n=name: city.api.runs(dag_of(n)) or None, 60, f"{name} was not started")  # type: ignore[misc]
    for _ in range(4):
        for name in (FAILED, HELD, GOOD):
            city.carry(name)
    with city.owner_of("legal") as owner:
        ask(owner, "alter table dn_legal_social_org add column credit_level text")
    with city.owner_of("geo") as owner:
        ask(owner, "delete from dn_geo_division where ctid in (select ctid from dn_geo_division limit 130)")
    loads = dict(city.ask("select route, run_id from gateway.batch where kind = 'first_load'"))
    return loads | {name: city.carry(name)["dag_run_id"] for name in (FAILED, HELD)}


def _pictures(city: RunningCity, runs: dict[str, str]) -> dict[str, Callable[[Visitor], Any]]:
    """Return how each picture comes about, by its name."""
    first = "select no from gateway.receipt where route = %s and kind = 'batch' order by no limit 1"
    ((receipt,),) = city.ask(first, (HELD,))
    dags = len(city.api.dags())

    def task(route: str) -> str:
        return f"/dags/{dag_of(route)}/runs/{runs[route]}/tasks/exchange"

    return {
        "airflow-dags": lambda person: person.open("/dags?limit=50", f"{dags} Dags", "办事指南"),
        "airflow-log": lambda person: person.open(task(GOOD), "签发回执 receipt", "/exchange/receipts/"),
        "airflow-failed": lambda person: _fold_trace(person, task(FAILED)),
        "airflow-route": lambda person: person.open(
            f"/dags/{dag_of(FAILED)}/plugin/exchange-route", "怎么办 HINT", "最近的运行"
        ),
        "airflow-receipt": lambda person: person.open(f"{task(GOOD)}/plugin/exchange-receipt", "本条验证通过"),
        "exchange-receipt": lambda person: person.open(f"/exchange/receipts/{receipt}", "本条验证通过"),
        "exchange-hold": lambda person: person.open(f"/exchange/routes/{HELD}", "已挂起，等待决定"),
        "airflow-connection": _fill_connection,
        "airflow-grid": lambda person: _widen_grid(person, f"/dags/{dag_of(FAILED)}"),
    }


def _widen_grid(person: Visitor, path: str) -> None:
    """Give the grid a third of the window, as one does by hand; Airflow remembers it."""
    person.open(path, "交换 exchange", "失败的任务")
    handle = person.page.get_by_role("separator").first.bounding_box() or {"x": 331, "y": 0, "width": 0, "height": 900}
    person.page.mouse.move(handle["x"] + handle["width"] / 2, 600)
    person.page.mouse.down()
    person.page.mouse.move(470, 600, steps=5)
    person.page.mouse.up()
    person.see("失败的任务")


def _fold_trace(person: Visitor, path: str) -> None:
    """Fold the frames of the exception: they name folders of the machine that takes the picture."""
    person.open(path, "GW-204", "HINT: ")
    person.page.get_by_text("SchemaMismatch: ").first.click()
    person.page.get_by_text("task_runner.py").first.wait_for(state="hidden")
    person.page.evaluate("for (const part of document.querySelectorAll('*')) part.scrollLeft = 0")


def _fill_connection(person: Visitor) -> None:
    """Open the form for a new connection and choose the gateway's type."""
    person.open("/connections", "添加连接")
    person.page.get_by_role("button", name="添加连接").first.click()
    person.page.get_by_role("combobox").first.click()
    person.page.keyboard.type("数据交换平台")
    person.page.get_by_role("option", name="数据交换平台").first.click()
    person.see("平台地址 host")


def _taken(person: Visitor, path: Path, show: Callable[[Visitor], Any]) -> Path:
    show(person)
    person.picture(path, whole=path.stem in _WHOLE)
    return _small(path)


def _small(path: Path) -> Path:
    subprocess.run([PNGQUANT, "--force", "--ext", ".png", "--skip-if-larger", "128", path], check=True)
    if path.stat().st_size > _LIMIT:
        raise RuntimeError(f"{path.name} has {path.stat().st_size:,} bytes, more than {_LIMIT:,}")
    return path


def main() -> int:
    """Start the city, take the pictures, stop it."""
    options = argparse.ArgumentParser(prog="python -m sandbox.screenshots", description=__doc__)
    options.add_argument("--to", type=Path, default=FOLDER, help="the folder for the pictures")
    options.add_argument("--scale", type=float, default=0.2, help="1 = 100,000 persons")
    chosen = options.parse_args()
    if not all(program.exists() for program in (CHROMIUM, PNGQUANT, PDFTOPPM)):
        print("needed: apt-get install chromium fonts-noto-cjk poppler-utils pngquant")
        return 1
    home = Path(tempfile.mkdtemp(prefix="gateway-pictures-"))
    try:
        with RunningCity(home, scale=chosen.scale, by_hand=False) as city:
            for path in take(city, chosen.to):
                print(f"{path.name}  {path.stat().st_size // 1000} kB")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
