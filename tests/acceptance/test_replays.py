"""Several rows replayed with one form: each in a run and an entry of its own, and what became of each is told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from exchange_app import frame
from exchange_app.pages import replays
from fastapi.testclient import TestClient

from gateway.exchange import carry, proof, quarantine, transfer
from gateway.exchange.outcome import Outcome
from tests.acceptance.desk import BUREAU, ENGINEER, UNIT, Enter, desk, enter, send
from tests.integration.conftest import PERSON, City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
PAGE, WHY = "/quarantine", "代码表已更新"


@pytest.fixture(scope="module")
def rows(desk: City) -> list[int]:
    """Carry thirty rows, twenty-five of them bad; return the numbers of the bad ones."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        desk.fill(30, bad=25)
        transfer.run(desk.deployment, "person_in")
    return [number for (number,) in desk.ask("select id from gateway.quarantine order by id")]


@pytest.fixture
def mended(desk: City, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Return people before pages of a city whose code list has the code that was missing."""
    rule = replace(PERSON.rules[0], args={"field": "sex", "values": ["1", "2", "7"]})
    deployment = desk.with_dataset(rules=(rule,)).deployment
    monkeypatch.setattr(frame, "_deployment", lambda _: deployment)
    return enter


def ticked(*rows: int) -> dict[str, str]:
    """Return the boxes of rows."""
    return {f"row.{row}": "1" for row in rows}


def replay(client: TestClient, *rows: int, why: str = WHY) -> tuple[int, str]:
    """Send the list's form; return the status and what the page says, without its marks."""
    answer = send(client, PAGE, f"{PAGE}/replay", why=why, **ticked(*rows))
    return answer.status_code, re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def states(city: City, *rows: int) -> list[str]:
    """Return how rows are."""
    found = dict(city.ask("select id, state from gateway.quarantine where id = any (%s)", (list(rows),)))
    return [found[row] for row in rows]


def replays_chained(city: City) -> int:
    """Return how many replays the chain has."""
    return int(city.ask("""select count(*) from gateway.receipt where body::jsonb ->> 'run' = 'replay'""")[0][0])


def test_each_row_is_judged_by_itself_and_told(desk: City, rows: list[int], mended: Enter) -> None:
    """A mended rule lets rows pass; one that somebody gave up meanwhile is refused, and does not stop those after it."""
    quarantine.discard(desk.deployment, rows[1], who="tester", why="测试数据作废")
    status, text = replay(mended(UNIT), *rows[:4])
    assert (status, states(desk, *rows[:4])) == (200, ["replayed", "discarded", "replayed", "replayed"])
    assert f"{rows[1]} ✗ 未办理 refused GW-" in text
    assert all(re.search(rf" {row} ✓ 已送出 carried 批次 batch \d+", text) for row in (rows[0], rows[2], rows[3]))
    assert replays_chained(desk) == 3
    bodies = desk.ask("""select body from gateway.receipt where body::jsonb ->> 'run' = 'replay'""")
    assert all('"who":"lisi"' in body and WHY in body for (body,) in bodies)


def test_rows_that_still_break_their_rule_stay(desk: City, rows: list[int], enter: Enter) -> None:
    """The code list was not mended: nothing moves, and the page names the rule's words for each."""
    status, text = replay(enter(ENGINEER, login="chenjing"), *rows[4:6])
    assert (status, states(desk, *rows[4:6])) == (200, ["open", "open"])
    assert text.count("△ 仍不合规则 still against a rule") == 2


REFUSED = [(0, "0 rows were chosen"), (21, "21 rows were chosen")]


@pytest.mark.parametrize(("number", "said"), REFUSED)
def test_none_and_too_many_are_refused(desk: City, rows: list[int], mended: Enter, number: int, said: str) -> None:
    """Before anything is done."""
    before = replays_chained(desk)
    status, text = replay(mended(ENGINEER), *rows[4 : 4 + number])
    assert ("GW-885" in text, said in text, replays_chained(desk)) == (True, True, before), (status, text)


def test_rows_of_several_rules_are_refused(desk: City, rows: list[int], mended: Enter) -> None:
    """One reason cannot hold for both."""
    desk.ask("update gateway.quarantine set rule = 'T-02' where id = %s", (rows[7],))
    _, text = replay(mended(ENGINEER), rows[6], rows[7])
    desk.ask("update gateway.quarantine set rule = 'T-01' where id = %s", (rows[7],))
    assert ("GW-885" in text, states(desk, rows[6], rows[7])) == (True, ["open", "open"])


def test_a_row_of_another_unit_among_them_stops_all(desk: City, rows: list[int], mended: Enter) -> None:
    """Nothing is done to the own ones either; who only oversees is refused."""
    desk.ask("update gateway.quarantine set owner = 'zjj' where id = %s", (rows[9],))
    status, _ = replay(mended(UNIT, login="lisi"), rows[8], rows[9])
    assert (status, states(desk, rows[8], rows[9])) == (404, ["open", "open"])
    assert "选 pick" not in mended(BUREAU).get(PAGE).text
    assert mended(BUREAU).post(f"{PAGE}/replay", data=ticked(rows[8])).status_code == 403
    desk.ask("update gateway.quarantine set owner = 'gaj' where id = %s", (rows[9],))


def test_without_a_reason_nothing_is_done(desk: City, rows: list[int], mended: Enter) -> None:
    """It would stand in the chain."""
    _, text = replay(mended(UNIT), rows[8], why=" ")
    assert ("GW-875" in text, states(desk, rows[8])) == (True, ["open"])


def test_a_hub_that_goes_away_stops_the_rest(
    desk: City, rows: list[int], mended: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first row was carried; each of the others is told as not done, without waiting for the hub again."""
    tried: list[int] = []

    def lost(deployment: object, row: int, **how: str) -> Outcome:
        tried.append(row)
        if len(tried) == 2:
            desk.ask("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'gateway%'")
            deployment = replace(mending, hub_dsn=mending.hub_dsn.replace(f":{port}", ":1"))
        return carried(deployment, row, **how)  # type: ignore[arg-type]

    carried, mending = carry.replay, frame.deployment()
    port = mending.hub_dsn.rsplit(":", 1)[1].split("/", 1)[0]
    monkeypatch.setattr(replays.carry, "replay", lost)
    _, text = replay(mended(UNIT), *rows[10:14])
    assert (tried, states(desk, *rows[10:14])) == (rows[10:12], ["replayed", "open", "open", "open"])
    assert text.count("✗ 未办理 refused GW-4") == 3


def test_a_chosen_row_that_is_no_number_is_not_chosen(desk: City, rows: list[int], mended: Enter) -> None:
    """Nor is one that no row can have."""
    found = {"row.1;drop table": "1", "row.-1": "1", f"row.{'9' * 30}": "1", "row.²": "1"}
    answer = send(mended(UNIT), PAGE, f"{PAGE}/replay", why=WHY, **found)
    assert ("0 rows were chosen" in answer.text, states(desk, rows[15])) == (True, ["open"])


def test_the_chain_still_holds(desk: City) -> None:
    """After all of it."""
    assert proof.verify(desk.deployment).ok
