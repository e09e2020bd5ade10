"""Proves the chain of receipts, and the content of each batch that no later batch has touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.exchange import hub as hub_tables
from gateway.ledger import chain, receipts
from gateway.model import HUB, Dataset


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven: entries of the chain, batches whose content equals the hub, batches changed by later ones."""

    ok: bool
    checked: int
    first_fault: str | None
    untouched: int
    superseded: int

    def as_dict(self) -> dict[str, Any]:
        """Return the proof for machines."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Content:
    """The rows of one batch: as the receipt says, or as the hub holds them."""

    rows: int
    hash_sum: int


@dataclass(slots=True)
class _Said:
    """What the receipts say of one data set: the rows each batch wrote, and how many each source should have now."""

    batches: dict[int, _Content] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def verify(deployment: Deployment, *, content: bool = True) -> Proof:
    """Verify chain, signatures, head, and that what this deployment saw committed is still there; then the content.

    `content` compares every batch's rows with the hub, and the number of rows with what was inserted and deleted. A batch
    whose rows were partly rewritten by later batches is `superseded` and cannot be compared any more; one that holds more
    rows than its receipt, or other content in as many rows, is a fault and is named.
    """
    seen = chain.witness()  # before the snapshot: what is committed meanwhile is not part of it
    hub = _at_one_moment(deployment)
    said: dict[str, _Said] = defaultdict(_Said)
    try:
        with pg.hub_errors("verify receipts"), hub:
            verdict = receipts.verify(_noting(chain.entries(hub), said), chain.head(hub), deployment.keys.public_keys())
            fault = verdict.fault or chain.contradiction(hub, seen)
            if fault or not content:
                return Proof(fault is None, verdict.checked, fault, 0, 0)
            return _with_content(hub, deployment, said, verdict.checked)
    finally:
        hub.close()


def export(deployment: Deployment, path: Path) -> int:
    """Write chain, signed head, public keys and the single-file verifier to `path`; return the number of entries."""
    hub = _at_one_moment(deployment)
    try:
        with pg.hub_errors("export receipts"), hub:
            return receipts.export(chain.entries(hub), chain.head(hub), deployment.keys.public_keys(), path)
    finally:
        hub.close()


def _at_one_moment(deployment: Deployment) -> Connection:
    """Open the hub so that chain, head and rows are seen as of one moment, while routes go on committing."""
    hub = deployment.hub(name="gateway proof")
    with pg.hub_errors("begin a proof"):
        hub.set_session(isolation_level="REPEATABLE READ", readonly=True)
    return hub


def _noting(entries: Iterator[receipts.Entry], said: dict[str, _Said]) -> Iterator[receipts.Entry]:
    """Pass the entries on and keep what each batch receipt says of its rows (two integers a batch)."""
    for entry in entries:
        body = entry.body
        if body.get("kind") == "batch" and body["to"] == HUB:
            dataset, source = said[body["dataset"]], body["from"]
            before = 0 if body["run"] == "first_load" else dataset.rows.get(source, 0)
            dataset.rows[source] = before + body["inserted"] - body["deleted"]
            if body["content"]["rows"]:
                content = _Content(body["content"]["rows"], int(body["content"]["hash_sum"]))
                dataset.batches[body["batch"]] = content
        elif body.get("kind") == "notice" and body.get("what") == "carry out":
            _restate(said[body["dataset"]], body["contents"])
        yield entry


def contents(hub: Connection, dataset: Dataset) -> dict[str, list[Any]]:
    """Return rows and hash of each batch that the hub holds, as an entry states them anew when the projection changed."""
    return {str(batch): [c.rows, str(c.hash_sum)] for batch, c in _held(hub, dataset)[0].items()}


def _restate(said: _Said, stated: Mapping[str, list[Any]]) -> None:
    """Take the content of whole batches under the new projection; one that lost rows before keeps what its receipt says."""
    for batch, (rows, hash_sum) in stated.items():
        known = said.batches.get(int(batch))
        if known is not None and known.rows == rows:
            said.batches[int(batch)] = _Content(rows, int(hash_sum))


def _with_content(hub: Connection, deployment: Deployment, said: dict[str, _Said], checked: int) -> Proof:
    untouched = superseded = 0
    for name, of in said.items():
        dataset = deployment.catalog.datasets.get(name)
        if dataset is None:
            continue
        held, rows = _held(hub, dataset)
        for batch, content in sorted(of.batches.items()):
            found = held.pop(batch, _Content(0, 0))
            if found == content:
                untouched += 1
            elif found.rows < content.rows:
                superseded += 1
            else:
                wrong = f"batch {batch} of {name}: the hub holds {found.rows} rows of other content than the receipt's"
                return Proof(False, checked, wrong, untouched, superseded)
        if fault := _count_fault(name, of.rows, rows, held):
            return Proof(False, checked, fault, untouched, superseded)
    return Proof(True, checked, None, untouched, superseded)


def _count_fault(name: str, said: dict[str, int], rows: dict[str, int], unknown: dict[int, _Content]) -> str | None:
    """Return what is wrong with the number of rows: a batch without receipt, or rows that nobody deleted and are gone."""
    if unknown:
        return f"{name}: rows of batch {min(unknown)} have no receipt"
    for source, count in said.items():
        if rows.get(source, 0) != count:
            return f"{name}: the receipts leave {count} rows from {source}, the hub holds {rows.get(source, 0)}"
    return None


def _held(hub: Connection, dataset: Dataset) -> tuple[dict[int, _Content], dict[str, int]]:
    """Return content by batch, and rows by source, as the hub holds them."""
    query = sql.SQL("select gw_source, gw_batch, count(*), sum({}) from {} as _r_ group by gw_source, gw_batch").format(
        hub_tables.record_hash(dataset, "_r_"), hub_tables.table(dataset)
    )
    batches: dict[int, _Content] = {}
    by_source: dict[str, int] = defaultdict(int)
    with hub.cursor() as cursor:
        cursor.execute(query)
        for source, batch, rows, total in cursor.fetchall():
            batches[int(batch)] = _Content(int(rows), int(total))  # a batch is of one source
            by_source[source] += int(rows)
    return batches, by_source
