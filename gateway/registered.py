"""What units read by themselves, as catalog/uses has it: whom a structure change would touch although no route leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.model import HUB, Dataset, Platform, RegisteredUse, Unit
from gateway.yamlfile import Located

_BY = ("sql", "view", "columns")


@dataclass(frozen=True, slots=True)
class Known:
    """What a registered use may name."""

    units: Mapping[str, Unit]
    platforms: Mapping[str, Platform]
    datasets: Mapping[str, Dataset]
    broken: frozenset[str]


def of(document: Located, known: Known) -> RegisteredUse:
    """Return a registered use; CatalogInvalid names line and field of what there is not.

    Whether its statement can be followed is no question here: one that cannot is a use of everything.
    """
    unit, at = str(document.require("unit")), str(document.require("at"))
    if unit not in known.units:
        raise document.fault("unit", f"there is no unit {unit}", "Add it to units.yaml.")
    if at != HUB and at not in known.platforms:
        listed = ", ".join([HUB, *sorted(known.platforms)])
        raise document.fault("at", f"there is no platform {at}", f"Use one of: {listed}.")
    datasets = tuple(map(str, document.require("datasets")))
    for name in datasets:
        if name not in known.datasets and name not in known.broken:
            raise document.fault("datasets", f"there is no data set {name}", "Name data sets of contracts.")
    found = RegisteredUse(
        use=str(document.require("use")), unit=unit, at=at, datasets=datasets, purpose=str(document.require("purpose")),
        sql=str(document.get("sql", "")), view=str(document.get("view", "")),
        columns=tuple(map(str, document.get("columns", ()))), account=str(document.get("account", "")),
    )  # fmt: skip
    _refuse_unclear(document, found, known)
    return found


def _refuse_unclear(document: Located, use: RegisteredUse, known: Known) -> None:
    """Refuse a use that says nothing, or the same in two ways, or names columns that are not there."""
    said = [name for name in _BY if document.get(name)]
    if len(said) > 1:
        raise document.fault(said[1], f"{said[0]} says already what is read", f"Write one of {', '.join(_BY)}.")
    if not said and not use.account:
        raise document.fault("use", "nothing says what is read", f"Add one of {', '.join(_BY)}, or the account.")
    if use.columns and len(use.datasets) > 1:
        raise document.fault("columns", "of which data set are they", "Register a use for each data set.")
    dataset = known.datasets.get(use.datasets[0])
    if dataset is not None and (lacking := sorted(set(use.columns) - set(dataset.columns))):
        hint = "Use the names of its contract."
        raise document.fault("columns", f"{dataset.name} has no field {', '.join(lacking)}", hint)
