"""Checks that look at the clock when a row is about to leave: what was right when it came in may be too late to send.

They stand under `preflight` of a delivery only. In a contract they would refuse a row for the hour in which it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateway.errors import ContractInvalid
from gateway.exchange.check import column
from gateway.model import Dataset
from gateway.settings import CHINA


def unexpired(dataset: Dataset, args: Mapping[str, Any], now: datetime) -> str:
    """Return SQL: a moment has come, or a last day has passed in China; what names no end never expires."""
    name = column(args["field"])
    if dataset.field(args["field"]).hub_type == "date":
        return f"{name} < date '{now.astimezone(CHINA):%Y-%m-%d}'"
    return f"{name} <= timestamptz '{now.isoformat()}'"


CLOCK_CHECKS: Mapping[str, Callable[[Dataset, Mapping[str, Any], datetime], str]] = {"unexpired": unexpired}
NEEDS: Mapping[str, tuple[str, ...]] = {"unexpired": ("field",)}


def refuse_timeless(dataset: Dataset, check: str, args: Mapping[str, Any]) -> None:
    """Raise ContractInvalid when a check of the clock names a field that is neither a day nor a moment."""
    if check not in CLOCK_CHECKS or args.get("field") not in dataset.columns:
        return  # a field that is not there is named by whoever checks the arguments
    if not dataset.field(args["field"]).hub_type.startswith(("date", "timestamptz")):
        hint = "Name a field of type date or timestamp."
        raise ContractInvalid(f"check {check}: {args['field']} is neither a day nor a moment", hint)
