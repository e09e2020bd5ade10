"""The command groups of the core, by the word that calls them."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from gateway.cli.groups import (
    channels,
    contacts,
    embedded,
    holds,
    outbox,
    receipts,
    rejects,
    resources,
    routes,
    sheets,
    workdays,
)

GROUPS: Mapping[str, typer.Typer] = {
    "embedded": embedded.group,
    "route": routes.group,
    "hold": holds.group,
    "quarantine": rejects.group,
    "receipts": receipts.group,
    "sheet": sheets.group,
    "calendar": workdays.group,
    "catalog": resources.group,
    "contact": contacts.group,
    "channel": channels.group,
    "outbox": outbox.group,
}
