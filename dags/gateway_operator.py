"""The one task of a route: an operator that makes one call, tells the log what happened, and links to the pages."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from textwrap import wrap
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseHook, BaseOperator, BaseOperatorLink, ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.execution_time.xcom import XCom
from airflow.sdk.lineage import get_hook_lineage_collector
from airflow.sdk.observability.stats import Stats
from exchange_app.words import COUNTS, KINDS, STAGES

from gateway.deployment import Deployment
from gateway.errors import GatewayError, NotNow
from gateway.exchange import carry, quarantine
from gateway.exchange.outcome import Outcome
from gateway.model import Route
from gateway.provider import dsn

log = logging.getLogger("gateway.route")
_SHOWN = ("kind", "batch", "receipt", "read", "landed", "deleted", "rejected", "seconds")
_WIDTH = 96  # characters of a line that the log page shows without scrolling
_SOON = timedelta(seconds=10)

# The first rule that fits decides; what none fits (a platform or the hub that is away, a lost worker) is repeated with
# the task's own growing delay. Dotted paths, so that the policy travels as text; a test resolves each of them.
RETRY = ExceptionRetryPolicy(
    [
        RetryRule(
            exception="gateway.errors.PermanentError",
            action=RetryAction.FAIL,
            reason="不再重试：需要人先处理（见上方 HINT）· not repeated: a person has to act first, see HINT above",
        ),
        RetryRule(
            exception=["gateway.errors.RouteBusy", "gateway.errors.FenceLost"],
            retry_delay=_SOON,
            reason="另一次运行占用着链路，稍后重试 · another run has the route: repeated soon",
        ),
        RetryRule(
            exception="gateway.errors.RetryableError",
            reason="自动重试，间隔逐次加长 · repeated by itself, each time later",
        ),
    ]
)


class ReceiptLink(BaseOperatorLink):
    """Leads from a run that succeeded to its receipt."""

    name = "回执 Receipt"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the receipt that the run returned, or nothing when it made none."""
        outcome = XCom.get_value(ti_key=ti_key, key="return_value")
        number = outcome.get("receipt") if isinstance(outcome, Mapping) else None
        return page("receipts", number) if number else ""


class RouteLink(BaseOperatorLink):
    """Leads from any run to the page that tells where its route stands."""

    name = "链路状态 Route"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the route's page."""
        return page("routes", getattr(operator, "route", ""))


class ExchangeOperator(BaseOperator):
    """Carries one route; the ledger has its stages, the receipt its counts. Returns counts, never rows."""

    operator_extra_links = (ReceiptLink(), RouteLink())
    custom_operator_name = "交换 Exchange"
    ui_color = "#e8f1fb"

    def __init__(self, *, route: str, **more: Any) -> None:
        """Take the route's name and what any operator takes."""
        super().__init__(**more)
        self.route = route

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the route; the error's type decides whether Airflow repeats it, or lets it wait outside of any slot."""
        return self._carry(context)

    def resume(self, context: Mapping[str, Any], event: Any = None) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Go on when the wait is over; it may have to wait again."""
        return self._carry(context)

    def _carry(self, context: Mapping[str, Any]) -> dict[str, Any]:
        failure: GatewayError | None = None
        try:
            deployment = Deployment.open(connection_of)
            outcome = carry.run(deployment, self.route, run_id=str(context["run_id"]), progress=_tell)
        except GatewayError as error:
            failure = error
        if isinstance(failure, NotNow):
            self._wait(failure)
        if failure is not None:
            _explain(self.route, failure)
            raise failure.with_traceback(None) from None  # its words say what the engine's frames would not
        _report(deployment, outcome)
        _observe(deployment.route(self.route), outcome, context)
        shown = outcome.as_dict()
        return {name: shown[name] for name in _SHOWN}

    def _wait(self, early: NotNow) -> NoReturn:
        """Give slot and worker back until the platform may be asked; that is no failure, and costs no retry."""
        log.info("%s %s · 到时自动继续 goes on by itself", early.code, early.chinese)
        log.info("%s", early.message)
        moment = datetime.now(UTC) + timedelta(seconds=early.seconds)
        self.defer(trigger=DateTimeTrigger(moment=moment), method_name="resume")


def connection_of(name: str) -> str | None:
    """Return the DSN of an Airflow connection, or None when Airflow has none of that name."""
    try:
        return dsn(BaseHook.get_connection(name.lower()))
    except AirflowNotFoundException:
        return None


def page(kind: str, name: object = "") -> str:
    """Return the path of one of the gateway's own pages, below whatever path Airflow itself is served at."""
    prefix = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
    return f"{prefix}/exchange/{kind}/{quote(str(name), safe='')}".rstrip("/")


def _tell(stage: str, rows: int) -> None:
    log.info("%s %s%s", STAGES.get(stage, ""), stage, f" · {rows:,} 行 rows" if rows else "")


def _explain(route: str, failure: GatewayError) -> None:
    """Say in words what failed and what to do, in lines that the log page shows whole."""
    log.error("%s %s", failure.code, failure.chinese)
    for text in (failure.message, failure.hint and f"HINT: {failure.hint}"):
        for line in wrap(text, _WIDTH, break_on_hyphens=False):
            log.error("%s", line)
    log.error("链路状态 where the route stands: %s", page("routes", route))


def _report(deployment: Deployment, outcome: Outcome) -> None:
    """Say in words what a run did, and why rows were rejected."""
    for rule, count in outcome.rejects.items():
        chinese, english = quarantine.reason(deployment.catalog.datasets, outcome.dataset, rule)
        log.warning("隔离 %s 行 rejected · %s · %s · %s", f"{count:,}", rule, chinese, english)
    if outcome.rejects:
        log.warning("隔离区 quarantine: gateway quarantine list --route %s", outcome.route)
    shown = outcome.as_dict()
    chinese, english = KINDS.get(outcome.kind, (outcome.kind, outcome.kind))
    log.info("%s：%s", chinese, " · ".join(f"{COUNTS[n]} {shown[n]:,}" for n in COUNTS))
    log.info("%s: %s", english, ", ".join(f"{n} {shown[n]:,}" for n in COUNTS))
    log.info("批次 batch %s 完成，用时 %s 秒 s", outcome.batch, outcome.seconds)
    log.info("回执 receipt %s: %s", outcome.receipt, page("receipts", outcome.receipt))


def _observe(route: Route, outcome: Outcome, context: Mapping[str, Any]) -> None:
    """Report lineage and figures to Airflow."""
    collector = get_hook_lineage_collector()
    there, here = f"x-exchange://{route.peer.platform}/{route.dataset.table}", f"x-exchange://hub/{route.dataset.name}"
    source, target = (here, there) if route.outbound else (there, here)
    collector.add_input_asset(context=context["ti"], uri=source)
    collector.add_output_asset(context=context["ti"], uri=target)
    tags = {"route": route.route}
    Stats.incr("exchange.rows_read", outcome.read, tags=tags)
    Stats.incr("exchange.rows_rejected", outcome.rejected, tags=tags)
    Stats.timing("exchange.run", timedelta(seconds=outcome.seconds), tags=tags)
