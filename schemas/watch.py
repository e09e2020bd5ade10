"""Looks at the structure of platforms by the clock: what is different from last time is kept, judged and told.

The snapshot is the truth; a comparison names what is different and what that does to readers and writers. Whoever answers
for the platform's unit is told of each new version once. Whether a route can still run is its own run's business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotFound, NotNow, PlatformUnavailable
from gateway.exchange import timing
from gateway.model import Platform
from gateway.notify import outbox
from gateway.sql import queries
from schemas.diff.compare import compare
from schemas.diff.model import Answer, Change, Effect, Policy
from schemas.notice import words
from schemas.snapshot import editions, endpoints
from schemas.snapshot.endpoints import Endpoint

log = logging.getLogger(__name__)
_SQL = queries(__file__)
_MOST = 50  # changes that a message names


@dataclass(frozen=True, slots=True)
class Seen:
    """A new version of a platform's structure; the first one has no changes."""

    platform: str
    version: int
    level: Effect
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it for people and machines."""
        return {
            "platform": self.platform,
            "version": self.version,
            "level": self.level.name,
            "changes": len(self.changes),
        }


def look_at_all(deployment: Deployment) -> list[Seen]:
    """Look at every platform and every code list; one that cannot be asked does not keep the others from it.

    One that must not be asked now is left for the next look. Raises PlatformUnavailable (retryable) at the end, naming
    those that could not be asked.
    """
    seen, silent = look_at_codes(deployment), list[str]()
    for platform in deployment.catalog.platforms.values():
        try:
            if _may_ask(deployment, platform):
                seen += look(deployment, platform)
        except GatewayError as error:
            log.warning("%s: %s", platform.platform, error)
            silent.append(platform.platform)
    for found in seen:
        log.info("%s: version %s, %s, %s changes", found.platform, found.version, found.level.name, len(found.changes))
    if silent:
        raise PlatformUnavailable(
            f"no structure seen of {', '.join(silent)}", "The log says why; the look is repeated."
        )
    return seen


def keep(deployment: Deployment, platform: Platform, *, besides: str | None, first: bool) -> None:
    """Keep and tell what a run found different; `first`: only where the platform was never looked at.

    Of what `besides` names, a relation or what tells of a data set, others tell, since a route is held for it.
    """
    if first:
        with closing(deployment.hub(name="gateway watch")) as hub, pg.hub_errors("look for snapshots"), hub:
            if _newest(hub, platform.platform):
                return
    look(deployment, platform, besides=besides)


def look(deployment: Deployment, platform: Platform, *, besides: str | None = None) -> list[Seen]:
    """Look at one platform; return the new versions that were kept, none when nothing is different."""

    def earlier(name: str) -> Mapping[str, Any] | None:
        with closing(deployment.hub(name="gateway watch")) as hub, pg.hub_errors("look for snapshots"), hub:
            found = _newest(hub, name)
            return None if found is None else found["document"]

    kept = list[Seen]()
    for endpoint in endpoints.of_platform(deployment, platform, earlier):
        with closing(deployment.hub(name="gateway watch")) as hub, pg.hub_errors("keep a snapshot"), hub:
            found = _different(hub, endpoint)
            told = [] if found is None else [c for c in found.changes if not _within(endpoint.name, c, besides)]
            if found is not None and told:
                tell = replace(found, changes=tuple(told))
                _tell(deployment, hub, platform.name, tell, _concerned(deployment, platform, tell))
            kept += [] if found is None else [found]
    return kept


def look_at_codes(deployment: Deployment) -> list[Seen]:
    """Look at the code lists of the catalog; the bureau is told of another edition."""
    kept = list[Seen]()
    for name, document in editions.of_catalog(deployment.catalog).items():
        with closing(deployment.hub(name="gateway watch")) as hub, pg.hub_errors("keep a snapshot"), hub:
            found = _different(hub, Endpoint(name, document))
            if found is not None and found.changes:
                _tell(deployment, hub, f"代码表 {name.partition('/')[2]}", found, [deployment.catalog.bureau])
            kept += [] if found is None else [found]
    return kept


def _may_ask(deployment: Deployment, platform: Platform) -> bool:
    """Tell whether a platform may be asked now: its window is open, and it does not rest."""
    with (
        closing(deployment.hub(name="gateway watch", autocommit=True)) as hub,
        pg.hub_errors("look at a platform's hours"),
    ):
        try:
            timing.refuse_early(hub, deployment.catalog, platform)
        except NotNow:
            return False
    return True


def _different(hub: Connection, endpoint: Endpoint) -> Seen | None:
    """Keep an endpoint's version when it is another one than the newest; None when it is the same."""
    _rows(hub, "wait", {"platform": endpoint.name})
    before = _newest(hub, endpoint.name)
    if before is not None and before["identity"] == endpoint.document["fingerprint"]["identity"]:
        return None
    found = _judge(endpoint, before)
    _keep(hub, found, endpoint.document)
    return found


def _newest(hub: Connection, name: str) -> dict[str, Any] | None:
    return next(iter(_rows(hub, "newest", {"platform": name})), None)


def _within(endpoint: str, change: Change, besides: str | None) -> bool:
    """Tell whether a change is one of a relation, of all that an endpoint tells, or of one of its collections."""
    if besides is None:
        return False
    here = f"{endpoint}/{change.path}/"
    return endpoint == besides or f"{change.path}.".startswith(f"{besides}.") or here.startswith(f"{besides}/")


def history(connection: Connection, platform: str | None = None) -> list[dict[str, Any]]:
    """Return the versions that were kept, newest first."""
    return _rows(connection, "history", {"platform": platform})


def version(connection: Connection, platform: str, number: int | None = None) -> dict[str, Any]:
    """Return one version with its changes and its document, the newest when none is named; NotFound when there is none."""
    found = _rows(connection, "version", {"platform": platform, "version": number})
    if not found:
        raise NotFound(
            f"no such snapshot of platform {platform} was kept",
            "Run `gateway schema history`, or `gateway schema watch`.",
        )
    return found[0]


def _judge(endpoint: Endpoint, before: Mapping[str, Any] | None) -> Seen:
    if before is None:
        return Seen(endpoint.name, 1, Effect.none, ())
    old = endpoints.comparable(before["document"]) if before["kind"] == endpoint.kind else None
    changes = compare(endpoint.kind, old, endpoints.comparable(endpoint.document), "both", Policy()).changes
    return Seen(endpoint.name, before["version"] + 1, Answer.of(changes, "both").level, changes)


def _keep(hub: Connection, found: Seen, document: Mapping[str, Any]) -> None:
    values = {
        "platform": found.platform, "version": found.version, "kind": document["kind"], **document["fingerprint"],
        "level": found.level.name, "changes": Json([c.as_dict() for c in found.changes]), "document": Json(dict(document)),
        "now": settings.now(),
    }  # fmt: skip
    pg.run(hub, _SQL["keep"], values)


def _tell(deployment: Deployment, hub: Connection, what: str, found: Seen, units: list[str]) -> None:
    """Queue what is different for whoever answers for the units that it concerns."""
    shown = [
        f"- {c.path}：{words.kind(c.rule, c.kind)}，{words.value(c.before)} → {words.value(c.after)}（{c.rule}）"
        for c in found.changes[:_MOST]
    ]
    more = [f"… 另有 {len(found.changes) - _MOST} 处"] if len(found.changes) > _MOST else []
    subject = f"[结构变更] {what} 结构已变更（{words.IMPACT[found.level.name]}）"
    said = [
        f"{settings.now().astimezone(settings.CHINA):%Y-%m-%d %H:%M} 发现{what}的结构与上次不同：", *shown, *more,
        "如已发布变更通知单，无需处理；否则请补发，或恢复原结构。",
        f"The structure of {found.platform} is different from last time. If it was announced, nothing is to be done.",
    ]  # fmt: skip
    about = (f"snapshot {found.platform} {found.version}", "changed")
    outbox.tell(hub, deployment.keys, units, about, subject, "\n".join(said))


def _concerned(deployment: Deployment, platform: Platform, found: Seen) -> list[str]:
    """Return the platform's unit, and of each data set whose relation is different its owner and who receives it."""
    paths = [f"{c.path}." for c in found.changes]
    routes = deployment.catalog.routes.values()
    names = {r.dataset.table if "." in r.dataset.table else f"public.{r.dataset.table}": r.dataset
             for r in routes if r.peer.platform == platform.platform}  # fmt: skip
    touched = {d.name: d for name, d in names.items() if any(path.startswith(f"{name}.") for path in paths)}
    receivers = {r.peer.unit for r in routes if r.outbound and r.dataset.name in touched}
    return sorted({platform.unit, *(d.owner for d in touched.values()), *receivers})


def _rows(connection: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return pg.dicts(connection, _SQL[name], values)
