"""`gateway init`: a deployment in a folder, without Airflow and without the stand-in city."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from gateway import settings
from gateway.cli.frame import out
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.exchange import hub as hub_tables
from gateway.security.crypto import Keys

_TEMPLATES = Path(__file__).parent.parent / "templates" / "deployment"


def init(folder: Path) -> None:
    """Write the catalog skeleton, make keys, start or reach the hub, migrate it; what exists is left alone."""
    # The import is two thirds of the command line's start: only who migrates pays it.
    from gateway.ledger import migrate  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(p for p in _TEMPLATES.rglob("*") if p.is_file()):
        target = folder / source.relative_to(_TEMPLATES)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    os.environ["GATEWAY_HOME"], os.environ["GATEWAY_CATALOG"] = (
        str(folder / ".gateway"),
        str(folder / "catalog"),
    )
    home = settings.home()
    home.mkdir(exist_ok=True)
    Keys.create(home / "keys")
    _hub(home)
    migrate.upgrade(settings.hub_dsn())
    hub_tables.prepare(Deployment.open())
    out.print(f"[green]ready[/green]: {folder}")
    out.print(f"next:  cd {folder}  ·  read catalog/README.md  ·  gateway check  ·  gateway doctor", soft_wrap=True)


def _hub(home: Path) -> None:
    """Start an embedded server unless a hub is configured, and note its DSN for later commands."""
    if settings.secret("GATEWAY_HUB_DSN"):
        return
    server = Server(home / "postgres")
    server.start()
    server.create_database("gateway")
    note_dsn(home, server)


def note_dsn(home: Path, server: Server) -> None:
    """Write the DSN of the embedded hub, password included, where only its owner can read it."""
    noted = home / "hub.dsn"
    noted.touch(mode=0o600)
    noted.chmod(0o600)
    noted.write_text(server.dsn("gateway"))
