"""What platforms tell by themselves: proven by signature, kept in the ledger, entered by the route's next run.

Proof needs no table until the signature holds, so that a stranger costs a digest and no connection. A call counts once
twice over: its nonce is taken once, and a verdict that was heard before, however, is not kept again.
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from psycopg2.extensions import connection as Connection
from psycopg2.extras import Json, execute_values

from gateway import pg, registry
from gateway.deployment import Deployment
from gateway.errors import GatewayError, SchemaMismatch
from gateway.exchange.verdicts import line
from gateway.model import Dataset, Platform
from gateway.ports import Verdict
from gateway.records import as_json
from gateway.security.signing import Signer
from gateway.sql import queries

_SQL = queries(__file__)
_FRESH = 300  # seconds that two clocks may be apart
_STAMP = re.compile(r"[0-9]{1,11}")
_NONCE = re.compile(r"[!-~]{16,128}")
_LONGEST_NAME = 200
_COLUMNS = "(%s, %s, %s, %s::bigint, %s, %s, %s::timestamptz, %s::timestamptz, %s::jsonb)"


class NotProven(Exception):
    """The call is not the platform's, not of now or not for the first time; nobody is told which."""


@dataclass(frozen=True, slots=True)
class Call:
    """A signed request as it came, without its body. `path` is the one that was signed."""

    platform: str
    dataset: str
    method: str
    path: str
    query: str
    user: str
    stamp: str
    nonce: str
    signature: str = field(repr=False)


def expected(deployment: Deployment, call: Call) -> Signer:
    """Return the key that the call has to be signed with, before its body is read; NotProven when there is none."""
    if not _STAMP.fullmatch(call.stamp) or abs(int(call.stamp) - time.time()) > _FRESH:
        raise NotProven
    if not _NONCE.fullmatch(call.nonce):
        raise NotProven
    platform = deployment.catalog.platforms.get(call.platform)
    try:
        signers = registry.callback_signers(platform, deployment.resolve) if platform else ()
    except GatewayError:  # how we are set up is no stranger's business; `gateway check` and `doctor` tell it
        signers = ()
    for signer in signers:
        if hmac.compare_digest(signer.user.encode(), call.user.encode()):
            return signer
    raise NotProven


def receive(deployment: Deployment, call: Call, signer: Signer, body: bytes) -> int:
    """Keep the verdicts of a call and return how many are new; a call without effect is as good as any other.

    Raises NotProven; SchemaMismatch for a proven call that holds something else; HubUnavailable, after which the same
    call, signed again, may come again.
    """
    signed = signer.signature(call.method, call.path, call.query, body, call.stamp, call.nonce)
    if not hmac.compare_digest(signed.encode(), call.signature.encode()):
        raise NotProven
    platform, dataset = deployment.catalog.platforms[call.platform], deployment.catalog.datasets.get(call.dataset)
    routes = [
        route.route for route in deployment.catalog.routes.values()
        if route.outbound and route.peer.platform == call.platform and route.dataset.name == call.dataset
    ]  # fmt: skip
    fault, verdicts = _verdicts(platform, dataset if routes else None, call, body)
    with pg.hub_errors("keep what a platform told"), closing(deployment.hub(name="gateway callback")) as hub, hub:
        pg.run(hub, _SQL["expire"])
        if not pg.run(hub, _SQL["use_nonce"], {"platform": call.platform, "nonce": call.nonce, "seconds": 2 * _FRESH}):
            raise NotProven
        kept = _keep(hub, call, dataset, routes, verdicts) if dataset else 0
    if fault is not None:
        raise fault
    return kept


def _verdicts(
    platform: Platform, dataset: Dataset | None, call: Call, body: bytes
) -> tuple[GatewayError | None, Sequence[Verdict]]:
    """Return what a call holds, or why it cannot be read: its nonce is used either way."""
    try:
        if dataset is None:
            raise SchemaMismatch(
                f"nothing of {call.dataset} is delivered to platform {call.platform}",
                "Call the address of the data set.",
            )
        found = registry.callback_verdicts(platform, dataset, body)
        if any(len(verdict.id) > _LONGEST_NAME for verdict in found):
            raise SchemaMismatch(
                f"platform {call.platform} tells a verdict with a name of more than {_LONGEST_NAME} characters",
                "Ask the platform's owner.",
            )
    except GatewayError as error:
        return error, ()
    return None, found


def _keep(hub: Connection, call: Call, dataset: Dataset, routes: Sequence[str], verdicts: Sequence[Verdict]) -> int:
    """Insert what no route has heard yet; what waits already stays as it is."""
    lines = {}
    for verdict in verdicts:
        name, *said = line(dataset, verdict)
        key = dict(zip(dataset.key, said[5:], strict=True))
        lines[name] = (call.platform, call.dataset, name, *said[:5], Json(key, dumps=as_json))
    with hub.cursor() as cursor:
        cursor.execute(_SQL["heard"], {"routes": list(routes), "verdicts": list(lines)})
        for (name,) in cursor.fetchall():
            del lines[name]
        if not lines:
            return 0
        rows = list(lines.values())
        return len(execute_values(cursor, _SQL["keep"], rows, template=_COLUMNS, page_size=len(rows), fetch=True))
