"""Users of the pages: what is refused before Airflow is asked, what Airflow may say, and what the ledger keeps."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import AirflowRefused, NotFound, UserRefused
from gateway.exchange import proof
from gateway.security import airflow_users, users
from gateway.security.airflow_users import Told
from gateway.security.users import New
from tests.integration.conftest import City

LISI = New("lisi", "unit", "gaj", "李四", password="long enough 1")
MADE = Told(None, "")


class Airflow:
    """Stands where Airflow's commands run: says to each what it is told to say, and remembers what it was asked."""

    def __init__(self) -> None:
        """Say nothing wrong."""
        self.asked: list[list[str]] = []
        self.says: dict[str, Told] = {}

    def run(self, commands: Any) -> list[Told]:
        """Answer each command by its first two words."""
        asked = [list(command) for command in commands]
        self.asked += asked
        return [self.says.get(" ".join(command[:2]), MADE) for command in asked]


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Airflow:
    """Return what stands for Airflow; the real one is asked by the acceptance tests."""
    found = Airflow()
    monkeypatch.setattr(airflow_users, "run", found.run)
    return found


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"login": ""}, "is no login"),
    ({"login": "-u"}, "is no login"),  # an option of a command
    ({"login": "李四"}, "is no login"),
    ({"login": "a" * 65}, "is no login"),
    ({"login": "lisi\n"}, "is no login"),
    ({"role": "king"}, "there is no role king"),
    ({"unit": None}, "names its unit"),
    ({"role": "bureau"}, "names its unit"),  # which has no unit of its own
    ({"unit": "nope"}, "there is no unit nope"),
    ({"password": "short"}, "fewer than 12"),
    ({"password": "long enough 1\x00"}, "signs of no letter"),
]


def test_what_cannot_be_a_user_is_refused_before_airflow_is_asked(city: City, airflow: Airflow) -> None:
    """Each by its name, and the password by none."""
    for change, words in REFUSED:
        with pytest.raises(UserRefused, match=words) as refused:
            users.add(city.deployment, replace(LISI, **change), who="tester")
        assert "long enough" not in str(refused.value)
    assert (airflow.asked, city.ask("select count(*) from gateway.user_unit")) == ([], [(0,)])


def test_a_user_of_a_unit_is_made_and_ended(city: City, airflow: Airflow) -> None:
    """Airflow gets roles, user and membership; the ledger the unit; the chain both acts, without name and password."""
    assert users.add(city.deployment, LISI, who="tester")
    assert [command[:2] for command in airflow.asked] == [
        ["roles", "create"],
        ["users", "create"],
        ["users", "add-role"],
    ]
    assert [(r["login"], r["unit"]) for r in users.listing(city.hub)] == [("lisi", "gaj")]
    assert users.end(city.deployment, "lisi", who="tester", why="调离") == "gaj"
    assert users.listing(city.hub) == []
    assert [r["login"] for r in users.listing(city.hub, "gaj", ended=True)] == ["lisi"]
    bodies = [body for (body,) in city.ask("select body from gateway.receipt where kind = 'decision' order by no")]
    assert [word for body in bodies for word in ("李四", "long enough") if word in body] == []
    assert proof.verify(city.deployment).ok


def test_a_user_that_airflow_knows_is_given_the_role_alone(city: City, airflow: Airflow) -> None:
    """And it is said that its password is the old one."""
    airflow.says |= {"users create": Told(None, "lisi already exists in the db"), "users add-role": Told('User "lisi" is already a member of role', "")}  # fmt: skip
    assert not users.add(city.deployment, LISI, who="tester")
    assert users.unit_of(city.hub, "lisi") == "gaj"


def test_a_login_belongs_to_one_unit(city: City, airflow: Airflow) -> None:
    """The same again changes nothing; another is refused before Airflow is asked."""
    city.ask("insert into gateway.user_unit (login, unit, added_by) values ('lisi', 'mzj', 'tester')")
    with pytest.raises(UserRefused, match="belongs to unit mzj"):
        users.add(city.deployment, LISI, who="tester")
    assert airflow.asked == []
    city.ask("update gateway.user_unit set unit = 'gaj'")
    users.add(city.deployment, LISI, who="tester")
    assert city.ask("select count(*) from gateway.user_unit") == [(1,)]


@pytest.mark.parametrize("command", ["users create", "users add-role", "roles create"])
def test_what_airflow_refuses_is_kept_nowhere(city: City, airflow: Airflow, command: str) -> None:
    """Its words are told."""
    airflow.says[command] = Told("Exchange Unit is not a valid role", "")
    with pytest.raises(AirflowRefused, match="is not a valid role"):
        users.add(city.deployment, LISI, who="tester")
    assert city.ask("select count(*) from gateway.user_unit") == [(0,)]


def test_a_user_that_nobody_knows_cannot_be_ended(city: City, airflow: Airflow) -> None:
    """Known to one side it is ended there; a refusal of Airflow ends nothing."""
    airflow.says["users delete"] = Told('User "lisi" does not exist', "")
    with pytest.raises(NotFound, match="no user lisi"):
        users.end(city.deployment, "lisi", who="tester", why="x")
    city.ask("insert into gateway.user_unit (login, unit, added_by) values ('lisi', 'gaj', 'tester')")
    airflow.says["users delete"] = Told("Failed to delete user", "")
    with pytest.raises(AirflowRefused, match="Failed to delete"):
        users.end(city.deployment, "lisi", who="tester", why="x")
    assert users.unit_of(city.hub, "lisi") == "gaj"
    airflow.says["users delete"] = Told('User "lisi" does not exist', "")
    assert users.end(city.deployment, "lisi", who="tester", why="x") == "gaj"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (("/nonexistent/airflow",), "FileNotFoundError"),
        ((sys.executable, "-c", "raise ModuleNotFoundError('no airflow: secret')"), "ModuleNotFoundError"),
        ((sys.executable, "-c", "print('hello')"), "no word"),  # says something, but not what was asked
    ],
)
def test_an_airflow_that_cannot_run_is_told_as_such(program: tuple[str, ...], words: str) -> None:
    """By the kind of fault alone: its words may hold anything."""
    with pytest.raises(AirflowRefused, match=words) as refused:
        airflow_users.run([["users", "list"]], program=program)
    assert "AIRFLOW_HOME" in refused.value.hint
    assert "secret" not in str(refused.value)


def test_a_made_password_is_long_and_new_each_time() -> None:
    """Twenty signs of an address's alphabet."""
    made = {users.password() for _ in range(50)}
    assert (len(made), {len(one) for one in made}) == (50, {20})
