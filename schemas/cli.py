"""`gateway schema`: snapshots of endpoints, and what differs between two of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.frame import DONE, FAILED, USAGE, Json, err, out, print_line
from schemas.cli_guard import guard
from schemas.cli_snapshot import snapshot
from schemas.cli_use import observe, uses
from schemas.cli_watch import history, shown, watch
from schemas.diff import documents
from schemas.diff.batch import answers
from schemas.diff.compare import KINDS, compare
from schemas.diff.model import Answer, BadDocument, Effect, Policy, line

INTERNAL = 3
SHORT = 60  # characters of a value in a line for people
group = typer.Typer(no_args_is_help=True, help="Structures of endpoints (表结构): what they are and what changed.")


@group.callback()
def top() -> None:
    """Keep `schema` a group of commands."""


group.command()(snapshot)
group.command()(watch)
group.command()(history)
group.command("show")(shown)
group.command()(guard)
group.command()(uses)
group.command()(observe)


@group.command()
def diff(
    kind: Annotated[str, typer.Option(help=f"What the documents are: {', '.join(KINDS)}.")] = "",
    old: Annotated[Path | None, typer.Option(help="The document as it was.")] = None,
    new: Annotated[Path | None, typer.Option(help="The document as it is or will be.")] = None,
    role: Annotated[str, typer.Option(help="Whose view: reader, writer or both.")] = "both",
    batch: Annotated[Path | None, typer.Option(help="One case a line: {id, kind, role, old, new, policy?}.")] = None,
    timeout: Annotated[float, typer.Option(help="With --batch: seconds of a processor a case may take.")] = 5.0,
    fail_on: Annotated[str, typer.Option(help="Exit with 1 from this level on: info, warn or breaking.")] = "",
    policy: Annotated[str, typer.Option(help="strict or lenient.")] = "strict",
    content_model: Annotated[str, typer.Option(help="as-declared, open or closed.")] = "as-declared",
    enum: Annotated[str, typer.Option(help="closed or extensible; default: as the kind has it.")] = "default",
    default_rescues: Annotated[str, typer.Option(help="yes or no; default: as the kind has it.")] = "default",
    formats: Annotated[str, typer.Option("--format", help="annotate or assert.")] = "annotate",
    renames: Annotated[str, typer.Option(help="certain, suspect or off.")] = "suspect",
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """Compare two shapes of an endpoint: what changed, and what it does to its readers and its writers.

    pg, mysql, ogc, file and codelist compare snapshots (`gateway schema snapshot`); jsonschema, openapi, xsd and wsdl
    the documents themselves. Exit codes: 0 compared, 1 --fail-on reached, 2 a document cannot be read.

    Example: gateway schema diff --kind openapi --old api-1.yaml --new api-2.yaml --role reader --fail-on breaking
    """
    words = {
        "policy": policy, "content-model": content_model, "enum": enum, "default-rescues": default_rescues,
        "format": formats, "renames": renames,
    }  # fmt: skip
    if batch is not None:
        raise typer.Exit(_batch(batch, timeout))
    if old is None or new is None or not kind:
        raise typer.BadParameter("either --batch FILE, or --kind with --old and --new")
    if fail_on not in {"", "info", "warn", "breaking"}:
        raise typer.BadParameter("--fail-on is info, warn or breaking")
    raise typer.Exit(_one(kind, old, new, role, words, as_json=as_json, fail_on=fail_on))


def _batch(path: Path, seconds: float) -> int:
    try:
        source = sys.stdin.buffer if str(path) == "-" else path.open("rb")
    except OSError as error:
        return _refuse(f"{path}: {error.strerror}")
    with source:
        for answer in answers(source, seconds=seconds):
            sys.stdout.buffer.write(f"{answer}\n".encode())
            sys.stdout.buffer.flush()
    return DONE


def _one(kind: str, old: Path, new: Path, role: str, words: dict[str, str], *, as_json: bool, fail_on: str) -> int:
    try:
        before, after = documents.read(old, kind), documents.read(new, kind)
        found = compare(kind, before, after, role, Policy.of(words))
    except BadDocument as error:
        return _refuse(str(error))
    except RecursionError:
        err.print("[red]比较失败[/red] the documents refer too deeply into each other")
        return INTERNAL
    _show(found, as_json=as_json)
    return FAILED if fail_on and found.level >= Effect[fail_on] else DONE


def _refuse(why: str) -> int:
    err.print("[red]文档有误[/red]", end=" ")
    print_error(why)
    print_error("HINT: `gateway schema diff --help` says which documents each kind compares.")
    return USAGE


def print_error(text: str) -> None:
    """Print words that may hold any sign on standard error."""
    err.print(text, markup=False, soft_wrap=True)


def _show(found: Answer, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(f"{line(found.as_dict())}\n".encode())
        return
    for change in found.changes:
        effects = f"reader {change.effect_reader.name}, writer {change.effect_writer.name}"
        what = f"{_short(change.before)} -> {_short(change.after)}"
        print_line(f"{change.path or '(whole)'}  {change.kind}  {what}  {effects}  {change.rule}")
    verdict = "compatible" if found.compatible else "not compatible"
    out.print(f"[bold]{found.level.name}[/bold], {verdict}: {len(found.changes)} changes")


def _short(value: Any) -> str:
    text = line(value)
    return text if len(text) <= SHORT else f"{text[: SHORT - 3]}..."
