"""The stand-in catalogue of the sharing platform: what units registered is told, what it is sent is kept apart."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import catalogue
from sandbox.catalogue import CATALOGUE
from sandbox.share_catalogue import ShareCatalogue

OWN: dict[str, Any] = catalogue.resource(900, 1)


def _account(there: ShareCatalogue) -> tuple[str, str]:
    parts = urlsplit(there.dsn)
    return str(parts.username), str(parts.password)


def _told(there: ShareCatalogue, **query: Any) -> list[dict[str, Any]]:
    answer = requests.get(f"{there.url}/resources", {"pageSize": 200, **query}, auth=_account(there), timeout=5)
    records: list[dict[str, Any]] = answer.json()["result"]["records"]
    return records


def test_what_units_registered_is_told_page_by_page() -> None:
    """Every resource once, good and bad, its moment without an offset; one more when life goes on."""
    with ShareCatalogue() as there:
        pages = [_told(there, pageNo=number) for number in (1, 2, 3)]
        shown = [(row["resource_code"], row["version"]) for page in pages for row in page]
        assert sorted(shown) == sorted((row["resource_code"], row["version"]) for row in there.rows(CATALOGUE))
        assert {len(row["updated_at"]) for row in pages[0]} == {19}
        assert {rule for _, rule in there.bad[CATALOGUE]} >= {"owner_unit-uscc", "sharing-terms", "owner-exists"}
        there.live()
        assert len(there.rows(CATALOGUE)) == len(shown) + 1


def test_what_it_is_sent_is_kept_apart_and_told_to_nobody() -> None:
    """Once a page, under its key; it does not come back among what units registered."""
    with ShareCatalogue() as there:
        page = {"batch": 1, "items": [{"op": "put", **OWN}]}
        for repeated in (False, True):
            answer = requests.post(
                f"{there.url}/resources", json=page, auth=_account(there), timeout=5,
                headers={"Idempotency-Key": "0123456789abcdef"},
            )  # fmt: skip
            assert (answer.json()["counts"]["inserted"], answer.json()["repeated"]) == (1, repeated)
        assert there.registered.rows() == [OWN]
        assert OWN["resource_code"] not in {row["resource_code"] for number in (1, 2, 3) for row in _told(there, pageNo=number)}  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_account_is_refused(method: str) -> None:
    """Either way."""
    with ShareCatalogue() as there:
        assert requests.request(method, f"{there.url}/resources", auth=("x", "y"), timeout=5).status_code == 401
