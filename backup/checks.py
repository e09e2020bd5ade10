"""What `gateway check` and `gateway doctor` look at of backups; the command line finds this module by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial

from backup import incidents, keys, plans, repositories, tools, wiring
from backup.plans import FOLDER, Place, Plan
from gateway import pg, settings, yamlfile
from gateway.cli.finding import Finding
from gateway.deployment import Deployment, Resolve, from_environment
from gateway.errors import GatewayError, SealKeyRefused, ToolMissing
from gateway.model import Catalog
from gateway.yamlfile import Located

_PROGRAMS = ("pg_dump", "pg_dumpall", "pg_restore", "psql", "initdb", "postgres")
_SOON = timedelta(days=30)


def faults(city: Catalog) -> Iterator[str]:
    """Yield what is wrong with each plan, and with what its names stand for where this machine knows it."""
    found = plans.load(city)
    yield from found.broken.values()
    for plan in found.plans.values():
        document = yamlfile.read(city.root / FOLDER / f"{plan.plan}.yaml")
        yield from _kept(document, "seal", partial(_keys, plan, from_environment))
        for place in plan.places:
            if url := from_environment(place.connection):
                yield from _kept(document, "repositories", partial(repositories.open_repository, url))


def connection_faults(deployment: Deployment) -> Iterator[str]:
    """Yield what of a plan is not configured, or does not answer. An identity may lack: only drills and restores have it."""
    for plan in plans.load(deployment.catalog).plans.values():
        document = yamlfile.read(deployment.catalog.root / FOLDER / f"{plan.plan}.yaml")
        yield from _kept(document, "seal", partial(wiring.sealer, deployment, plan))
        yield from _kept(document, "source", partial(_major, deployment, plan))
        for place in plan.places:
            ask = partial(_answers, deployment, place)
            yield from _kept(document, "repositories", ask, f"repository {place.repository}: ")


def findings(deployment: Deployment) -> Iterator[Finding]:
    """Yield whether the programs of each plan's server are there, its identity too, and what is wrong with its backups."""
    for plan in plans.load(deployment.catalog).plans.values():
        what = f"backup {plan.plan}"
        try:
            major = _major(deployment, plan)
            if major is not None:
                yield from _programs(what, major)
        except GatewayError as error:
            yield Finding(what, "fail", error.message, error.hint)
        for name in plan.recipients:
            yield from _expiring(f"{what} recipient {name}", name, deployment.resolve(name))
        if deployment.resolve(plan.identity) is None:
            hint = f"Set GATEWAY_CONN_{plan.identity} where drills and restores run, and nowhere else."
            yield Finding(f"{what} identity", "warn", "not on this machine: it can back up, not drill or restore", hint)
    with closing(deployment.hub(name="gateway doctor backups", autocommit=True)) as hub:
        for row in incidents.listing(hub):
            hint = f"See `gateway backup list --plan {row['plan']}`."
            yield Finding(f"backup {row['plan']}", "warn", incidents.WORDS[row["kind"]][1], hint)


def _kept(document: Located, field: str, look: Callable[[], object], where: str = "") -> Iterator[str]:
    """Yield the fault of a field by file and line when looking at it fails."""
    try:
        look()
    except GatewayError as error:
        yield str(document.fault(field, where + error.message, error.hint))


def _answers(deployment: Deployment, place: Place) -> None:
    next(iter(wiring.repository(deployment, place).manifests()), None)


def _keys(plan: Plan, resolve: Resolve) -> None:
    """Refuse recipients that are no keys or have expired, and an identity that opens for none of them."""
    texts = {name: text for name in plan.recipients if (text := resolve(name))}
    known = {recipient.key for recipient in keys.recipients(texts)} if texts else set()
    whole = len(texts) == len(plan.recipients)
    if (
        whole
        and (text := resolve(plan.identity))
        and not known & {str(key.to_public()) for key in keys.identities(text)}
    ):
        raise SealKeyRefused(f"identity {plan.identity} opens for none of its recipients", "Name its recipient too.")


def _major(deployment: Deployment, plan: Plan) -> int | None:
    """Return the version of a plan's server; None when its source is none of PostgreSQL."""
    dsn = wiring.source_dsn(deployment, plan)
    if "://" in dsn and not dsn.startswith("postgres"):
        return None
    where = (plan.connection or "hub").lower()
    with pg.platform_errors(where, "connect"), closing(pg.connect(dsn, name="gateway check")) as connection:
        return int(connection.server_version) // 10000


def _expiring(what: str, name: str, text: str | None) -> Iterator[Finding]:
    """Yield a recipient that may be sealed to no longer, or only for a month."""
    hint = "Make a new key for its holder, and keep the old identity: it opens the backups sealed to it."
    try:
        found = keys.recipients({name: text})[0] if text else None
    except SealKeyRefused as error:
        yield Finding(what, "fail", error.message, error.hint)
        return
    today = settings.now().astimezone(settings.CHINA).date()
    if found and found.expires and found.expires - today <= _SOON:
        yield Finding(what, "warn", f"may be sealed to until {found.expires}", hint)


def _programs(what: str, major: int) -> Iterator[Finding]:
    missing = []
    for name in _PROGRAMS:
        try:
            tools.program(name, major)
        except ToolMissing as error:
            missing.append((name, error.hint))
    if missing:
        names = ", ".join(name for name, _ in missing)
        hints = " ".join(sorted({hint for _, hint in missing}))
        yield Finding(what, "fail", f"PostgreSQL {major}: {names} not installed", hints)
    else:
        yield Finding(what, "ok", f"programs of PostgreSQL {major} are there")
