"""Issues of the circular (通报): draft, reviewed, frozen, published.

A draft may be made anew as often as needed. What is frozen is never changed: the ledger refuses it, and what is ruled afterwards
appears in the next issue.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import EvidenceRefused, IssueRefused, PeriodInvalid
from gateway.ledger.acts import Act, acting
from gateway.notify import contacts, outbox
from gateway.notify.message import Attachment, Message, page
from gateway.sla import agreements, circular, evidence, figures, paper, printed
from gateway.sla.calendar import Calendar
from gateway.sla.periods import Period
from gateway.sql import queries

_SQL = queries(__file__)
_OPEN = ("draft", "reviewed")
_LARGEST = 8_000_000  # bytes of a workbook that still goes along by mail
_FREEZES = 17  # o'clock


def draft(deployment: Deployment, period: Period) -> dict[str, Any]:
    """Make the figures of a period that is over, as a draft, and return the issue; IssueRefused when it is frozen."""
    now = settings.now()
    _refuse_early(period, now)
    made = figures.report(deployment, period, now)
    with acting(deployment, "draft an issue") as act:
        _step(act, period, (*_OPEN, None))
        pg.run(
            act.hub,
            _SQL["draft"],
            {"period": period.name, "figures": Json(_more(act, period, made, now)), "now": now},
        )
        return _get(act.hub, period)


def review(deployment: Deployment, period: Period, *, who: str) -> None:
    """Note who has read a draft."""
    with acting(deployment, "review an issue") as act:
        _step(act, period, ("draft",))
        pg.run(act.hub, _SQL["review"], {"period": period.name, "who": who, "now": settings.now()})
        act.chained("decision", {"what": "circular review", "period": period.name, "who": who})


def freeze(deployment: Deployment, period: Period) -> dict[str, Any]:
    """Make the figures a last time, keep their evidence as a file, number the issue and freeze it; return it.

    Two at once: the second finds it frozen (IssueRefused).
    """
    now = settings.now()
    folder = folder_of(period)
    folder.mkdir(parents=True, exist_ok=True)
    with closing(deployment.hub(name="gateway issue", autocommit=True)) as hub, pg.hub_errors("read an issue"):
        _refuse_state(_find(hub, period), period, _OPEN)
    file = folder / f"evidence-{secrets.token_hex(4)}.new"  # two who freeze at once write a file each
    try:
        return _frozen(deployment, period, now, file)
    finally:
        file.unlink(missing_ok=True)


def _frozen(deployment: Deployment, period: Period, now: datetime, file: Path) -> dict[str, Any]:
    made = evidence.export(deployment, period, file, now)
    with acting(deployment, "freeze an issue") as act:
        _step(act, period, _OPEN)
        year = datetime(now.astimezone(settings.CHINA).year, 1, 1, tzinfo=settings.CHINA)
        no = int(pg.one(act.hub, _SQL["next_no"], {"year": year})[0])
        more = _more(act, period, made.figures, now)
        values = {
            "period": period.name,
            "no": no,
            "figures": Json(more),
            "root": made.root,
            "count": made.count,
            "now": now,
        }
        pg.run(act.hub, _SQL["freeze"], values)
        told = {"period": period.name, "issue": no, "root": made.root, "count": made.count}
        act.chained("decision", {"what": "circular freeze", **told})
        file.replace(
            folder_of(period) / f"evidence-{period.name}.zip"
        )  # before the commit: a frozen issue has its evidence
        return _get(act.hub, period)


def publish(deployment: Deployment, period: Period, *, who: str) -> list[Path]:
    """Print a frozen issue, queue it to the bureau and to every unit that promised something, and return its files.

    DocumentRefused when it cannot be printed: it stays frozen then.
    """
    with closing(deployment.hub(name="gateway issue", autocommit=True)) as hub, pg.hub_errors("read an issue"):
        issue = _refuse_state(_find(hub, period), period, ("frozen",))
    made = documents(deployment, issue)
    folder = folder_of(period)
    with acting(deployment, "publish an issue") as act:
        _step(act, period, ("frozen",))
        # Only now: who printed it at the same time is refused above, and writes nothing.
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in made.items():
            (folder / name).write_bytes(data)
        digest = hashlib.sha256(made[f"circular-{period.name}.pdf"]).hexdigest()
        pg.run(act.hub, _SQL["publish"], {"period": period.name, "who": who, "now": settings.now(), "hash": digest})
        act.chained("decision", {"what": "circular publish", "period": period.name, "who": who, "sha256": digest})
        _queue(act, period, issue, made)
    return [folder / name for name in made]


def documents(deployment: Deployment, issue: Mapping[str, Any]) -> dict[str, bytes]:
    """Return an issue's files by name: PDF, DOCX, XLSX annex, CSV and JSON."""
    made, period = issue["figures"], Period.of(issue["period"])
    doc = circular.document(deployment.catalog, issue)
    as_of = datetime.fromisoformat(made["as_of"])
    return {
        f"circular-{period.name}.pdf": paper.pdf(doc), f"circular-{period.name}.docx": paper.docx(doc),
        f"annex-{period.name}.xlsx": printed.as_bytes(deployment, "xlsx", made, period, as_of),
        f"units-{period.name}.csv": printed.as_bytes(deployment, "csv", made, period, as_of),
        f"circular-{period.name}.json": json.dumps(made, ensure_ascii=False, indent=1).encode(),
    }  # fmt: skip


def printed_as(deployment: Deployment, form: str, made: dict[str, Any], period: Period) -> bytes:
    """Return figures that are in no issue as `json`, `csv`, `xlsx`, or as the circular's draft in `pdf` or `docx`."""
    as_of = datetime.fromisoformat(made["as_of"])
    if form == "json":
        return json.dumps(made, ensure_ascii=False, indent=1).encode()
    if form in ("csv", "xlsx"):
        return printed.as_bytes(deployment, form, made, period, as_of)
    issue = {
        "figures": made,
        "state": "draft",
        "issue_no": None,
        "evidence_root": None,
        "drafted_at": as_of,
        "frozen_at": None,
    }
    doc = circular.document(deployment.catalog, issue)
    return paper.pdf(doc) if form == "pdf" else paper.docx(doc)


def get(deployment: Deployment, period: Period) -> dict[str, Any]:
    """Return an issue; IssueRefused when there is none."""
    with closing(deployment.hub(name="gateway issue", autocommit=True)) as hub, pg.hub_errors("read an issue"):
        return _get(hub, period)


def hand_out(deployment: Deployment, period: Period, path: Path, *, who: str) -> None:
    """Write the evidence of a period to a file for somebody, and put who took it into the chain.

    What is frozen is given as it was kept, and EvidenceRefused when that file is not the one whose head was printed.
    Anything else is what the period's figures are made of now.
    """
    with closing(deployment.hub(name="gateway issue", autocommit=True)) as hub, pg.hub_errors("read an issue"):
        issue = _find(hub, period)
    if issue is None or issue["state"] in _OPEN:
        made = evidence.export(deployment, period, path, settings.now())
        root, count = made.root, made.count
    else:
        root, count = issue["evidence_root"], issue["evidence_count"]
        kept = folder_of(period) / f"evidence-{period.name}.zip"
        if evidence.head(kept) != root:
            raise EvidenceRefused(
                f"{kept.name} is not on this machine as it was frozen", "Look in the newest backup of GATEWAY_HOME."
            )
        shutil.copyfile(kept, path)
    with acting(deployment, "hand out evidence") as act:
        told = {"what": "evidence export", "period": period.name, "who": who, "root": root, "count": count}
        act.chained("decision", told)


def listing(connection: Connection, limit: int = 50) -> list[dict[str, Any]]:
    """Return issues, newest period first, without their figures."""
    return pg.dicts(connection, _SQL["listing"], {"limit": limit})


def advance(deployment: Deployment) -> dict[str, str]:
    """Do what is due for the period before this one: draft it on the first working day, publish it on the second at 17:00."""
    now = settings.now().astimezone(settings.CHINA)
    period = Period.around(now.date()).before
    drafted, frozen = period.publishing(Calendar.from_files(deployment.catalog.calendar_files))
    with closing(deployment.hub(name="gateway issue", autocommit=True)) as hub, pg.hub_errors("read an issue"):
        found = _find(hub, period)
        promised = bool(agreements.between(hub, period.begins, period.ends))
    state = found["state"] if found else ""
    if not promised:  # the deployment is younger than the period: there is nothing to report
        return {"period": period.name, "state": state}
    if state == "" and now.date() >= drafted:
        state = draft(deployment, period)["state"]
    due = now.date() > frozen or (now.date() == frozen and now.hour >= _FREEZES)
    if due and state in _OPEN:
        state = freeze(deployment, period)["state"]
    if due and state == "frozen":
        publish(deployment, period, who="gateway")
        state = "published"
    return {"period": period.name, "state": state}


def folder_of(period: Period) -> Path:
    """Return where the files of an issue lie."""
    return settings.home() / "circulars" / period.name


def _queue(act: Act, period: Period, issue: Mapping[str, Any], made: Mapping[str, bytes]) -> None:
    """Queue the issue to whoever answers for the bureau and the units; the workbook goes along while it is small enough."""
    catalog, pdf = act.deployment.catalog, made[f"circular-{period.name}.pdf"]
    files = [Attachment(f"circular-{period.name}.pdf", "application/pdf", pdf)]
    if len(annex := made[f"annex-{period.name}.xlsx"]) < _LARGEST:
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        files.append(Attachment(f"annex-{period.name}.xlsx", kind, annex))
    total = issue["figures"]["totals"]["all"]
    subject = f"[时效考核通报] {period.chinese}第{issue['issue_no']}期"
    text = (
        f"{subject}\n按时率{printed.percent(total['rate_bp'])}%（{total['on_time']}/{total['on_time'] + total['late']}），"
        f"观测覆盖率{printed.percent(total['coverage_bp'])}%。\n证据共{issue['evidence_count']}条，首值 {issue['evidence_root']}。\n"
    )
    message = Message(
        f"circular {period.name}", subject, text, subject, html=page(subject, text), attachments=tuple(files)
    )
    promised = {row["unit"] for row in agreements.between(act.hub, period.begins, period.ends)}
    people = {p.contact for unit in sorted(promised | {catalog.bureau}) for p in contacts.current(act.hub, unit)}
    for contact in sorted(people):
        outbox.put(act.hub, act.deployment.keys, message, contact, "circular")


def _more(act: Act, period: Period, made: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return figures with the totals of the issue before, what was ruled since it was frozen, and what that changed."""
    found = pg.dicts(act.hub, _SQL["before"], {"period": period.name})
    if not found:
        return {**made, "before": None, "corrections": [], "corrected": None}
    then = found[0]["figures"]
    total = then["totals"]["all"]
    units = [{name: row[name] for name in ("kind", "unit", "rate_bp", "place")} for row in then["units"]]
    before = {
        "period": found[0]["period"],
        "rate_bp": total["rate_bp"],
        "coverage_bp": total["coverage_bp"],
        "units": units,
    }
    ruled = figures.rulings(act.hub, found[0]["frozen_at"], now)
    return {**made, "before": before, "corrections": ruled, "corrected": _corrected(act, then, now) if ruled else None}


def _corrected(act: Act, then: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return rate and misses of the issue before as it was frozen, and as rulings since make them."""
    after = figures.read(act.hub, act.deployment.catalog, Period.of(then["period"]), now)["totals"]["all"]
    frozen = then["totals"]["all"]
    return {
        "period": then["period"], "before_bp": frozen["rate_bp"], "after_bp": after["rate_bp"], "before_late": frozen["late"],
        "after_late": after["late"],
    }  # fmt: skip


def _step(act: Act, period: Period, states: tuple[str | None, ...]) -> None:
    pg.one(act.hub, _SQL["alone"])
    found = _find(act.hub, period)
    if found is not None or None not in states:
        _refuse_state(found, period, states)


def _refuse_state(found: dict[str, Any] | None, period: Period, states: tuple[str | None, ...]) -> dict[str, Any]:
    if found is None:
        raise IssueRefused(f"there is no issue of {period.name}", f"Run `gateway circular draft {period.name}`.")
    if found["state"] not in states:
        hint = (
            "What is frozen is corrected in the next issue."
            if found["state"] not in _OPEN
            else "See `gateway circular list`."
        )
        raise IssueRefused(f"the issue of {period.name} is {found['state']}", hint)
    return found


def _refuse_early(period: Period, now: datetime) -> None:
    if not period.half:
        raise PeriodInvalid(f"{period.name} has no circular", "Give a half month, such as 2026-11A.")
    if now < period.ends:
        raise PeriodInvalid(f"{period.name} is not over", "See `gateway sla report` for its figures so far.")


def _get(hub: Connection, period: Period) -> dict[str, Any]:
    return _refuse_state(_find(hub, period), period, ("draft", "reviewed", "frozen", "published"))


def _find(hub: Connection, period: Period) -> dict[str, Any] | None:
    found = pg.dicts(hub, _SQL["get"], {"period": period.name})
    return found[0] if found else None
