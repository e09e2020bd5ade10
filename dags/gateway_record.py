"""Links from tasks to pages: of backups to the record of what was made or proved, of time limits to their boards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.execution_time.xcom import XCom
from gateway_operator import page


class RecordLink(BaseOperatorLink):
    """Leads from a run to the record of its backup, with size, rows, time and drills."""

    name = "备份记录 Record"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the record of the backup that the task returned; of the plan's page when it returned none."""
        found = XCom.get_value(ti_key=ti_key, key="return_value")
        backup = found.get("backup") if isinstance(found, Mapping) else None
        return page("backups", backup or ti_key.dag_id.split("__", 1)[-1])


class BoardLink(BaseOperatorLink):
    """Leads from a run to the board of what routes promised and kept."""

    name = "时效看板 SLA"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the board."""
        return page("sla")


class CircularsLink(BaseOperatorLink):
    """Leads from a run to the list of circulars."""

    name = "通报 Circulars"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """Return the address of the list."""
        return page("circulars")


def linked(made: Any, link: BaseOperatorLink | None = None) -> Any:
    """Return a task's result as it is, the task bearing a link: to the record of a backup unless another is given."""
    made.operator.operator_extra_links = (link or RecordLink(),)
    return made
