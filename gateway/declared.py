"""Deadlines (办结时限) as catalog/deadlines has them: what is to be answered until when, whoever keeps the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.model import Deadline, Moments
from gateway.registered import Known
from gateway.yamlfile import Located

_FIELDS = ("key", "at", "unit", "due", "until")


def of(document: Located, known: Known) -> Deadline:
    """Return a deadline; CatalogInvalid names line and field of what there is not.

    A data set whose contract is broken has no fields to compare with: its deadline waits for the contract.
    """
    begins = _moments(document, "begins", known)
    workdays = int(document.get("workdays", 0))
    if bool(begins.due) == bool(workdays):
        hint = "Write workdays, or under begins the field `due` that holds the promised day."
        raise document.fault("begins", "exactly one of workdays and due tells until when", hint)
    return Deadline(
        deadline=str(document.require("deadline")), name=str(document.require("name")), basis=str(document.require("basis")),
        begins=begins, ends=_moments(document, "ends", known),
        pauses=_moments(document, "pauses", known) if document.get("pauses") else None, workdays=workdays,
    )  # fmt: skip


def _moments(document: Located, part: str, known: Known) -> Moments:
    told: Mapping[str, Any] = document.require(part)
    name = str(told["dataset"])
    if name not in known.datasets and name not in known.broken:
        raise document.fault(part, f"there is no data set {name}", "Name data sets of contracts.")
    fields = {field: str(told[field]) for field in _FIELDS if field in told}
    dataset = known.datasets.get(name)
    if dataset is not None and (lacking := sorted(set(fields.values()) - set(dataset.columns))):
        hint = "Use the names of its contract."
        raise document.fault(part, f"{name} has no field {', '.join(lacking)}", hint)
    return Moments(name, **fields)
