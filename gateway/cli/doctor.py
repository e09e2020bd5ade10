"""`gateway doctor`: one line per thing that can be wrong with a deployment, and what to do about it."""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from psycopg2.extensions import connection as Connection
from rich.markup import escape

from gateway import catalog, fonts, pg, registry, settings
from gateway.alarms.machine import FREE_BYTES
from gateway.cli import added, doctor_certificates, doctor_hub
from gateway.cli.finding import Finding
from gateway.cli.frame import DONE, FAILED, hub, out, print_json
from gateway.deployment import Deployment
from gateway.errors import GatewayError
from gateway.exchange import timing
from gateway.ledger import ledger, pace
from gateway.ledger.pace import Rest
from gateway.security.crypto import KINDS, Keys

_OLDEST = 160000
_SKEW_MS = 2000
_MARKS = {"ok": "[green]✓[/green]", "warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}


def run(*, as_json: bool) -> int:
    """Print every finding; return 1 when one failed."""
    findings = list(examine())
    if as_json:
        print_json([asdict(f) for f in findings])
    else:
        for f in findings:
            out.print(f"{_MARKS[f.state]} {escape(f.what)}: {escape(f.detail)}", soft_wrap=True)
            if f.hint and f.state != "ok":
                out.print(f"  HINT: {escape(f.hint)}", soft_wrap=True)
    return FAILED if any(f.state == "fail" for f in findings) else DONE


def examine(opened: Callable[[], Deployment] = Deployment.open, *, peers: bool = True) -> Iterator[Finding]:
    """Yield one finding after the other; `peers` asks every platform and every source of a backup, one by one."""
    yield Finding("python", "ok", ".".join(map(str, sys.version_info[:3])))
    yield from _tried("catalog", _catalog)
    yield from _tried("keys", _keys)
    yield _disk()
    yield _fonts()
    try:
        deployment = opened()
        with hub(deployment) as connection:
            yield from _tried("hub", lambda: _hub(connection, deployment))
            yield from _tried("ledger", lambda: _ledger(connection, deployment))
            yield from _tried("routes", lambda: _routes(connection))
            yield from doctor_hub.findings(connection)
            rests = pace.resting(connection)
    except GatewayError as error:
        yield Finding("hub", "fail", error.message, error.hint)
        return
    yield from doctor_certificates.findings(deployment)
    if not peers:
        return
    for name in deployment.catalog.platforms:
        yield from _tried(f"platform {name}", lambda name=name: _unless_waiting(deployment, name, rests))  # type: ignore[misc]
    for part in added.checks():
        yield from part.findings(deployment)


def _tried(what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except GatewayError as error:
        yield Finding(what, "fail", error.message, error.hint)


def _catalog() -> Iterator[Finding]:
    found = catalog.load()
    yield Finding("catalog", "ok", f"{found.city}: {len(found.routes)} routes in {found.root}")
    for route, reason in found.broken.items():
        yield Finding(f"route {route}", "fail", reason, "Run `gateway check`.")


def _keys() -> Iterator[Finding]:
    folder = settings.home() / "keys"
    keys = Keys(folder)
    for kind in KINDS:
        files = keys.files(kind)
        if not files:
            yield Finding(f"{kind} key", "fail", f"none in {folder}", "Run `gateway init DIR`, or set GATEWAY_HOME.")
        elif any(stat.S_IMODE(f.stat().st_mode) & 0o077 for f in files):
            yield Finding(f"{kind} key", "fail", "others may read it", f"Run `chmod 600 {folder}/*`.")
        else:
            yield Finding(f"{kind} key", "ok", f"{len(files)} in use or kept{_age(files[-1])}")


def _age(path: Path) -> str:
    """Return since when a key is the newest of its kind."""
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return f", the newest since {made.astimezone(settings.CHINA):%Y-%m-%d} ({(settings.now() - made).days} days)"


def _disk() -> Finding:
    home = settings.home()
    free = shutil.disk_usage(home if home.exists() else home.anchor).free
    detail = f"{free / (1 << 30):.1f} GiB free at {home}"
    return Finding("disk", "ok" if free > FREE_BYTES else "warn", detail, "Free space or move GATEWAY_HOME.")


def _fonts() -> Finding:
    found = fonts.find()
    named = found.chains["body"][0] if found.files else "no Chinese one: notices go out without their PDF"
    return Finding("fonts", "ok" if found.files else "warn", named, fonts.HINT)


def _hub(connection: Connection, deployment: Deployment) -> Iterator[Finding]:
    version = connection.server_version
    where = pg.where(deployment.hub_dsn)
    state = "ok" if version >= _OLDEST else "fail"
    yield Finding(
        "hub",
        state,
        f"PostgreSQL {version // 10000}.{version % 10000} at {where}",
        "Use PostgreSQL 16 or newer.",
    )
    level, fsync, user, role = pg.one(
        connection,
        "select current_setting('wal_level'), current_setting('fsync'), session_user, current_user",
    )
    yield Finding(
        "hub durability",
        "ok" if fsync == "on" else "fail",
        f"fsync {fsync}, wal_level {level}",
        "Set fsync = on.",
    )
    detail = f"{user} acts as {role}"
    hint = "Let the hub's account create roles once (CREATEROLE), then run `gateway init` on this folder again."
    yield Finding("hub role", "ok" if role == "gateway_load" else "warn", detail, hint)
    before = datetime.now(UTC)
    skew = round((pg.one(connection, "select clock_timestamp()")[0] - before).total_seconds() * 1000)
    yield Finding("hub clock", "ok" if abs(skew) < _SKEW_MS else "warn", f"{skew} ms ahead of ours", "Run NTP on both.")


def _ledger(connection: Connection, deployment: Deployment) -> Iterator[Finding]:
    # The import is two thirds of the command line's start: only who asks for the revision pays it.
    from gateway.ledger import migrate  # noqa: PLC0415

    current, head = migrate.current(deployment.hub_dsn), migrate.head()
    yield Finding(
        "ledger",
        "ok" if current == head else "fail",
        f"revision {current}, newest {head}",
        "Run `gateway init`.",
    )
    tables = pg.one(
        connection,
        "select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
        "where n.nspname = 'landing' and c.relkind in ('r', 'p') and not c.relispartition",
    )[0]
    yield Finding("landing", "ok", f"{tables} tables of running or dead attempts (the next run drops dead ones)")


def _routes(connection: Connection) -> Iterator[Finding]:
    open_holds = ledger.rows(connection, "holds", {"state": "open", "id": None})
    for found in open_holds:
        yield Finding(
            f"hold {found['id']}",
            "warn",
            f"{found['route']}: {found['kind']}",
            f"gateway hold show {found['id']}",
        )
    if not open_holds:
        yield Finding("holds", "ok", "none open")


def _unless_waiting(deployment: Deployment, name: str, rests: Mapping[str, Rest]) -> Iterator[Finding]:
    """Ask a platform, unless it must not be asked now."""
    platform = deployment.catalog.platforms[name]
    if rest := rests.get(name):
        detail = f"rests until {rest.until.astimezone(settings.CHINA):%Y-%m-%d %H:%M:%S} (China time): {rest.why}"
        yield Finding(f"platform {name}", "warn", detail, "It asked for that; its routes go on by themselves then.")
    elif opens := timing.opening(deployment.catalog, platform):
        detail = f"not asked: window {platform.window} opens {opens:%Y-%m-%d %H:%M} (China time)"
        yield Finding(f"platform {name}", "ok", detail)
    else:
        yield from _platform(deployment, name)


def _platform(deployment: Deployment, name: str) -> Iterator[Finding]:
    platform = deployment.catalog.platforms[name]
    routes = [r for r in deployment.catalog.routes.values() if r.peer.platform == name]
    if not routes:
        yield Finding(f"platform {name}", "warn", "no route uses it", "Remove it or add a route.")
        return
    source = deployment.source(platform)
    probe = registry.patiently(lambda: source.probe(routes[0].dataset))
    source.close()
    behind = (probe.now - probe.upper).total_seconds()
    if behind >= routes[0].dataset.lag_seconds and not all(r.outbound for r in routes):
        hint = "Grant its account pg_read_all_stats; if it has that, the owner should end transactions left open."
        yield Finding(f"platform {name} changes", "warn", f"can be read only {behind:.0f} s late", hint)
    detail = f"answers; clock {probe.skew_ms} ms ahead of ours"
    yield Finding(f"platform {name}", "ok" if abs(probe.skew_ms) < _SKEW_MS else "warn", detail, "Tell its owner.")
