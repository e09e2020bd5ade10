"""The code lists of a catalog as snapshots: each list is one, whatever file it stands in."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import Any

from gateway.model import Catalog
from schemas.snapshot import codelist, marks


def of_catalog(catalog: Catalog) -> dict[str, dict[str, Any]]:
    """Return each list's newest state by `codes/<list>`; a code that was valid twice is told by its last interval."""
    lists: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    sources: dict[str, str] = {}
    for path in catalog.code_files:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                known = lists[row["list"]].get(row["code"])
                if known is None or row["valid_from"] >= known["valid_from"]:
                    lists[row["list"]][row["code"]] = {key: value or None for key, value in row.items()}
                sources[row["list"]] = path.name
    found = {}
    for name, codes in sorted(lists.items()):
        edition = max((str(code["valid_from"]) for code in codes.values()), default="")
        document = codelist.snapshot(codes.values(), source=sources[name], edition=edition)
        found[f"codes/{name}"] = {**document, "fingerprint": marks.fingerprint(document)}
    return found
