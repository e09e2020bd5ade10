"""The chain of receipts: whatever is done to it, the first record that does not fit is named."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger import receipts, verify_receipts
from gateway.security.crypto import Keys

Chain = tuple[list[receipts.Entry], receipts.Head, dict[str, str]]


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Yield five entries, their head and the public keys."""
    keys = Keys.create(tmp_path / "keys")
    entries: list[receipts.Entry] = []
    for number in range(5):
        entries.append(receipts.make(entries[-1] if entries else None, {"kind": "batch", "rows": number}, keys))
    return entries, receipts.make_head(entries[-1], keys), keys.public_keys()


def test_an_untouched_chain_verifies(chain: Chain) -> None:
    """Five records and their head fit."""
    entries, head, keys = chain
    assert receipts.verify(entries, head, keys) == receipts.Verdict(True, 5)


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (
            lambda e: [*e[:2], replace(e[2], body={**e[2].body, "rows": 99}), *e[3:]],
            "record 3 was changed",
        ),  # a count edited
        (lambda e: [*e[:2], *e[3:]], "record 3 was removed or reordered"),  # one taken out
        (lambda e: [e[0], e[2], e[1], *e[3:]], "record 2 was removed or reordered"),  # two swapped
        (lambda e: e[:4], "truncated: the head says 5 records, 4 are there"),  # the end cut off
        (lambda e: [*e, e[4]], "record 6 was removed or reordered"),  # one doubled
        (lambda e: [replace(e[0], signature="00" * 64), *e[1:]], "record 1 is not signed by us"),  # another's signature
    ],
)
def test_tampering_is_named(chain: Chain, tamper: object, words: str) -> None:
    """The first record that does not fit is told by its number."""
    entries, head, keys = chain
    verdict = receipts.verify(tamper(entries), head, keys)  # type: ignore[operator]
    assert not verdict.ok
    assert words in str(verdict.fault)


def test_a_chain_made_with_another_key_is_refused(chain: Chain, tmp_path: Path) -> None:
    """Whoever re-signs everything lacks our key."""
    forger = Keys.create(tmp_path / "forger")
    entries: list[receipts.Entry] = []
    for entry in chain[0]:
        entries.append(receipts.make(entries[-1] if entries else None, {**entry.body, "rows": 7}, forger))
    assert not receipts.verify(entries, receipts.make_head(entries[-1], forger), chain[2]).ok


def test_an_exported_file_verifies_with_python_alone(chain: Chain, tmp_path: Path) -> None:
    """The verifier in the file needs neither the gateway nor any package."""
    path = tmp_path / "receipts.zip"
    entries, head, keys = chain
    assert receipts.export(entries, head, keys, path) == 5
    with zipfile.ZipFile(path) as archive:
        archive.extract("verify_receipts.py", tmp_path)
    command = [sys.executable, "-I", "-S", str(tmp_path / "verify_receipts.py"), str(path), "--signatures"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "ok: 5 records, head signed\n")


def test_a_changed_export_is_named(chain: Chain, tmp_path: Path) -> None:
    """One count edited in the file is found at its record."""
    path, changed = tmp_path / "a.zip", tmp_path / "b.zip"
    entries, head, keys = chain
    receipts.export(entries, head, keys, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"rows": 3', b'"rows": 4'))
    with zipfile.ZipFile(changed) as archive:
        assert verify_receipts.verify(archive, signatures=False) == ("record 4 was changed", 3)  # type: ignore[no-untyped-call]


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcXYZ_", max_size=5), inner, max_size=3),
)


# Building the table of all characters takes the first example a second, and drawing from it each one a while.
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text("abcXYZ_", max_size=5), _json, max_size=5))
def test_plain_json_equals_the_canonical_form(body: dict[str, object]) -> None:
    """With ASCII names and integers the standard library writes what RFC 8785 asks for."""
    plain = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    assert receipts.canonical(body) == plain
