"""The stand-in library of documents is a strict peer: signatures, parameters, pages that stand still."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from sandbox import documents
from sandbox.document import INTAKE, PAGE, PATH, DocumentLibrary
from sandbox.documents import META

CASE = {"project_no": "130820261125000000001", "org_code": "11130800MBB3C400XW", "handle_user_name": "陈宇鹏"}


@pytest.fixture(scope="module")
def shared() -> Iterator[DocumentLibrary]:
    """Yield a filled library that no test changes."""
    with DocumentLibrary() as library:
        yield library


@pytest.fixture
def small() -> Iterator[DocumentLibrary]:
    """Yield a small library to write to."""
    with DocumentLibrary(count=200) as library:
        yield library


def signed(library: DocumentLibrary, query: str, *, body: bytes = b"", **changes: str) -> dict[str, str]:
    """Return the headers of a request with this query, or of an intake of `body`.

    `changes` are made after the signature, but for `stamp`.
    """
    parts = urlsplit(library.dsn)
    stamp, nonce = changes.pop("stamp", str(int(time.time()))), f"{time.perf_counter_ns():032}"
    keyed = HMAC(changes.pop("secret", str(parts.password)).encode(), hashes.SM3())
    hashed = hashes.Hash(hashes.SM3())
    hashed.update(body)
    wanted = ["POST", INTAKE] if body else ["GET", PATH]
    text = "\n".join([*wanted, "&".join(sorted(query.split("&"))), hashed.finalize().hex(), stamp, nonce])
    keyed.update(text.encode())
    made = {"key": str(parts.username), "timestamp": stamp, "nonce": nonce, "signature": keyed.finalize().hex()}
    return {f"X-Gateway-{name.title()}": value for name, value in {**made, **changes}.items()}


def get(library: DocumentLibrary, query: str = "", **changes: str) -> requests.Response:
    """Ask for documents with a signature of this moment."""
    address = f"http://127.0.0.1:{library.port}{PATH}{'?' * bool(query)}{query}"
    return requests.get(address, headers=signed(library, query, **changes), timeout=5)


def pages(library: DocumentLibrary, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield all pages."""
    following = urlencode(query)
    while True:
        page = get(library, following).json()
        yield page
        if page["links"]["next"] is None:
            return
        following = page["links"]["next"].partition("?")[2]


def everybody(library: DocumentLibrary, **query: Any) -> list[tuple[str, int]]:
    """Return the keys of all documents in the order of the pages."""
    return [(item["id"], item["version"]) for page in pages(library, **query) for item in page["documents"]]


def test_pages_hold_every_document_once(shared: DocumentLibrary) -> None:
    """As many as declared, oldest change first, the contract's fields with digests and owner inside."""
    found = list(pages(shared))
    items = [item for page in found for item in page["documents"]]
    rows = {(row["document_id"], row["version"]): row for row in shared.rows(META)}
    assert {page["count"] for page in found} == {len(items)} == {len(rows)}
    assert len(found) > 2
    assert all(len(page["documents"]) == PAGE for page in found[:-1])
    assert [i["updated_at"] for i in items] == sorted(i["updated_at"] for i in items)
    first = dict(items[0])
    assert first.pop("preview")
    flat = {"document_id": first.pop("id")} | first.pop("digest")
    flat |= {f"owner_{name}": value for name, value in first.pop("owner").items()}
    assert first | flat == rows[(flat["document_id"], first["version"])]


def test_what_is_bad_is_told(shared: DocumentLibrary) -> None:
    """Each bad record is there under its key."""
    there = {(row["document_id"], row["version"]) for row in shared.rows(META)}
    assert [rule for key, rule in shared.bad[META] if key not in there] == []
    assert tuple(rule for _, rule in shared.bad[META]) == documents.breakable()


def test_bounds_are_included(shared: DocumentLibrary) -> None:
    """`changed_from` and `changed_to` are seconds since 1970, and both belong to what is given."""
    stamps = sorted(round(datetime.fromisoformat(row["updated_at"]).timestamp()) for row in shared.rows(META))
    low, high = stamps[100], stamps[400]
    assert len(everybody(shared, changed_from=low, changed_to=high)) == sum(low <= s <= high for s in stamps)


def test_a_read_stands_still(small: DocumentLibrary) -> None:
    """What is written and changed between two pages shows in the next read only."""
    before = {(row["document_id"], row["version"]) for row in small.rows(META)}
    reading = pages(small)
    keys = [(i["id"], i["version"]) for i in next(reading)["documents"]]
    unread = min(before - set(keys))
    small.edit(META, unread, title="改过的名称")
    new = small.add()
    rest = [item for page in reading for item in page["documents"]]
    keys += [(i["id"], i["version"]) for i in rest]
    assert len(keys) == len(before)
    assert set(keys) == before
    assert "改过的名称" not in {i["title"] for i in rest}
    assert (new["document_id"], 1) in everybody(small)


def test_life_brings_a_document_and_revokes_the_one_before(small: DocumentLibrary) -> None:
    """Each turn is a new record and a change of an old one."""
    count = len(small.rows(META))
    small.live()
    small.live()
    rows = small.rows(META)
    assert len(rows) == count + 2
    newest = sorted(rows, key=lambda row: row["updated_at"])[-2:]
    assert sorted(row["revoked_at"] is None for row in newest) == [False, True]


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"key": "gateway-nobody"},
        {"signature": "0" * 64},
        {"nonce": "changed-on-the-way"},
        {"timestamp": "1764000000"},  # changed on the way
        {"stamp": str(int((datetime.now(UTC) - timedelta(minutes=6)).timestamp()))},  # rightly signed, too long ago
        {"stamp": "yesterday"},
    ],
)
def test_a_wrong_or_stale_signature_is_refused(shared: DocumentLibrary, changes: dict[str, str]) -> None:
    """Nothing of the request may be changed, nobody else may sign, and no old request counts."""
    assert get(shared, "changed_from=0", **changes).status_code == 401


def test_the_query_is_signed_and_a_request_serves_once(shared: DocumentLibrary) -> None:
    """Another query under the same signature is refused, and so is the same request again."""
    headers = signed(shared, "changed_from=5")
    address = f"http://127.0.0.1:{shared.port}{PATH}"
    assert requests.get(f"{address}?changed_from=0", headers=headers, timeout=5).status_code == 401
    assert requests.get(f"{address}?changed_from=5", headers=headers, timeout=5).status_code == 200
    assert requests.get(f"{address}?changed_from=5", headers=headers, timeout=5).status_code == 401
    assert requests.get(address, timeout=5).status_code == 401


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("since=5", 400),  # misspelt
        ("changed_from=2026-11-25", 400),
        ("changed_from=-5", 400),
        ("changed_from=5&changed_from=6", 400),
        ("view=nobody&start=150", 410),
        ("start=150", 400),  # without a view
    ],
)
def test_what_the_library_does_not_know_is_refused(shared: DocumentLibrary, query: str, status: int) -> None:
    """A misspelt filter must never mean everything."""
    assert get(shared, query).status_code == status


def test_a_link_leads_into_its_own_view_only(shared: DocumentLibrary) -> None:
    """Past its end, before its beginning or with a filter it is gone."""
    link = next(pages(shared))["links"]["next"].partition("?")[2]
    assert get(shared, link).status_code == 200
    for worse in (link.replace(f"start={PAGE}", "start=100000"), link.replace(f"start={PAGE}", "start=0"), f"{link}&changed_from=5"):  # fmt: skip
        assert get(shared, worse).status_code == 410


def test_a_stopped_library_comes_back_as_it_was(tmp_path: Path) -> None:
    """Same address, client and records; a stopped one refuses connections and leaves no thread."""
    path, before = tmp_path / "document.sqlite", _threads()
    with DocumentLibrary(path, count=20) as library:
        dsn, new = library.dsn, library.add()
        library.stop()
        with pytest.raises(requests.ConnectionError):
            get(library)
        library.start()
        assert (new["document_id"], 1) in everybody(library)
        assert path.stat().st_mode & 0o777 == 0o600
    with DocumentLibrary(path, count=1) as again:
        assert again.dsn == dsn
        assert new in again.rows(META)
    assert _threads() == before


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "document library"}


def test_two_fills_have_different_clients() -> None:
    """A secret is made, never written down."""
    with DocumentLibrary(count=1) as one, DocumentLibrary(count=1) as other:
        first, second = urlsplit(one.dsn), urlsplit(other.dsn)
    assert first.username != second.username
    assert first.password != second.password


def test_what_came_with_cases_is_kept_apart(small: DocumentLibrary) -> None:
    """A signed page is taken once; what it holds is told to nobody as the library's own; an unsigned page is refused."""
    row = documents.of_case(5_000, CASE, datetime.now(UTC), 1, b"key")
    body = json.dumps({"batch": 1, "items": [{"op": "put", **row}]}).encode()
    url = f"http://127.0.0.1:{small.port}{INTAKE}"
    assert requests.post(url, body, headers={"Idempotency-Key": "0" * 16}, timeout=5).status_code == 401
    answer = requests.post(url, body, headers=signed(small, "", body=body) | {"Idempotency-Key": "0" * 16}, timeout=5)
    assert (answer.status_code, answer.json()["counts"]["inserted"]) == (200, 1)
    assert small.received.rows() == [row]
    assert row["document_id"] not in {shown["document_id"] for shown in small.rows(META)}
