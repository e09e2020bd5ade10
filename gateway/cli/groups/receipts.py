"""`gateway receipts`: the chain of signed receipts."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import settings
from gateway.cli.frame import (
    FAILED,
    Json,
    guarded,
    hub,
    out,
    show,
    show_one,
)
from gateway.deployment import Deployment
from gateway.errors import ChainBroken
from gateway.exchange import proof
from gateway.ledger import chain, verify_receipts
from gateway.security.crypto import Keys

group = typer.Typer(no_args_is_help=True, help="The chain of signed receipts (回执).")


@group.command("list")
def receipts_list(
    route_name: Annotated[str | None, typer.Option("--route", help="Only receipts of this route.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many receipts.")] = 20,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List receipts, newest first. Example: gateway receipts list --route pop_person_in."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = chain.listing(connection, route_name, limit)
        flat = [{**r, **{k: r["body"].get(k) for k in ("run", "read", "inserted", "rejected")}} for r in rows]
        show(
            flat,
            ["no", "kind", "batch_id", "route", "run", "read", "inserted", "rejected", "made_at"],
            as_json=as_json,
        )

    raise typer.Exit(guarded(call))


@group.command("show")
def receipts_show(number: Annotated[int, typer.Argument(help="The receipt's number.")], as_json: Json = False) -> None:  # noqa: FBT002
    """Show one receipt in full. Example: gateway receipts show 7."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            show_one(chain.get(connection, number), as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("export")
def receipts_export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="The zip to write.")],
) -> None:
    """Write all receipts to a zip that proves itself with Python alone. Example: gateway receipts export 2026-11.zip."""
    raise typer.Exit(guarded(lambda: out.print(f"{proof.export(Deployment.open(), file)} records in {file}")))


@group.command("verify")
def receipts_verify(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="An exported file; the hub when left out.")
    ] = None,
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Prove the chain, and each batch's content against the hub; or prove an exported file.

    Examples: gateway receipts verify · gateway receipts verify 2026-11.zip
    """

    def call() -> int:
        found = _verify_file(file) if file else proof.verify(Deployment.open()).as_dict()
        show_one(found, as_json=as_json)
        return 0 if found["ok"] else FAILED

    raise typer.Exit(guarded(call))


def _verify_file(file: Path) -> dict[str, Any]:
    """Prove an exported file; where the deployment has keys of its own, the file's must be among them."""
    try:
        with zipfile.ZipFile(file) as archive:
            fault, checked = verify_receipts.verify(archive, signatures=True)  # type: ignore[no-untyped-call]
            theirs = json.loads(archive.read("keys.json"))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ChainBroken(f"{file.name} is not a file of receipts", "Export it again.") from error
    ours = Keys(settings.home() / "keys").public_keys()
    if fault is None and ours and not set(theirs.items()) <= set(ours.items()):
        fault = "signed with a key that is not ours"
    return {"ok": fault is None, "records": checked, "first_fault": fault}
