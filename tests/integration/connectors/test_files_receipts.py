"""What the sender of a file gets back: a receipt file beside it, once the batch that took it is decided."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from gateway.errors import AccessDenied, PlatformUnavailable
from gateway.exchange import carry, proof, quarantine, transfer
from gateway.model import Rate
from tests.integration import forked
from tests.integration.conftest import City
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.sftp_site import PASSWORD, SftpSite
from tests.integration.connectors.test_files import COLUMNS, filed, person

__all__ = ["filed"]
IN = "person_in"
TOLD = [*COLUMNS, "operation"]
Filed = tuple[City, Folder]


def receipt(folder: Folder, number: int) -> dict[str, Any]:
    """Return the receipt of a delivery."""
    found: dict[str, Any] = json.loads((folder.path / f"{folder.series}.{number:04}.csv.receipt.json").read_bytes())
    return found


def receipts(folder: Folder) -> list[int]:
    """Return the numbers of the deliveries that have a receipt."""
    return sorted(json.loads(p.read_bytes())["sequence"] for p in folder.path.glob("*.receipt.json"))


def counts(found: dict[str, Any]) -> tuple[int, int, int]:
    """Return read, landed and rejected."""
    return found["read"], found["landed"], found["rejected"]


def test_each_delivery_gets_its_receipt(filed: Filed) -> None:
    """Name, checksum and counts; rejected rows by number and rule; the batch's receipt in the chain; no value."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1), person(2, sex=7), person(3), person(4, "名" * 30)]), 4, "full")
    first = transfer.run(city.deployment, IN)
    found = receipt(folder, 1)
    manifest = json.loads((folder.path / "test.person.0001.csv.manifest.json").read_text())
    assert (found["file"], found["sha256"], found["sequence"]) == (manifest["file"], manifest["sha256"], 1)
    assert counts(found) == (4, 2, 2)
    assert found["rejects"] == [{"row": 2, "rule": "T-01"}, {"row": 4, "rule": "name.length"}]
    assert found["rules"] == {"T-01": 1, "name.length": 1}
    ((number, hashed),) = city.ask("select no, hash from gateway.receipt where batch_id = %s", (first.batch,))
    assert (found["batch"], found["receipt"], found["hash"]) == (first.batch, number, hashed)
    assert "王小明" not in json.dumps(found, ensure_ascii=False)


def test_a_row_of_any_fault_is_found_by_its_number(filed: Filed) -> None:
    """Cells too few, another type, a wrong operation, a deletion: only what was rejected is told, where it stands."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1), person(2)]), 2, "full")
    transfer.run(city.deployment, IN)
    body = table(TOLD, [person(3), person(4, amount="three"), person(5, operation="X"), {"id": "P1", "operation": "D"}])
    folder.put(body + b"P6,too few\n" + table(TOLD, [person(7, sex=7)]).split(b"\n", 1)[1], 6, deleted=1)
    transfer.run(city.deployment, IN)
    found = receipt(folder, 2)
    assert counts(found) == (6, 2, 4)
    assert [(r["row"], r["rule"]) for r in found["rejects"]] == [
        (2, "amount.type"), (3, "file.operation"), (5, "file.cells"), (6, "T-01"),
    ]  # fmt: skip


def test_numbers_hold_where_plain_records_and_others_take_turns(filed: Filed) -> None:
    """A text with a backslash is judged, one without is copied: whichever way it took, a rejected record stands where it did."""
    city, folder = filed
    bad = {1, 7, 600, 1_401, 2_500}
    sent = [
        person(n, "a\\b" if n % 700 == 0 or n == 7 else f"张{n}", sex=7 if n in bad else 1) for n in range(1, 2_501)
    ]
    folder.put(table(COLUMNS, sent), len(sent), "full")
    assert transfer.run(city.deployment, IN).rejected == len(bad)
    assert [told["row"] for told in receipt(folder, 1)["rejects"]] == sorted(bad)


def test_receipts_are_written_once(filed: Filed) -> None:
    """One that its sender took away does not come again, and a run with nothing new writes none."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1)]), 1, "full")
    transfer.run(city.deployment, IN)
    for path in folder.path.glob("*.receipt.json"):
        path.unlink()
    folder.put(table(TOLD, [person(2)]), 1)
    transfer.run(city.deployment, IN)
    transfer.run(city.deployment, IN, whole=True)
    assert receipts(folder) == [2]
    assert not list(folder.path.glob(".*"))


def test_a_delivery_of_a_crashed_run_gets_its_receipt_from_the_next(filed: Filed) -> None:
    """Killed between commit and receipt file: the next run tells of the batch that decided, as it was then."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1), person(2, sex=7)]), 2, "full")
    assert forked.run(forked.route, city, IN, failpoint="done").returncode != 0
    assert receipts(folder) == []
    ((batch,),) = city.ask("select batch_id from gateway.receipt where kind = 'batch'")
    folder.put(table(TOLD, [person(2, sex=1)]), 1)  # what was rejected is mended meanwhile
    transfer.run(city.deployment, IN)
    assert receipts(folder) == [1, 2]
    assert (receipt(folder, 1)["batch"], counts(receipt(folder, 1))) == (batch, (2, 1, 1))
    assert receipt(folder, 1)["rejects"] == [{"row": 2, "rule": "T-01"}]
    assert counts(receipt(folder, 2)) == (1, 1, 0)
    assert proof.verify(city.deployment).ok


def test_a_run_that_is_not_decided_writes_no_receipt(filed: Filed) -> None:
    """Killed before its commit, or rehearsed: nothing was taken, and nothing is said."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1)]), 1, "full")
    assert forked.run(forked.route, city, IN, failpoint="receipt").returncode != 0
    transfer.run(city.deployment, IN, dry_run=True)
    assert receipts(folder) == []
    assert city.ask("select count(*) from gateway.brought") == [(0,)]
    transfer.run(city.deployment, IN)
    assert receipts(folder) == [1]


def test_a_delivery_that_ends_after_the_window_waits_for_its_receipt(filed: Filed) -> None:
    """Its clock is ahead: some of its rows may lie beyond what this run takes."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1)]), 1, "full")
    transfer.run(city.deployment, IN)
    folder.put(
        table(TOLD, [person(2), person(3, updated_at="2999-01-01T00:00:00+08:00")]),
        2,
        taken_at="2999-01-01T00:00:00+08:00",
    )
    transfer.run(city.deployment, IN)
    assert receipts(folder) == [1]
    transfer.run(city.deployment, IN, whole=True)  # a comparison takes all of it
    assert receipts(folder) == [1, 2]


def test_what_a_person_decided_is_told_as_it_was(filed: Filed) -> None:
    """A row given up or corrected is not in the hub as it was delivered, whichever delivery brings it again."""
    city, folder = filed
    rows = [person(1), person(2, sex=7), person(3, sex=8)]
    folder.put(table(COLUMNS, rows), 3, "full")
    transfer.run(city.deployment, IN)
    (second,), (third,) = city.ask("select id from gateway.quarantine order by masked ->> 'sex'")
    quarantine.discard(city.deployment, second, who="tester", why="x")
    carry.replay(city.deployment, third, who="tester", why="x", edits={"sex": 1})
    folder.put(table(COLUMNS, [*rows, person(4)]), 4, "full")
    transfer.run(city.deployment, IN)
    assert [r["row"] for r in receipt(folder, 2)["rejects"]] == [2, 3]


def test_a_receipt_that_cannot_be_written_fails_the_run_and_not_the_batch(filed: Filed) -> None:
    """The folder takes nothing: the run says so, the rows are in the hub; the receipt comes as soon as it can."""
    city, folder = filed
    folder.put(table(COLUMNS, [person(1)]), 1, "full")
    place = folder.path / f"{folder.series}.0001.csv.receipt.json"
    place.mkdir()
    with pytest.raises(PlatformUnavailable, match=r"rename .*receipt"):
        transfer.run(city.deployment, IN)
    assert len(city.hub_rows()) == 1
    assert city.ask("select state from gateway.batch order by batch_id desc limit 1") == [("committed",)]
    place.rmdir()
    transfer.run(city.deployment, IN)
    assert receipts(folder) == [1]


def test_a_folder_may_be_without_receipts(filed: Filed) -> None:
    """Where its owner lets the gateway read only, `receipts: false` says so; nothing is owed then."""
    city, folder = filed
    peer = city.deployment.catalog.routes[IN].peer
    city = city.with_route(peer=replace(peer, options={**peer.options, "receipts": False}))
    folder.put(table(COLUMNS, [person(1)]), 1, "full")
    transfer.run(city.deployment, IN)
    assert (receipts(folder), city.ask("select count(*) from gateway.brought")) == ([], [(0,)])


def test_a_delivery_that_was_taken_away_is_owed_nothing(filed: Filed) -> None:
    """After a crash its sender moved it to the archive: the next run goes on without a word to nobody."""
    city, folder = filed
    name = folder.put(table(COLUMNS, [person(1)]), 1, "full")
    forked.run(forked.route, city, IN, failpoint="done")
    folder.put(table(COLUMNS, [person(1)]), 1, "full", taken_at="2026-01-01T00:00:00+08:00", sequence=9)
    for path in (folder.path / name, folder.path / f"{name}.manifest.json"):
        path.unlink()
    transfer.run(city.deployment, IN)
    assert receipts(folder) == [9]
    assert city.ask("select count(*) from gateway.brought where told_at is null") == [(0,)]


def test_rows_that_are_spared_are_told_the_same(filed: Filed) -> None:
    """A platform with a rate of rows gets its receipts too; reading again for them keeps the rate."""
    city, folder = filed
    peer = city.deployment.catalog.routes[IN].peer
    city = city.with_route(peer=replace(peer, rate=Rate(rows_per_second=10_000)))
    folder.put(table(COLUMNS, [person(1), person(2, sex=7)]), 2, "full")
    transfer.run(city.deployment, IN)
    assert receipt(folder, 1)["rejects"] == [{"row": 2, "rule": "T-01"}]


def test_a_long_list_of_rejects_is_cut(filed: Filed) -> None:
    """Ten thousand rows are named; the counts are of all."""
    city, folder = filed
    rows = [person(n, sex=7) for n in range(10_050)]
    folder.put(table(COLUMNS, [*rows, person(99_999)]), 10_051, "full")
    transfer.run(city.deployment, IN)
    found = receipt(folder, 1)
    assert (counts(found), len(found["rejects"])) == ((10_051, 1, 10_050), 10_000)
    assert found["rejects"][-1]["row"] == 10_000


def test_receipts_are_written_behind_sftp(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that may only read is told apart from a fault of the data; with the right to write the receipt comes."""
    city, folder = filed
    peer = city.deployment.catalog.routes[IN].peer
    with SftpSite(folder.path.parent) as site:
        dsn = f"sftp://reader:{quote(PASSWORD, safe='')}@127.0.0.1:{site.port}/{folder.path.name}"
        monkeypatch.setenv("GATEWAY_CONN_PEER", dsn)
        city = city.with_route(peer=replace(peer, options={**peer.options, "host_keys": [site.fingerprint]}))
        folder.put(table(COLUMNS, [person(1), person(2, sex=7)]), 2, "full")
        site.read_only = True
        with pytest.raises(AccessDenied, match=r"write .*receipt") as denied:
            transfer.run(city.deployment, IN)
        assert "receipts to false" in denied.value.hint
        site.read_only = False
        transfer.run(city.deployment, IN)
    assert counts(receipt(folder, 1)) == (2, 1, 1)
    assert not list(folder.path.glob(".*"))
