"""`gateway key`: the keys that sign receipts and seal rejected rows."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gateway.cli.frame import Json, Who, Why, guarded, out, show
from gateway.deployment import Deployment
from gateway.ledger import decisions
from gateway.security.crypto import KINDS

group = typer.Typer(no_args_is_help=True, help="The keys that sign receipts and seal rejected rows (密钥).")


class Kind(StrEnum):
    """The keys that this gateway alone holds and may replace."""

    sign = "sign"
    seal = "seal"


@group.command("list")
def key_list(as_json: Json = False) -> None:  # noqa: FBT002
    """List the keys, oldest first; the last of a kind is used. Example: gateway key list."""

    def call() -> None:
        keys = Deployment.open().keys
        rows = [
            {"kind": kind, "key": path.name.rpartition("-")[2], "in_use": path == keys.files(kind)[-1]}
            for kind in KINDS
            for path in keys.files(kind)
        ]
        show(rows, ["kind", "key", "in_use"], as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("rotate")
def key_rotate(
    kind: Annotated[Kind, typer.Argument(help="sign: receipts; seal: rejected rows.")], why: Why, who: Who
) -> None:
    """Begin a new key; older ones still verify and open. Processes started from now on use it.

    Example: gateway key rotate sign --why "yearly change"
    """

    def call() -> None:
        deployment = Deployment.open()
        key_id = decisions.rotate_key(deployment, kind.value, who=who, why=why)
        out.print(f"key {key_id} is used by processes started from now on; keep every older file")
        if kind is Kind.sign:
            out.print("give its public key to those who check receipts:")
            out.print(deployment.keys.public_keys()[key_id], markup=False)

    raise typer.Exit(guarded(call))
