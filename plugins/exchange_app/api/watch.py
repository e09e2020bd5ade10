"""For whoever watches the gateway: that it answers, without a login and without data; and figures for Prometheus by a token.

This file must not postpone its annotations.
"""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from exchange_app import frame
from exchange_app.api import base
from exchange_app.api.base import Given
from exchange_app.api.model import Alive
from gateway.sql import queries

_SQL = queries(__file__)
_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_NAMES = {  # of each statement's rows: metric, kind, what it is
    "routes": {
        "last_success_timestamp_seconds": ("gauge", "When a run of the route last succeeded."),
        "watermark_timestamp_seconds": ("gauge", "Up to which change the route has read."),
        "paused": ("gauge", "Whether somebody paused the route."),
        "held": ("gauge", "Whether the route is on hold."),
    },
    "rows": {"quarantined_rows": ("gauge", "Rejected rows that nobody decided on.")},
    "messages": {"messages": ("gauge", "Messages that wait, or were given up.")},
    "chain": {"receipts_total": ("counter", "Entries of the chain of receipts.")},
    "backups": {"backup_proven_timestamp_seconds": ("gauge", "The moment of the newest backup that a drill proved.")},
}

router = APIRouter()


def watcher(request: Request, given: Given) -> str:
    """Return the unit whose token for metrics was given."""
    return base.bearer(request, given, "metrics")


@router.get("/health")
def alive() -> Alive:
    """Tell that the process answers; of the hub and of data it says nothing."""
    return Alive()


@router.get("/metrics", include_in_schema=False, dependencies=[Depends(watcher)])
def metrics() -> PlainTextResponse:
    """Return figures of routes, quarantine, messages, chain and backups as Prometheus reads them."""
    with frame.hub() as hub:
        lines = [line for name in _NAMES for line in _written(name, frame.rows(hub, _SQL[name], {}))]
    return PlainTextResponse("\n".join(lines) + "\n", media_type=_FORMAT)


def _written(name: str, rows: list[dict[str, object]]) -> Iterator[str]:
    for metric, (kind, words) in _NAMES[name].items():
        yield f"# HELP gateway_{metric} {words}"
        yield f"# TYPE gateway_{metric} {kind}"
        for row in rows:
            labels = ",".join(
                f'{label}="{str(value).translate(_ESCAPES)}"'
                for label, value in row.items()
                if label not in _NAMES[name]
            )
            if row[metric] is not None:
                yield f"gateway_{metric}{f'{{{labels}}}' if labels else ''} {row[metric]}"
