"""`gateway token`: secrets that stand for a unit where its programs come without a login."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway import settings
from gateway.cli.frame import Json, Who, Why, guarded, hub, out, print_line, show
from gateway.deployment import Deployment
from gateway.security import tokens

group = typer.Typer(no_args_is_help=True, help="Secrets of units for feeds and the interface (令牌).")
_COLUMNS = ["token", "unit", "purpose", "made_at", "made_by", "expires_at", "last_used"]


@group.command("add")
def token_add(
    unit: Annotated[str, typer.Argument(help="A unit of the catalog.")],
    purpose: Annotated[
        str, typer.Option(help="feed (Atom and calendar), api (the interface of units) or metrics (for Prometheus).")
    ],
    who: Who,
    days: Annotated[int, typer.Option(help="How long it holds.")] = tokens.DAYS,
) -> None:
    """Make a token and print it: once, the ledger keeps its hash alone.

    Example: gateway token add zjj --purpose feed
    """

    def call() -> None:
        made = tokens.make(Deployment.open(), unit, purpose, who=who, days=days)
        day = made.expires_at.astimezone(settings.CHINA).date()
        out.print(f"token {made.token} of {unit} for {purpose}, until {day}; it is not shown again:")
        print_line(made.raw)
        if purpose == "feed":
            base = settings.public_url() or "https://HOST"
            for name in ("atom", "ics"):
                print_line(f"{base}/exchange/feeds/{made.raw}/notices.{name}")

    raise typer.Exit(guarded(call))


@group.command("list")
def token_list(
    unit: Annotated[str | None, typer.Option(help="Only this unit's.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that expired or were revoked too.")] = False,  # noqa: FBT002
    as_json: Json = False,  # noqa: FBT002
) -> None:
    """List tokens, newest first; the secrets are known to nobody here. Example: gateway token list --unit zjj."""

    def call() -> None:
        with hub(Deployment.open()) as connection:
            rows = tokens.listing(connection, unit, ended=ended)
        show(rows, [*_COLUMNS, "revoked_at"] if ended else _COLUMNS, as_json=as_json)

    raise typer.Exit(guarded(call))


@group.command("revoke")
def token_revoke(token: Annotated[int, typer.Argument(help="The token's number.")], why: Why, who: Who) -> None:
    """Let a token open nothing any more, at once. Example: gateway token revoke 3 --why 泄露."""

    def call() -> None:
        unit = tokens.revoke(Deployment.open(), token, who=who, why=why)
        out.print(f"token {token} of {unit} revoked")

    raise typer.Exit(guarded(call))
