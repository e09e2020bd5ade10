"""`gateway notice print` and `verify`: the document of a notice on paper, and the proof of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway import fonts
from gateway.cli.frame import Json, guarded, hub, out, print_line, show_one
from gateway.deployment import Deployment
from gateway.errors import NotFound
from schemas.notice import enclosures, facts, signed, store

_FACTS = ("number", "revision", "unit", "platform", "dataset", "class_name", "impact", "effective_on", "answers_due")


def add_to(group: typer.Typer) -> None:
    """Add the commands to the notices' group."""
    group.command("print")(notice_print)
    group.command("verify")(notice_verify)


def notice_print(
    name: Annotated[str, typer.Argument(metavar="NOTICE", help="Its number, 〔2026〕第1号.")],
    unit: Annotated[str, typer.Option(help="The unit whose copy it is.")],
    to: Annotated[Path, typer.Option(help="The folder to write into.", file_okay=False)] = Path(),
) -> None:
    """Write what a unit got with its mail, PDF and signed JSON: for who gets it on paper.

    Example: gateway notice print 〔2026〕第1号 --unit zjj --to /tmp
    """

    def call() -> None:
        deployment = Deployment.open()
        with hub(deployment) as connection:
            notice = store.get(connection, store.find(connection, name))
            told = store.recipients(connection, notice.notice, notice.revision)
            own = next((r for r in told if r.unit == unit), None)
            if own is None:
                raise NotFound(f"unit {unit} is no recipient of notice {notice.name}", "Run `gateway notice show`.")
            revision = store.revision(connection, notice.notice, notice.revision)
        said = facts.of(deployment.catalog, notice, revision, own)
        for file in enclosures.made(deployment.keys, said, demanded=True):
            path = to / file.name
            path.write_bytes(file.data)
            print_line(str(path))
        if not fonts.find().files:
            out.print("no PDF: there is no Chinese font; see `gateway doctor`")

    raise typer.Exit(guarded(call))


def notice_verify(
    file: Annotated[Path, typer.Argument(help="The JSON file that came with a notice.")],
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Prove that a notice's JSON file is what this gateway signed, and show what it says in short.

    The check code must be that on the paper. Example: gateway notice verify 变更通知单〔2026〕第1号第1版.json
    """

    def call() -> None:
        found = signed.verified(file.read_bytes(), Deployment.open().keys.public_keys())
        whole = found if as_json else {name: found[name] for name in _FACTS}
        show_one({"verified": True, "code": signed.code(found), **whole}, as_json=as_json)

    raise typer.Exit(guarded(call))
