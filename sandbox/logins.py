"""People of the stand-in city who log in to the pages, one of each role; the demo prints them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing

from gateway.deployment import Deployment
from gateway.security.users import OURS, ROLES
from sandbox.airflow import AirflowStack

ROLES_COMMAND = ["roles", "create", *OURS]  # for Airflow's own command line: its interface makes no roles
UNIT = "zjj"
PEOPLE: Mapping[str, tuple[str, str]] = {
    "administrator": ("zhaolei", "赵磊"), "engineer": ("chenjing", "陈静"), "bureau": ("wanggang", "王刚"),
    "auditor": ("liumin", "刘敏"), "unit": ("lisi", "李四"),
}  # fmt: skip
_MEMBER = (
    "insert into gateway.user_unit (login, unit, since, added_by) values (%s, %s, now(), 'demo') on conflict do nothing"
)


def make(stack: AirflowStack, deployment: Deployment) -> list[tuple[str, str, str]]:
    """Make a user of each role, with a password that stays the folder's; return role, login and password.

    Not by `gateway user add`: a start of Airflow's command line takes longer than the interface takes for all of them.
    """
    api = stack.api()
    for role, (login, name) in PEOPLE.items():
        api.make_user(login, stack.password_of(login), *ROLES[role], name=name)
    with closing(deployment.hub(name="demo")) as hub, hub, hub.cursor() as cursor:
        cursor.execute(_MEMBER, (PEOPLE["unit"][0], UNIT))
    return [(role, login, stack.password_of(login)) for role, (login, _) in PEOPLE.items()]
