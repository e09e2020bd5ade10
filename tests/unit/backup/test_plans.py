"""A plan that cannot be used says where, what and what to write instead."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from backup import plans
from gateway import catalog
from gateway.errors import CatalogInvalid, NotFound

CITY = catalog.load(Path(__file__).parents[3] / "catalog")
PLAN = """\
plan: permits
name: 停车许可系统
unit: gaj
source: {engine: postgresql, connection: PERMITS}
schedule: "0 2 * * *"
seal: {recipients: [CUSTODIAN], identity: DRILL}
repositories: [{repository: near, connection: NEAR}]
keep: {daily: 7}
promise: {rpo: 1d, rto: 90m}
drill: {schedule: "0 5 * * 0"}
"""


def _read(folder: Path, text: str) -> plans.Plan:
    path = folder / "permits.yaml"
    path.write_text(text, encoding="utf-8")
    return plans.read(path, CITY)


def test_a_plan_is_read(tmp_path: Path) -> None:
    """What is left out has its default."""
    found = _read(tmp_path, PLAN)
    assert (found.profile, found.jobs, found.rpo, found.rto) == ("age", 2, timedelta(days=1), timedelta(minutes=90))
    assert found.place().repository == "near"
    with pytest.raises(NotFound, match="has no repository far"):
        found.place("far")


def test_a_tree_of_files_is_read(tmp_path: Path) -> None:
    """It has a folder or a connection, patterns, and answers no SQL."""
    tree = "engine: files, path: /srv/attachments, exclude: ['*.tmp', cache/*], symlinks: record"
    found = _read(tmp_path, PLAN.replace("engine: postgresql, connection: PERMITS", tree))
    assert (found.engine, found.path, found.source, found.exclude) == (
        "files",
        "/srv/attachments",
        "/srv/attachments",
        ("*.tmp", "cache/*"),
    )
    asked = PLAN.replace('0"}', '0", assert: [{sql: select 1, is: 1}]}')
    with pytest.raises(CatalogInvalid, match="drill: a tree of files answers no SQL"):
        _read(tmp_path, asked.replace("engine: postgresql, connection: PERMITS", tree))


def test_words_of_time_are_read(tmp_path: Path) -> None:
    """Window and older drills stand in the plan as they are declared."""
    more = 'window: {from: "22:00", to: "06:00", days: workdays}\nkeep:'
    found = _read(tmp_path, PLAN.replace("keep:", more).replace('0"}', '0", older: 2/month}'))
    assert (found.older, str(found.window)) == (2, "22:00-06:00 workdays")


def test_a_plan_may_keep_wal(tmp_path: Path) -> None:
    """A segment that is not full is stored after a minute unless it says otherwise; without `wal` there is none."""
    assert _read(tmp_path, PLAN).wal is None
    found = _read(tmp_path, PLAN + 'wal: {base: "0 1 * * 6", connection: HUB_WAL}\n').wal
    assert found == plans.Wal("HUB_WAL", "0 1 * * 6", timedelta(minutes=1))


def test_the_city_s_plans_can_be_used() -> None:
    """The catalog's own plans have no fault."""
    found = plans.load(CITY)
    assert found.broken == {}
    assert {"hub_daily", "self_zjj_daily"} <= found.plans.keys()


# What stands in the file, what instead, and what is said of it.
FAULTS = [
    ("plan: permits", "plan: other", "permits.yaml:1: plan: a plan bears the name of its file"),
    ("unit: gaj", "unit: nobody", "permits.yaml:3: unit: there is no unit nobody"),
    ("engine: postgresql, connection: PERMITS", "engine: postgresql", "permits.yaml:4: source: engine postgresql needs a connection"),
    ("engine: postgresql", "engine: hub", "permits.yaml:4: source: engine hub needs no connection"),
    ("engine: postgresql, connection: PERMITS", "engine: mysql", "permits.yaml:4: source: engine mysql needs a connection"),
    ("engine: postgresql, connection: PERMITS", "engine: files", "permits.yaml:4: source: engine files needs a path or a connection"),
    ("engine: postgresql", "engine: files, path: /srv", "permits.yaml:4: source: engine files needs a path or a connection"),
    ("engine: postgresql, connection: PERMITS", "engine: files, path: srv", "permits.yaml:4: source.path: "),
    ("connection: PERMITS", "connection: PERMITS, path: /srv", "permits.yaml:4: source: path is a word of engine files"),
    ("connection: PERMITS", "connection: PERMITS, symlinks: record", "permits.yaml:4: source: symlinks is a word of engine files"),
    ("connection: PERMITS", "connection: PERMITS, exclude: ['a*']", "permits.yaml:4: source: exclude: a* is not the name of a schema"),
    ("keep:", 'window: {from: "22:00", to: "22:00"}\nkeep:', "permits.yaml:8: window: it opens and closes at 22:00"),
    ('"0 5 * * 0"}', '"0 5 * * 0", older: 1/week}', "permits.yaml:10: drill.older: "),
    ("engine: postgresql", "engine: oracle", "permits.yaml:4: source.engine: oracle is not one of"),
    ('"0 2 * * *"', "sometimes", "permits.yaml:5: schedule: 'sometimes' is not a schedule"),
    ("recipients: [CUSTODIAN]", "recipients: []", "permits.yaml:6: seal.recipients: "),
    ("[{repository: near, connection: NEAR}]", "[{repository: near, connection: A}, {repository: near, connection: B}]", "permits.yaml:7: repositories: near stands twice"),
    ("daily: 7", "hourly: 7", "permits.yaml:8: keep: "),
    ("rto: 90m", "rto: soon", "permits.yaml:9: promise.rto: "),
    ('{schedule: "0 5 * * 0"}', '{schedule: "never"}', "permits.yaml:10: drill: 'never' is not a schedule"),
    ("keep: {daily: 7}\n", "", "permits.yaml:1: keep: "),
    ("keep: {daily: 7}\n", "keep: {daily: 7}\nwal: {base: often, connection: WAL}\n", "permits.yaml:9: wal: 'often' is not a schedule"),
    ("keep: {daily: 7}\n", "keep: {daily: 7}\nwal: {base: manual}\n", "permits.yaml:9: wal: connection is a required property"),
    ("connection: NEAR", "connection: NEAR, password: x", "permits.yaml:1: password: a secret must not stand in the catalog"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "fault"), FAULTS)
def test_a_fault_names_file_line_and_field(tmp_path: Path, old: str, new: str, fault: str) -> None:
    """Each comes with a hint."""
    assert old in PLAN
    with pytest.raises(CatalogInvalid) as refused:
        _read(tmp_path, PLAN.replace(old, new, 1))
    assert refused.value.message.startswith(fault), refused.value.message
    assert refused.value.hint
