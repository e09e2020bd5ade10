"""The one task of a hold's DAG run: it asks an engineer, and carries the answer into the ledger under that person's name."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowSkipException
from gateway_operator import connection_of, page

from gateway import pg
from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.ledger import decisions

log = logging.getLogger("gateway.hold")
APPROVE, RELEASE, LEAVE = "批准 approve", "解除并重新判断 release", "暂不处理 leave"
_ASKED = timedelta(days=1)  # then it is asked anew: what is parked forever is looked at by nobody


class HoldOperator(HITLOperator):
    """Waits for an engineer's decision on a hold; the same as `gateway approve` and `gateway hold release`.

    A hold that was decided elsewhere meanwhile is left as it was decided.
    """

    custom_operator_name = "人工确认 Hold"
    ui_color = "#fff4e0"

    def __init__(self, **more: Any) -> None:
        """Take what any operator takes; the hold is in the run's conf."""
        super().__init__(
            subject="挂起链路待确认 · a route on hold awaits a decision",
            options=[APPROVE, RELEASE, LEAVE],
            defaults=LEAVE,
            params={
                "why": Param(
                    "", type="string", title="理由 reason", description="记入回执链 · kept in the chain of receipts"
                )
            },
            response_timeout=_ASKED,
            **more,
        )

    def execute(self, context: Context) -> Any:
        """Show what is to be decided, and wait; skipped when it was decided already."""
        with (
            closing(Deployment.open(connection_of).hub(name="gateway hold", autocommit=True)) as hub,
            pg.hub_errors("read a hold"),
        ):
            found = decisions.show_hold(hub, _number(context))
        if found["state"] != "open":
            raise AirflowSkipException(f"hold {found['id']} is {found['state']} by {found['decided_by']}")
        self.subject, self.body = _subject(found), _body(found)
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:
        """Decide as the engineer did, in that person's name."""
        answer = super().execute_complete(context, event)
        (chosen,) = answer["chosen_options"]
        return decide(Deployment.open(connection_of), _number(context), chosen, answer)


def decide(deployment: Deployment, hold: int, chosen: str, answer: Mapping[str, Any]) -> str:
    """Carry an answer into the ledger and return what became of the hold."""
    user = answer["responded_by_user"]
    if chosen == LEAVE or user is None:
        return "left"
    who, why = str(user["name"]), str((answer["params_input"] or {}).get("why") or "").strip()
    if not why:
        raise ValueError("理由不能为空：请重新确认 · a decision needs its reason: it is asked for again")
    try:
        (decisions.approve if chosen == APPROVE else decisions.release)(deployment, hold, who=who, why=why)
    except NotFound:
        log.warning("hold %s 已由他人处理，本次答复不再生效 · was decided by somebody else meanwhile", hold)
        return "decided elsewhere"
    return "approved" if chosen == APPROVE else "released"


def waiting(deployment: Deployment, now: datetime) -> list[dict[str, Any]]:
    """Return the run to be made for each open hold that a decision can help: a new one each day until it is decided."""
    with closing(deployment.hub(name="gateway hold", autocommit=True)) as hub, pg.hub_errors("list holds"):
        found = decisions.list_holds(hub, "open")
    return [
        {"trigger_run_id": f"hold__{hold['id']}__{(now - hold['raised_at']) // _ASKED}", "conf": {"hold": hold["id"]}}
        for hold in found
        if hold["kind"] != "structure" or "identity" in hold["facts"]
    ]


def _number(context: Context) -> int:
    return int((context["dag_run"].conf or {})["hold"])


def _subject(hold: Mapping[str, Any]) -> str:
    return f"链路 {hold['route']} 挂起 {hold['id']}（{hold['kind']}）待确认 · a decision is needed"


def _body(hold: Mapping[str, Any]) -> str:
    """Return the facts as a table; what came from a platform is shown as text."""
    rows = "\n".join(
        f"| {name} | {_shown(value)} |" for name, value in hold["facts"].items() if name not in {"contract", "identity"}
    )
    return (
        f"| | |\n|---|---|\n{rows}\n\n链路状态 · where the route stands: {page('routes', hold['route'])}\n\n"
        "**批准**：按现状继续一次 · go on with this. **解除**：下次运行重新判断 · the next run judges afresh."
    )


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "<br>".join(_shown(f"{item.get('path')} {item.get('rule')}") for item in value)
    return str(value).replace("|", "¦").replace("\n", " ").replace("<", "‹").replace("`", "'")
