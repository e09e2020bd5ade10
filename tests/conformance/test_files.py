"""The `files` connector keeps the promises of every source and target, in a folder and behind a real SFTP server."""

# ruff: noqa: D102 - the harness does what suite.SourcePeer and suite.TargetPeer say

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from psycopg2.extensions import connection as Connection

from connectors.files import Files, connect, connect_target
from connectors.files_target import FilesTarget
from gateway.model import Dataset, Field, Platform
from gateway.ports import Delivery, Target
from tests.conformance.suite import EVERYTHING, ODD_KEYS, Row, SourceSuite, TargetPeer, TargetSuite, outgoing, values
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.sftp_site import PASSWORD, SftpSite

RESOURCE = {"folder": "in", "format": {"kind": "csv", "charset": "utf-8", "null": r"\N"}}
OPTIONS: dict[str, Any] = {"resources": {EVERYTHING.name: {**RESOURCE, "format": {"kind": "csv", "charset": "utf-8"}}}}
SENT: dict[str, Any] = {"resources": {EVERYTHING.name: {**RESOURCE, "folder": "out"}}}


class FolderPeer:
    """A folder of this machine."""

    secrets: tuple[str, ...] = ()

    def __init__(self, root: Path) -> None:
        """Make the folders."""
        self.root, self.out = root, root / "out"
        for name in ("in", "out"):
            (root / name).mkdir()
        self.folder = Folder(root / "in")

    def create(self, dataset: Dataset) -> None:
        self.folder.put(table(dataset.columns, []), 0, "full")

    def write(self, dataset: Dataset, rows: Iterable[Row]) -> None:
        told = [{**row, "operation": "I"} for row in rows]
        self.folder.put(table([*dataset.columns, "operation"], told), len(told))

    def source(self) -> Files:
        return connect(_platform(OPTIONS), self.dsn())

    def source_that_is_down(self) -> Files:
        return connect(_platform(OPTIONS), f"file://{self.root}/elsewhere")

    def target(self) -> FilesTarget:
        return connect_target(_platform(SENT), self.dsn())

    def dsn(self) -> str:
        return f"file://{self.root}"

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        """Do as a reader does: take file after file, by their manifests."""
        state: dict[tuple[str, ...], tuple[Any, ...]] = {}
        manifests = [json.loads(p.read_text()) for p in self.out.glob("*.manifest.json")]
        for manifest in sorted(manifests, key=lambda m: m["sequence"]):
            rows = list(csv.reader(io.StringIO((self.out / manifest["file"]).read_text(), newline="")))
            assert rows[0] == [*dataset.columns, "operation"]
            assert len(rows) - 1 == manifest["rows"]
            for *cells, operation in rows[1:]:
                state.pop((cells[0], cells[1]), None)
                if operation == "U":
                    state[cells[0], cells[1]] = tuple(map(_typed, dataset.fields, cells))
        return [state[key] for key in sorted(state)]


def _typed(field: Field, cell: str) -> Any:
    """Return a cell as its type; a moment as the wall clock of its zone."""
    if cell == r"\N":
        return None
    if field.zone:
        return datetime.fromisoformat(cell).astimezone(ZoneInfo(field.zone)).replace(tzinfo=None)
    made: dict[str, Any] = {
        "integer": int,
        "smallint": int,
        "bigint": int,
        "date": date.fromisoformat,
        "boolean": "t".__eq__,
    }
    if field.type.startswith("numeric"):
        return Decimal(cell)
    return f"{cell:<6}" if field.type == "char(6)" else made.get(field.type, str)(cell)


def _platform(options: dict[str, Any]) -> Platform:
    return Platform("peer", "", "files", "PEER", "gxj", options=options)


class FilesTargetSuite(TargetSuite):
    """A file does not know what its reader holds, and takes whatever the hub holds."""

    test_bad_row_in_the_middle_leaves_nothing = None  # type: ignore[assignment] # a file refuses no row

    def test_rows_are_updated_inserted_and_deleted_as_one(
        self, hub: Connection, peer: TargetPeer, target: Target
    ) -> None:
        """A batch brings new rows, new versions and deletions, each told and counted as it was sent; odd keys match."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values(code) for code in ODD_KEYS]))
        rows = [values("new"), values(ODD_KEYS[0], small=9), values(ODD_KEYS[1])]
        gone = [(code, 1) for code in (*ODD_KEYS[2:], "nobody")]
        done = target.write(EVERYTHING, outgoing(hub, target, 2, rows, gone))
        assert done == Delivery(2, inserted=3, updated=0, unchanged=0, deleted=len(gone))
        assert {r[0]: r[7] for r in peer.held(EVERYTHING)} == {ODD_KEYS[0]: 9, ODD_KEYS[1]: -7, "new": -7}


class TestFilesInFolder(SourceSuite, FilesTargetSuite):
    """CSV in a folder."""

    test_wrong_password_is_access_denied = None  # type: ignore[assignment] # a folder has no login
    test_missing_rights_are_access_denied = None  # type: ignore[assignment] # tested with SFTP: root may read all

    @pytest.fixture
    def peer(self, tmp_path: Path) -> FolderPeer:
        """Return a fresh platform."""
        return FolderPeer(tmp_path)

    def test_what_is_written_can_be_read(self, hub: Connection, peer: FolderPeer, target: Target) -> None:
        """The connector's own files are a source like any other: the newest rows, less those deleted."""
        target.write(EVERYTHING, outgoing(hub, target, 1, [values("a"), values("承德𠂇"), values("gone")]))
        target.write(EVERYTHING, outgoing(hub, target, 2, [values("a", small=9)], [("gone", 1)]))
        source = connect(_platform(SENT), peer.dsn())
        found = self.copied(hub, source)
        assert {r[0]: r[7] for r in found} == {"a": 9, "承德𠂇": -7}


class SftpPeer(FolderPeer):
    """The same folder behind SFTP, with a reader and a stranger."""

    def __init__(self, root: Path, site: SftpSite) -> None:
        """Serve the folder."""
        super().__init__(root)
        self.site, self.secrets = site, (PASSWORD, quote(PASSWORD, safe=""), "a wrong one")

    def dsn(self) -> str:
        return self._dsn("reader", PASSWORD)

    def source(self) -> Files:
        return connect(self._platform(OPTIONS), self.dsn())

    def source_with_wrong_password(self) -> Files:
        return connect(self._platform(OPTIONS), self._dsn("reader", "a wrong one"))

    def source_without_rights(self) -> Files:
        return connect(self._platform(OPTIONS), self._dsn("stranger", PASSWORD))

    def source_that_is_down(self) -> Files:
        return connect(self._platform(OPTIONS), self._dsn("reader", PASSWORD, port=1))

    def target(self) -> FilesTarget:
        return connect_target(self._platform(SENT), self.dsn())

    def _dsn(self, user: str, password: str, port: int | None = None) -> str:
        return f"sftp://{user}:{quote(password, safe='')}@127.0.0.1:{port or self.site.port}/"

    def _platform(self, options: dict[str, Any]) -> Platform:
        platform = _platform(options)
        return replace(platform, options={**options, "host_keys": [self.site.fingerprint]})


class TestFilesBehindSftp(SourceSuite, FilesTargetSuite):
    """CSV behind a real SFTP server."""

    @pytest.fixture
    def peer(self, tmp_path: Path) -> Iterator[SftpPeer]:
        """Yield a fresh platform."""
        with SftpSite(tmp_path) as site:
            yield SftpPeer(tmp_path, site)
