"""Proves the chain of receipts, and the content of each batch that no later batch has touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.deployment import Deployment
from gateway.exchange import hub as hub_tables
from gateway.ledger import chain, receipts
from gateway.model import Dataset


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


def verify(deployment: Deployment, *, content: bool = True) -> Proof:
    """Verify chain, signatures and head; with `content`, every batch's rows against the hub.

    A batch whose rows were partly rewritten by later batches is `superseded` and cannot be compared any more; one that
    holds more rows than its receipt, or other content in as many rows, is a fault and is named.
    """
    hub = _at_one_moment(deployment)
    said: dict[str, dict[int, _Content]] = {}
    try:
        with pg.hub_errors("verify receipts"), hub:
            verdict = receipts.verify(_noting(chain.entries(hub), said), chain.head(hub), deployment.keys.public_keys())
            if not verdict.ok or not content:
                return Proof(verdict.ok, verdict.checked, verdict.fault, 0, 0)
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


def _noting(entries: Iterator[receipts.Entry], said: dict[str, dict[int, _Content]]) -> Iterator[receipts.Entry]:
    """Pass the entries on and keep what each batch receipt says of its rows (two integers a batch)."""
    for entry in entries:
        body = entry.body
        if body.get("kind") == "batch" and body["content"]["rows"]:
            content = _Content(body["content"]["rows"], int(body["content"]["hash_sum"]))
            said.setdefault(body["dataset"], {})[body["batch"]] = content
        yield entry


def _with_content(hub: Connection, deployment: Deployment, said: dict[str, dict[int, _Content]], checked: int) -> Proof:
    untouched = superseded = 0
    for name, batches in said.items():
        dataset = deployment.catalog.datasets.get(name)
        if dataset is None:
            continue
        held = _held(hub, dataset)
        for batch, content in sorted(batches.items()):
            found = held.pop(batch, _Content(0, 0))
            if found == content:
                untouched += 1
            elif found.rows < content.rows:
                superseded += 1
            else:
                fault = f"batch {batch} of {name}: the hub holds {found.rows} rows of other content than the receipt's"
                return Proof(False, checked, fault, untouched, superseded)
        if held:
            return Proof(False, checked, f"{name}: rows of batch {min(held)} have no receipt", untouched, superseded)
    return Proof(True, checked, None, untouched, superseded)


def _held(hub: Connection, dataset: Dataset) -> dict[int, _Content]:
    query = sql.SQL("select gw_batch, count(*), sum({}) from {} as _r_ group by gw_batch").format(
        hub_tables.record_hash(dataset, "_r_"), hub_tables.table(dataset)
    )
    with hub.cursor() as cursor:
        cursor.execute(query)
        return {int(batch): _Content(int(rows), int(total)) for batch, rows, total in cursor.fetchall()}
