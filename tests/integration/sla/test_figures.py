"""From a route's runs to figures, their evidence and its proof, on the real ledger of a small city."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import EvidenceRefused, GatewayError, PlatformUnavailable
from gateway.exchange import carry
from gateway.ledger import receipts
from gateway.model import SlaTerm
from gateway.security.crypto import Keys
from gateway.sla import agreements, evidence, figures
from gateway.sla.periods import Period
from tests.integration.conftest import City

HOURLY = SlaTerm("hourly", "每小时", 70, 9000)  # ten minutes for each slot
MINUTELY = SlaTerm("minutely", "实时", 10, 9900)


def _now() -> datetime:
    return datetime.now(UTC)


def _promise(city: City, ago: timedelta, term: SlaTerm = HOURLY, **route: Any) -> City:
    """Return the city with a slot that was due so long ago, promised for three hours."""
    at = _now() - ago
    promised = city.with_route(sla=term, **{"schedule": f"{at.minute} * * * *", **route})
    with city.deployment.hub() as hub:
        agreements.sync(hub, promised.deployment.catalog, _now() - timedelta(hours=3))
    return promised


def _report(city: City, now: datetime | None = None) -> dict[str, Any]:
    now = now or _now() + timedelta(seconds=1)
    return figures.report(city.deployment, Period.around((now + timedelta(hours=8)).date()), now)


def _counts(made: dict[str, Any]) -> dict[str, int]:
    total = made["totals"]["all"]
    names = ("on_time", "late", "late_source", "late_hub", "unmeasured")
    return {name: total[name] for name in names if total[name]}


def test_a_run_within_its_time_is_on_time_and_hours_without_a_run_are_not_met(city: City) -> None:
    """Nobody looked in the two hours before: they count as unmeasured, and the unit gets no place for it."""
    city = _promise(city, timedelta(minutes=2))
    city.fill(20)
    carry.run(city.deployment, "person_in")
    made = _report(city)
    assert _counts(made) == {"on_time": 1, "unmeasured": 2}
    assert [(u["unit"], u["rate_bp"], u["coverage_bp"], u["place"], u["why"]) for u in made["units"]] == [
        ("gaj", 10000, 3333, None, "too_few")
    ]
    assert made["totals"]["all"]["read"] == 20
    assert made["routes"][0]["latency"]["n"] == 1
    assert made["routes"][0]["latency"]["p50_ms"] is None


def test_a_late_run_is_the_gateways_unless_the_platform_was_away(city: City) -> None:
    """Without a try that found the platform away the doubt is ours; the unit's own rate is not touched."""
    city = _promise(city, timedelta(minutes=30))
    city.fill(5)
    carry.run(city.deployment, "person_in")
    made = _report(city)
    assert _counts(made) == {"late": 1, "late_hub": 1, "unmeasured": 2}
    assert made["units"][0]["late_own"] == 0
    assert made["units"][0]["late_hub"] == 1


def test_a_platform_that_is_away_answers_for_the_delay(city: City) -> None:
    """A try that ended at the platform after its data was due proves that it was not there."""
    city = _promise(city, timedelta(minutes=30))
    away = replace(city.deployment, resolve=lambda _: "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(PlatformUnavailable):
        carry.run(away, "person_in")
    assert _counts(_report(city)) == {"late": 1, "late_source": 1, "unmeasured": 2}
    city.fill(5)
    carry.run(city.deployment, "person_in")
    made = _report(city)
    assert _counts(made) == {"late": 1, "late_source": 1, "unmeasured": 2}
    assert made["units"][0]["late_own"] == 1


def test_a_changed_term_begins_a_version_and_the_same_one_does_not(city: City) -> None:
    """What was promised before stays judged by what was promised then."""
    city = _promise(city, timedelta(minutes=2))
    changed = city.with_route(sla=replace(HOURLY, on_time_bp=9900), schedule="7 * * * *")
    with city.deployment.hub() as hub:
        assert agreements.sync(hub, changed.deployment.catalog, _now()) == 1
        assert agreements.sync(hub, changed.deployment.catalog, _now()) == 0
    versions = city.ask("select target_bp, valid_to is null from gateway.agreement order by agreement")
    assert versions == [(9000, False), (9900, True)]
    assert _report(changed)["totals"]["all"]["unmeasured"] == 2  # the third is not due yet


def _real_time(city: City) -> City:
    """Return a city whose rows come each minute: one run of everything, one of a change."""
    city = _promise(city, timedelta(), MINUTELY, schedule="* * * * *")
    city.fill(50)
    carry.run(city.deployment, "person_in")
    city.ask_source("update person set amount = 7, updated_at = now() where id = 'P00000003'")
    carry.run(city.deployment, "person_in")
    return city


def test_a_window_is_as_late_as_the_row_that_waited_longest(city: City) -> None:
    """Changed rows are timed from their stamp to their confirmation; windows in which nobody looked are unmeasured."""
    city = _real_time(city)
    made = _report(city)
    route = made["routes"][0]
    assert route["on_time"] >= 1
    assert route["late"] == 0
    assert route["unmeasured"] >= 10
    assert route["latency"]["n"] == 1
    assert 0 < route["latency"]["longest_ms"] < 600_000
    assert made["totals"]["real_time"]["expected"] == route["expected"]


def _exported(city: City, folder: Path) -> Path:
    path = folder / "evidence.zip"
    now = _now() + timedelta(seconds=1)
    evidence.export(city.deployment, Period.around((now + timedelta(hours=8)).date()), path, now)
    return path


def _scheduled(city: City) -> City:
    city = _promise(city, timedelta(minutes=30))
    city.fill(8, bad=1)
    carry.run(city.deployment, "person_in")
    return city


@pytest.mark.parametrize("prepare", [_real_time, _scheduled], ids=["real time", "slots"])
def test_evidence_proves_itself_without_the_gateway(
    city: City, tmp_path: Path, prepare: Callable[[City], City]
) -> None:
    """The verifier in the file finds every figure again, with nothing but Python and the file."""
    city = prepare(city)
    path = _exported(city, tmp_path)
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    found = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import verify; sys.exit(verify.main(['.', '--signatures']))"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout
    assert "0 unequal" in found.stdout
    fault, said = evidence.verify(city.deployment, path, Period.of("2026-11A"))
    assert fault is None
    assert "chain ok" in said[0]
    assert city.ask("select count(*) from gateway.receipt where kind = 'sla'") == [(1,)]


def _line(text: str, number: int, change: Callable[[dict[str, Any]], None]) -> str:
    lines = text.splitlines()
    value = json.loads(lines[number])
    change(value)
    return "\n".join([*lines[:number], json.dumps(value, ensure_ascii=False), *lines[number + 1 :]]) + "\n"


def _resealed(text: str, change: Callable[[list[dict[str, Any]]], None]) -> str:
    """Return occurrences changed by somebody who knows how to seal them."""
    rows = [json.loads(line) for line in text.splitlines()]
    change(rows)
    prev, lines = receipts.FIRST, []
    for row in rows:
        row.pop("seal")
        prev = receipts.seal(prev, row)
        lines.append(json.dumps({**row, "seal": prev}))
    return "\n".join(lines) + "\n"


def _due_later(rows: list[dict[str, Any]]) -> None:
    _late(rows).update(verdict="on_time", blame=None, due="2199-01-01T00:00:00+00:00")


def _late(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in rows if row["verdict"] == "late")


def _figure(text: str) -> str:
    return text.replace('"late_hub": 1', '"late_hub": 0', 1)


TAMPERED: list[tuple[str, str, Callable[[str], str], str]] = [
    # what was done, file, how, what is said
    ("a receipt's rows", "receipts.jsonl", lambda t: _line(t, 0, lambda v: v["body"].update(rejected=0)), "receipt .* was changed"),
    ("a receipt's time", "receipts.jsonl", lambda t: _line(t, 0, lambda v: v["body"]["clocks"].update(confirmed="2026-01-01T00:00:00.000+00:00")), "receipt .* was changed"),
    ("a receipt is gone", "receipts.jsonl", lambda _: "", "receipts say receipt None"),
    ("an occurrence's time", "occurrences.jsonl", lambda t: _line(t, -1, lambda v: v.update(due="2199-01-01T00:00:00+00:00")), "does not fit"),
    ("an occurrence is gone", "occurrences.jsonl", lambda t: "\n".join(t.splitlines()[1:]) + "\n", "does not fit"),
    ("the end is cut off", "occurrences.jsonl", lambda t: "\n".join(t.splitlines()[:-1]) + "\n", "not the file of the manifest"),
    ("a verdict, sealed again", "occurrences.jsonl", lambda t: _resealed(t, lambda rows: _late(rows).update(verdict="on_time", blame=None)), "its times say late"),
    ("a due time, sealed again", "occurrences.jsonl", lambda t: _resealed(t, _due_later), "not the file of the manifest"),
    ("a figure", "issue.json", _figure, "not the file of the manifest"),
    ("what was promised", "agreements.json", lambda t: t.replace('"hub_s": 600', '"hub_s": 6000'), "its times say late target|not the file"),
    ("an invented exemption", "dockets.jsonl", lambda _: json.dumps({"no": "MK-2026-001", "ruling": "granted", "ruled_at": "2026-01-01T00:00:00+00:00", "withdrawn_at": None, "effect": "exempt", "occurrences": []}) + "\n", "not the file of the manifest"),
    ("the calendar", "workdays.csv", lambda t: t.replace(",1,", ",0,"), "not the file of the manifest"),
]  # fmt: skip


def test_each_tampered_copy_is_refused_and_named(city: City, tmp_path: Path) -> None:
    """Whatever is changed in a copy, the verifier says where, by itself and by the command."""
    city = _scheduled(city)
    path = _exported(city, tmp_path)
    for what, name, change, said in TAMPERED:
        copy = _tampered(path, tmp_path / "copy.zip", name, change)
        fault, _ = evidence.verify(city.deployment, copy, Period.of("2026-11A"))
        assert fault, what
        assert re.search(said, fault), (what, fault)


def _tampered(path: Path, copy: Path, name: str, change: Callable[[str], str]) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for entry in old.namelist():
            text = old.read(entry).decode()
            changed = change(text) if entry == name else text
            assert entry != name or changed != text
            new.writestr(entry, changed)
    return copy


def test_a_file_signed_by_other_keys_is_not_ours(city: City, tmp_path: Path) -> None:
    """A copy that fits in itself but was signed by somebody else is refused by the command."""
    city = _scheduled(city)
    path = _exported(city, tmp_path)
    other = replace(city.deployment, keys=Keys.create(tmp_path / "other"))
    fault, _ = evidence.verify(other, path, Period.of("2026-11A"))
    assert fault
    assert "not this deployment's" in fault


def test_what_is_no_evidence_is_told_as_such(city: City, tmp_path: Path) -> None:
    """A file that is no zip, and a period in which nothing was due, end with words and leave no file."""
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"no zip")
    with pytest.raises(EvidenceRefused, match=r"broken\.zip"):
        evidence.verify(city.deployment, broken, Period.of("2026-11A"))
    path = tmp_path / "empty.zip"
    with pytest.raises(GatewayError, match="nothing was expected"):
        evidence.export(city.deployment, Period.of("2026-01A"), path, _now())
    assert not path.exists()
