"""What the rules of a contract name in other contracts: it must be there, or the rule could only fail when a route runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gateway.errors import ContractInvalid
from gateway.exchange.rules import SET_CHECKS
from gateway.model import Dataset, Rule


def refuse_unknown(dataset: Dataset, datasets: Mapping[str, Dataset]) -> None:
    """Raise ContractInvalid naming the first rule that looks into a data set, or a field of one, that is not there.

    A rule that waits for a data set which no contract declares sleeps, and is not asked.
    """
    for rule in dataset.rules:
        if rule.check in SET_CHECKS and (rule.needs is None or rule.needs in datasets):
            for name, fields in _looked_up(rule):
                _refuse(f"contract {dataset.name}: rule {rule.id}", datasets.get(name), name, fields)


def _refuse(where: str, other: Dataset | None, name: str, fields: list[str]) -> None:
    if other is None:
        raise ContractInvalid(
            f"{where}: there is no usable contract {name}",
            f"Add or mend it, or write needs: {name} to let the rule sleep.",
        )
    if unknown := [field for field in fields if field not in other.columns]:
        raise ContractInvalid(
            f"{where}: {name} has no field {', '.join(unknown)}", "Use the names of that contract's fields."
        )


def _looked_up(rule: Rule) -> Iterator[tuple[str, list[str]]]:
    """Yield the data sets that a rule looks into, each with the fields it names there."""
    args = rule.args
    if isinstance(args.get("in"), str):
        own = [args["than"]] if "than" in args else []
        own += [args["limit"]] if isinstance(args.get("limit"), str) else []
        own += [args["where"]["field"]] if "where" in args else []
        own += [args["geometry"]] if "geometry" in args else []
        yield args["in"], [*args.get("there", args.get("fields", ())), *own]
    for inner in (value for value in args.values() if isinstance(value, Mapping) and "fields" in value):
        yield inner["in"], [*inner["fields"], *(inner[name] for name in ("from", "to", "field") if name in inner)]
