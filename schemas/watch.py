"""Looks at the structure of platforms by the clock: what is different from last time is kept, judged and told.

The snapshot is the truth; a comparison names what is different and what that does to readers and writers. Whoever answers
for the platform's unit is told of each new version once. Whether a route can still run is its own run's business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, RealDictCursor

from gateway import pg, settings
from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotFound, PlatformUnavailable
from gateway.model import Platform
from gateway.notify import contacts, outbox
from gateway.notify.message import Message, page
from gateway.sql import queries
from schemas.diff.compare import compare
from schemas.diff.model import Answer, Change, Effect, Policy
from schemas.notice import words
from schemas.snapshot import platforms

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
    """Look at every platform that is a database; one that cannot be asked does not keep the others from it.

    Raises PlatformUnavailable (retryable) at the end, naming those that could not be asked.
    """
    seen, silent = list[Seen](), list[str]()
    for platform in deployment.catalog.platforms.values():
        if not platforms.is_database(platform):
            continue
        try:
            if (found := look(deployment, platform)) is not None:
                seen.append(found)
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


def look(deployment: Deployment, platform: Platform) -> Seen | None:
    """Look at one platform; return the new version that was kept, or None when nothing is different."""
    document = platforms.of_platform(deployment, platform)
    with closing(deployment.hub(name="gateway watch")) as hub, pg.hub_errors("keep a snapshot"), hub:
        _rows(hub, "wait", {"platform": platform.platform})
        before = next(iter(_rows(hub, "newest", {"platform": platform.platform})), None)
        if before is not None and before["identity"] == document["fingerprint"]["identity"]:
            return None
        found = _judge(platform.platform, before, document)
        _keep(hub, found, document)
        if found.changes:
            _tell(deployment, hub, platform, found)
        return found


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


def _judge(platform: str, before: Mapping[str, Any] | None, document: Mapping[str, Any]) -> Seen:
    if before is None:
        return Seen(platform, 1, Effect.none, ())
    if before["kind"] != document["kind"]:
        changes = compare(document["kind"], None, document, "both", Policy()).changes
    else:
        changes = compare(document["kind"], before["document"], document, "both", Policy()).changes
    return Seen(platform, before["version"] + 1, Answer.of(changes, "both").level, changes)


def _keep(hub: Connection, found: Seen, document: Mapping[str, Any]) -> None:
    values = {
        "platform": found.platform, "version": found.version, "kind": document["kind"], **document["fingerprint"],
        "level": found.level.name, "changes": Json([c.as_dict() for c in found.changes]), "document": Json(dict(document)),
        "now": settings.now(),
    }  # fmt: skip
    pg.run(hub, _SQL["keep"], values)


def _tell(deployment: Deployment, hub: Connection, platform: Platform, found: Seen) -> None:
    """Queue what is different for whoever answers for the platform's unit."""
    shown = [
        f"- {c.path}：{words.kind(c.rule)}，{words.value(c.before)} → {words.value(c.after)}（{c.rule}）"
        for c in found.changes[:_MOST]
    ]
    more = [f"… 另有 {len(found.changes) - _MOST} 处"] if len(found.changes) > _MOST else []
    subject = f"[结构变更] {platform.name} 结构已变更（{words.IMPACT[found.level.name]}）"
    said = [
        f"{settings.now().astimezone(settings.CHINA):%Y-%m-%d %H:%M} 发现{platform.name}的结构与上次不同：", *shown, *more,
        "如已发布变更通知单，无需处理；否则请补发，或恢复原结构。",
        f"The structure of platform {platform.platform} is different from last time. If it was announced, nothing is to be done.",
    ]  # fmt: skip
    text = "\n".join(said)
    message = Message(f"snapshot {platform.platform} {found.version}", subject, text, subject, html=page(subject, text))
    for person in contacts.current(hub, platform.unit):
        outbox.put(hub, deployment.keys, message, person.contact, "changed")


def _rows(connection: Connection, name: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(_SQL[name], dict(values))
        return [dict(row) for row in cursor.fetchall()]
