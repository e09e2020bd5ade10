"""Whatever is wrong with files is told by name, and nothing of it counts: partial, doubled, renamed, late, hostile."""

from __future__ import annotations

import getpass
import io
import json
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connectors import files_sftp
from connectors.files import Files, connect, connect_target
from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SettingMissing,
    SourceChanged,
)
from gateway.exchange import transfer
from gateway.model import Platform
from gateway.ports import Outgoing, Read, Window
from tests.integration.conftest import PERSON, City
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.sftp_site import PASSWORD, SftpSite
from tests.integration.connectors.test_files import COLUMNS, CSV, ITEM, NAMES, lines, person, platform, rows, sheet, xml

BODY = table(NAMES, rows("a", "b"))
DELTA = table([*NAMES, "operation"], rows("c", operation="U"))
XLSX = {"kind": "xlsx"}
XML = {"kind": "xml", "charset": "utf-8", "record": "r"}
DTD = b'<!DOCTYPE a [<!ENTITY x "y">]>'


def full(folder: Folder) -> None:
    """Put a good full file."""
    folder.put(BODY, 2, "full")


def cut(folder: Folder) -> None:
    """Cut a file after its manifest was written."""
    (folder.path / folder.put(BODY, 2, "full")).write_bytes(BODY[:-3])


def changed(folder: Folder) -> None:
    """Change a file after its manifest was written; its size stays."""
    (folder.path / folder.put(BODY, 2, "full")).write_bytes(BODY.replace(b"a", b"b"))


def spoilt(folder: Folder) -> None:
    """Let a file's text break where its bytes were damaged; its size stays."""
    (folder.path / folder.put(BODY, 2, "full")).write_bytes(BODY[:-2] + b"\xff\n")


def renamed(folder: Folder) -> None:
    """Rename a file after its manifest was written."""
    (folder.path / folder.put(BODY, 2, "full")).rename(folder.path / "renamed.csv")


def linked(folder: Folder) -> None:
    """Put a symlink in the place of a file."""
    name = folder.path / folder.put(BODY, 2, "full")
    name.rename(folder.path.parent / "outside.csv")
    name.symlink_to(folder.path.parent / "outside.csv")


def doubled(folder: Folder) -> None:
    """Send a delta file again under another number."""
    full(folder)
    folder.put(DELTA, 1)
    folder.put(DELTA, 1)


def sent_twice(folder: Folder) -> None:
    """Use a number again for other content."""
    full(folder)
    folder.put(BODY.replace(b"a", b"x"), 2, "full", sequence=1, file="other.csv")


def gap(folder: Folder) -> None:
    """Leave out a number."""
    full(folder)
    folder.put(DELTA, 1, sequence=3)


def no_beginning(folder: Folder) -> None:
    """Begin with a delta file that is not the first."""
    folder.put(DELTA, 1, sequence=2)


def turned_clock(folder: Folder) -> None:
    """Give a later number to a file that was taken earlier."""
    full(folder)
    folder.put(DELTA, 1, taken_at="2020-01-01T00:00:00+08:00")


FAULTS: list[tuple[Callable[[Folder], None], type[GatewayError], str]] = [
    (cut, SourceChanged, "is partial: 51 of 54|is partial"),
    (changed, SourceChanged, "checksum differs"),
    (spoilt, SourceChanged, "checksum differs"),  # the cause, not what it led to
    (renamed, SourceChanged, r"renamed\.csv is as large: was it renamed"),
    (linked, SourceChanged, "is not there"),
    (doubled, SchemaMismatch, "delivery 3 .* is delivery 2 again"),
    (sent_twice, SchemaMismatch, "delivery 1 .* sent twice with other content"),
    (gap, SourceChanged, "delivery 2 .* is missing, delivery 3 is there"),
    (no_beginning, SourceChanged, "delivery 1 .* is missing"),
    (turned_clock, SchemaMismatch, "delivery 2 .* taken before delivery 1"),
    (lambda _: None, SchemaMismatch, "no delivery yet"),
    (lambda f: full(f) or f.put(DELTA, 2), SchemaMismatch, "has 1 rows, its manifest says 2"),  # type: ignore[func-returns-value]
    (lambda f: f.tell("../x.csv", BODY, 2, sequence=1, manifest="a.manifest.json") and None, SchemaMismatch, "file breaks pattern"),
    (lambda f: f.tell("/etc/passwd", BODY, 2, sequence=1, manifest="a.manifest.json") and None, SchemaMismatch, "file breaks pattern"),
    (lambda f: f.tell("a\0b", BODY, 2, sequence=1, manifest="a.manifest.json") and None, SchemaMismatch, "file breaks pattern"),
    (lambda f: f.tell("a", BODY, 2, sequence=0) and None, SchemaMismatch, "sequence breaks minimum"),
    (lambda f: f.tell("a", BODY, 2, sequence=1, taken_at="2026-11-25") and None, SchemaMismatch, "taken_at is no moment"),
    (lambda f: f.tell("a", BODY, 2).write_text('{"format":1,"format":2}') and None, SchemaMismatch, "is no JSON"),
    (lambda f: f.tell("a", BODY, 2).write_text("[" * 60_000) and None, SchemaMismatch, "is no JSON"),
    (lambda f: f.tell("a", BODY, 2).write_text(" " * 70_000) and None, SchemaMismatch, "larger than 64 KB"),
]  # fmt: skip


@pytest.mark.parametrize(("put", "kind", "words"), FAULTS)
def test_a_wrong_delivery_is_told(
    tmp_path: Path, put: Callable[[Folder], None], kind: type[GatewayError], words: str
) -> None:
    """Each fault has words of its own and a hint, and tells whether waiting may help."""
    root = tmp_path / "files"
    root.mkdir()
    put(Folder(root, "test.item"))
    with pytest.raises(kind, match=words) as error:
        lines(root, platform())
    assert error.value.hint


FILES: list[tuple[dict[str, Any], bytes, str]] = [
    (CSV, b"", "has no header|lacks column"),
    (CSV, b'id,at\n1,"x"y\n', "a quote is amiss"),
    (CSV, b'id,at\n1,"x', "a quote is amiss"),
    (CSV, b"id,at\n1," + b"x" * 200_000, "beyond 131,072 characters"),
    (CSV, b"x" * (17 << 20), "a line beyond"),
    (CSV, b"id,name\n1,x\n", "lacks column at|lacks"),
    (CSV, b"id,at,surprise\n", "surprise"),
    (CSV, b"id,at,id\n1,2,3\n", "has twice column id"),
    (CSV, "id,at\n1,数据\n".encode("gb18030"), "is not utf-8"),
    ({**CSV, "charset": "gb18030"}, "id,name,at\n1,数据,2\n".encode(), "reads better as utf-8"),
    ({"kind": "jsonl", "charset": "utf-8"}, b"x" * (17 << 20), "a line beyond"),
    (XML, DTD + xml(rows("a")).partition(b"?>")[2], "has a DOCTYPE"),
    (XML, xml(rows("a"))[:-3], "is no XML"),
    (XML, b"<a>" + b"<b/>" * (2 << 20) + b"</a>", "no record within"),
    (XML, b"<a><r>" + b"<b>" * 5_000 + b"</b>" * 5_000 + b"</r></a>", "256 levels"),
    (XML, b"<a><r><id>" + b"x" * 10_500_000 + b"</id></r></a>", "no record within"),
    (XML, b"<a><r><id>&other;</id></r></a>", "is no XML"),
    (XLSX, b"PK\x03\x04 no sheet", "no XLSX file"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "body", "words"), FILES)
def test_a_file_that_is_none_is_refused(tmp_path: Path, form: dict[str, Any], body: bytes, words: str) -> None:
    """What is not of its format, or goes beyond a bound, is refused as a whole."""
    Folder(tmp_path, "test.item").put(body, 1, "full", suffix=form["kind"])
    with pytest.raises(SchemaMismatch, match=words) as error:
        copied(tmp_path, form)
    assert error.value.hint


def copied(root: Path, form: dict[str, Any]) -> None:
    """Read all without a look at the shape before; a surprise is told by either."""
    source = connect(platform(form), f"file://{root}")
    with source.snapshot() as snapshot:
        snapshot.copy(ITEM, Window(), io.BytesIO())


def packed(**parts: bytes) -> bytes:
    """Return a good sheet with some parts replaced."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(sheet(NAMES, ["1", "a", 1, "x"]))) as good,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for name in good.namelist():
            made.writestr(name, parts.get(name, good.read(name)))
        for name in parts.keys() - set(good.namelist()):
            made.writestr(name, parts[name])
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            packed(**{"xl/worksheets/sheet1.xml": b"<worksheet>" + b" " * (50 << 20) + b"</worksheet>"}),
            "beyond all bounds",
        ),  # ratio
        (
            packed(**{"xl/sharedStrings.xml": os.urandom(1 << 20) * 66}),
            "beyond all bounds",
        ),  # all of it would be in memory
        (packed(**{f"xl/media/{n}": b"" for n in range(1_001)}), "beyond all bounds"),
        (packed(**{"xl/worksheets/sheet1.xml": DTD + b"<worksheet/>"}), "has a DOCTYPE"),
        (packed(**{"xl/workbook.xml": b"<!-- " + b"x" * 9_000 + b" -->" + DTD + b"<workbook/>"}), "has a DOCTYPE"),
        (packed(**{"xl/workbook.xml": b"<work"}), "no XLSX file"),
    ],
    ids=["ratio", "strings", "members", "dtd", "late dtd", "broken"],
)
def test_a_hostile_sheet_is_refused_unread(tmp_path: Path, body: bytes, words: str) -> None:
    """What would fill the memory, or declares entities, is refused before openpyxl sees it."""
    Folder(tmp_path, "test.item").put(body, 1, "full", suffix="xlsx")
    with pytest.raises(SchemaMismatch, match=words):
        copied(tmp_path, XLSX)


def test_a_sheet_is_unpacked_nowhere(tmp_path: Path) -> None:
    """Members whose names lead out of any folder are never written; the sheet beside them is read."""
    root = tmp_path / "a" / "b"
    root.mkdir(parents=True)
    body = packed(**{"../../outside.xml": b"<a/>", str(tmp_path / "absolute.xml"): b"<a/>"})
    Folder(root, "test.item").put(body, 1, "full", suffix="xlsx")
    before = sorted(tmp_path.rglob("*"))
    assert [line[1] for line in lines(root, platform(XLSX))] == ["1"]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_late_manifest_is_waited_for(tmp_path: Path) -> None:
    """Data without a manifest is no error and is not read; when its manifest comes, it counts."""
    folder = Folder(tmp_path, "test.item")
    full(folder)
    name = folder.put(DELTA, 1, late=True)
    assert len(lines(tmp_path, platform())) == 2
    folder.tell(name, DELTA, 1)
    assert [line[2] for line in lines(tmp_path, platform())] == ["c", "b"]


def test_a_delivery_sent_again_is_nothing_new(tmp_path: Path) -> None:
    """The same number with the same content counts once, whichever of its names is left."""
    folder = Folder(tmp_path, "test.item")
    full(folder)
    first = folder.put(DELTA, 1)
    folder.put(DELTA, 1, sequence=2, file="again.csv")
    assert len(lines(tmp_path, platform())) == 2
    (tmp_path / first).unlink()
    assert len(lines(tmp_path, platform())) == 2


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    """A symlinked folder is not followed out of the platform's own."""
    root, other = tmp_path / "files", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    full(Folder(other, "test.item"))
    (root / "in").symlink_to(other)
    with pytest.raises(SchemaMismatch, match="leads out"):
        lines(root, platform(folder="in"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"resources": {ITEM.name: {"format": CSV, "folder": "../x"}}}, "folder"),
        ({"resources": {ITEM.name: {"format": CSV, "folder": "/x"}}}, "folder"),
        ({"resources": {ITEM.name: {"format": {"kind": "csv"}}}}, "charset"),
        ({"resources": {ITEM.name: {"format": {"kind": "csv", "charset": "gbk"}}}}, "gbk"),
        ({"resources": {ITEM.name: {"format": CSV, "operation": "name"}}}, "operation"),
        ({"resources": {ITEM.name: {"format": CSV}}, "host_keys": ["any"]}, "host_keys"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    """A wrong option is named before anything is read."""
    with pytest.raises(CatalogInvalid, match=words):
        lines(tmp_path, replace(platform(), options=options))


@pytest.mark.parametrize(
    "dsn", ["file://host/x", "file:x", "/x", "sftp://host/x", "sftp://u:geheim@/x", "sftp://u:geheim@h/x?key=/k&z=1"]
)
def test_a_useless_connection_is_told_without_its_secret(dsn: str) -> None:
    """Nothing of the connection is repeated."""
    options = {**platform().options, "host_keys": ["SHA256:" + "A" * 43]}
    with pytest.raises(SettingMissing, match="malformed") as error:
        connect(replace(platform(), options=options), dsn)
    assert "geheim" not in str(error.value)


def test_a_file_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """The time of one read is bounded, and a file beyond the limit is not begun."""
    full(Folder(tmp_path, "test.item"))
    for limits, kind in (({"seconds": 1e-9}, PlatformUnavailable), ({"file_mb": 1e-9}, SchemaMismatch)):
        peer = replace(platform(), options={**platform().options, "limits": limits})
        with pytest.raises(kind, match=r"time of one read|larger than"):
            lines(tmp_path, peer)


def test_only_csv_is_written(tmp_path: Path) -> None:
    """A target of another format is told before anything leaves."""
    target = connect_target(platform(XLSX), f"file://{tmp_path}")
    batch = Outgoing("h", 1, datetime.now(UTC), lambda _: 0, lambda _: 0)
    with pytest.raises(CatalogInvalid, match="only csv is written"):
        target.write(ITEM, batch)


def test_an_orphan_of_a_broken_delivery_is_replaced(tmp_path: Path) -> None:
    """A file whose manifest was never written does not count; the batch sent again takes its place."""
    (tmp_path / "test_item_000001.csv").write_text("half")
    target = connect_target(platform(), f"file://{tmp_path}")
    line = b"1\ta\t1\t2026-11-24 04:00:00+00\n"
    batch = Outgoing("h", 1, datetime.now(UTC), lambda out: bool(out.write(line)), lambda _: 0)
    assert target.write(ITEM, batch).inserted == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["test_item_000001.csv", "test_item_000001.csv.manifest.json"]
    assert [found[1:] for found in lines(tmp_path, platform())] == [["1", "a", "1", "2026-11-24 04:00:00+00"]]


def test_a_manifest_is_no_older_than_its_rows(tmp_path: Path) -> None:
    """A batch leaves in a whole second, a row may be of the same one: whoever reads by the cursor would pass it over."""
    target, left = connect_target(platform(), f"file://{tmp_path}"), datetime(2026, 11, 24, 4, tzinfo=UTC)
    stamps = ("04:00:00.25+00", "04:00:00.9+00", "03:59:59+00")
    data = "".join(f"{n}\ta\t1\t2026-11-24 {at}\n" for n, at in enumerate(stamps)).encode()
    target.write(ITEM, Outgoing("h", 1, left, lambda out: len(stamps) if out.write(data) else 0, lambda _: 0))
    assert connect(platform(), f"file://{tmp_path}").probe(ITEM).upper == left + timedelta(milliseconds=900)
    ahead = b"9\ta\t1\t2999-01-01 00:00:00+00\n"
    target.write(ITEM, Outgoing("h", 2, left, lambda out: bool(out.write(ahead)), lambda _: 0))
    assert max(json.loads(p.read_text())["taken_at"] for p in tmp_path.glob("*.json")) < "2999"


def test_batches_that_look_alike_are_read_in_their_order(tmp_path: Path) -> None:
    """A key that comes, goes, comes again and goes again makes the same file twice: its sender's numbers tell them apart."""
    target, line = connect_target(platform(), f"file://{tmp_path}"), b"1\ta\t1\t2026-11-24 04:00:00+00\n"

    def read(data: bytes) -> Read:
        return lambda out: int(bool(data and out.write(data)))

    for number in range(1, 6):
        there = number % 2 == 1
        rows, gone = (line, b"") if there else (b"", b"1\n")
        target.write(ITEM, Outgoing("h", number, datetime.now(UTC), read(rows), read(gone)))
        assert [found[1] for found in lines(tmp_path, platform())] == (["1"] if there else [])


# SFTP


def behind(site: SftpSite, user: str = "reader", **more: Any) -> tuple[Platform, str]:
    """Return the platform behind a server, and its connection."""
    peer = platform()
    dsn = f"sftp://{user}:{quote(PASSWORD, safe='')}@127.0.0.1:{site.port}/served"
    return replace(peer, options={**peer.options, "host_keys": [site.fingerprint], **more}), dsn


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[SftpSite, Folder]]:
    """Yield a server and its folder."""
    root = tmp_path / "served"
    root.mkdir()
    with SftpSite(tmp_path) as site:
        yield site, Folder(root, "test.item")


def test_a_server_with_another_key_is_told_nothing(served: tuple[SftpSite, Folder]) -> None:
    """A key that is not declared ends the connection before the password is sent."""
    site, folder = served
    full(folder)
    peer, dsn = behind(site, host_keys=["SHA256:" + "A" * 43])
    with pytest.raises(SchemaMismatch, match="shows a key that is not declared"):
        connect(peer, dsn).probe(ITEM)
    assert site.passwords == []
    with pytest.raises(CatalogInvalid, match="host_keys is missing"):
        connect(platform(), dsn)


def test_a_line_cut_in_the_middle_counts_nothing(served: tuple[SftpSite, Folder]) -> None:
    """The error may pass by itself; afterwards the same source reads all."""
    site, folder = served
    many = [{"id": str(n), "name": "承德" * 10, "at": "x"} for n in range(20_000)]
    folder.put(table(NAMES, many), len(many), "full")
    source = connect(*behind(site))
    site.cut_after = 600_000
    with source.snapshot() as snapshot, pytest.raises(PlatformUnavailable):
        snapshot.copy(ITEM, Window(), io.BytesIO())
    site.cut_after = 0
    with source.snapshot() as snapshot:
        assert snapshot.copy(ITEM, Window(), io.BytesIO()) == len(many)
    source.close()


def test_a_server_that_falls_silent_in_a_file_is_given_up(
    served: tuple[SftpSite, Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection stands and nothing comes any more: the run is repeated."""
    site, folder = served
    many = [{"id": str(n), "name": "承德" * 10, "at": "x"} for n in range(20_000)]
    folder.put(table(NAMES, many), len(many), "full")
    monkeypatch.setattr(files_sftp, "_SECONDS", 1.0)
    site.silent_after = 600_000
    source = connect(*behind(site))
    with source.snapshot() as snapshot, pytest.raises(PlatformUnavailable, match="unable to read"):
        snapshot.copy(ITEM, Window(), io.BytesIO())
    source.close()


def test_a_dripping_server_does_not_outlive_the_deadline(served: tuple[SftpSite, Folder]) -> None:
    """Each piece is in time, the whole is not: the read ends before the next piece."""
    site, folder = served
    many = [{"id": str(n), "name": "承德" * 10, "at": "x"} for n in range(10_000)]
    body = table(NAMES, many)
    folder.put(body, len(many), "full")
    site.pause = 0.2
    source, out = connect(*behind(site, limits={"seconds": 1})), io.BytesIO()
    with source.snapshot() as snapshot, pytest.raises(PlatformUnavailable, match="within the time of one read"):
        snapshot.copy(ITEM, Window(), out)
    assert out.getvalue() == b""
    assert len(body) > site.sent
    source.close()


def test_a_look_at_a_long_file_does_not_fetch_it(served: tuple[SftpSite, Folder]) -> None:
    """What a file is like shows in its beginning; the rest stays where it is."""
    site, folder = served
    many = [{"id": str(n), "name": "承德" * 100, "at": "x"} for n in range(40_000)]
    body = table(NAMES, many)
    folder.put(body, len(many), "full")
    source = connect(*behind(site))
    source.describe(ITEM)
    assert site.sent < len(body) / 4
    with source.snapshot() as snapshot:
        assert snapshot.copy(ITEM, Window(), io.BytesIO()) == len(many)
    source.close()


def test_a_symlink_behind_sftp_is_not_followed(served: tuple[SftpSite, Folder]) -> None:
    """Neither as a file nor as a folder."""
    site, folder = served
    linked(folder)
    peer, dsn = behind(site)
    with pytest.raises(SourceChanged, match="is not there"):
        read_all(connect(peer, dsn))
    (folder.path / "in").symlink_to(folder.path.parent)
    elsewhere = platform(folder="in").options["resources"]
    with pytest.raises(SchemaMismatch, match="leads out"):
        read_all(connect(replace(peer, options={**peer.options, "resources": elsewhere}), dsn))


def read_all(source: Files) -> int:
    """Read everything and close."""
    with source.snapshot() as snapshot:
        count = snapshot.copy(ITEM, Window(), io.BytesIO())
    source.close()
    return count


def test_nothing_of_a_broken_file_is_in_the_hub(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks in its last row has moved nothing; mended, it is carried whole."""
    monkeypatch.setenv("GATEWAY_CONN_PEER", f"file://{tmp_path}")
    folder = Folder(tmp_path, PERSON.name)
    body = table(COLUMNS, [person(n) for n in range(5_000)])
    name = folder.put(body, 5_000, "full")
    (tmp_path / name).write_bytes(body[:-20] + b"9" * 20)
    there = city.with_route(peer=replace(platform(dataset=PERSON), platform="pop"))
    with pytest.raises(SourceChanged, match="checksum differs"):
        transfer.run(there.deployment, "person_in")
    assert city.hub_rows() == []
    (tmp_path / name).write_bytes(body)
    assert transfer.run(there.deployment, "person_in").inserted == 5_000


# A server of the system


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[tuple[int, str, Path]]:
    """Yield port, fingerprint and key file of an OpenSSH server that runs as this user."""
    program = Path("/usr/sbin/sshd")
    if not program.exists():
        pytest.skip("openssh-server is not installed")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    (tmp_path / "keys").write_bytes((tmp_path / "user.pub").read_bytes())
    port = _free_port()
    settings = (
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/keys\nStrictModes no\n"
        "PasswordAuthentication no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
    )
    (tmp_path / "sshd").write_text(settings)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen([program, "-D", "-e", "-f", tmp_path / "sshd"], stderr=log) as server,
    ):
        _await(port)
        told = subprocess.run(["ssh-keygen", "-lf", tmp_path / "host"], check=True, capture_output=True, text=True)
        yield port, told.stdout.split()[1], tmp_path / "user"
        server.terminate()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("sshd does not start")


@pytest.mark.system
def test_openssh_is_read_and_written(sshd: tuple[int, str, Path], tmp_path: Path) -> None:
    """OpenSSH with a key: a file is read, a batch is written once, and a key that it does not know is refused."""
    port, fingerprint, key = sshd
    root = tmp_path / "served"
    root.mkdir()
    full(Folder(root, "test.item"))
    peer = replace(platform(), options={**platform().options, "host_keys": [fingerprint]})
    dsn = f"sftp://{getpass.getuser()}@127.0.0.1:{port}{root}?key="
    assert read_all(connect(peer, f"{dsn}{key}")) == 2
    target = connect_target(peer, f"{dsn}{key}")
    batch = Outgoing("h", 1, datetime.now(UTC), lambda out: bool(out.write(b"9\ti\t1\tx\n")), lambda _: 0)
    assert (target.write(ITEM, batch).repeated, target.write(ITEM, batch).repeated) == (False, True)
    target.close()
    assert read_all(connect(peer, f"{dsn}{key}")) == 3
    with pytest.raises(AccessDenied):
        connect(peer, f"{dsn}{tmp_path / 'host'}").probe(ITEM)
