"""The quarantine at the desk: whose rows one sees, what is masked, and what a form does to a row."""

from __future__ import annotations

import pytest
from exchange_app import rights

from gateway.exchange import proof, transfer
from tests.acceptance.desk import AUDITOR, BUREAU, ENGINEER, UNIT, Enter, desk, enter, send
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures
COPY = (
    "insert into gateway.quarantine (dataset, source, route, batch_id, rule, owner, row_hash, masked, sealed, entered_at) "
    "select dataset, source, route, batch_id, %s, %s, g, masked, sealed, now() - make_interval(days => %s) "
    "from gateway.quarantine, generate_series(1, %s) g where id = %s"
)


@pytest.fixture(scope="module")
def rows(desk: City) -> list[int]:
    """Carry ten rows, five of them bad; return the numbers of the bad ones."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        desk.fill(10, bad=5)
        transfer.run(desk.deployment, "person_in")
    return [number for (number,) in desk.ask("select id from gateway.quarantine order by id")]


def state(city: City, row: int) -> str:
    """Return how a row is."""
    return str(city.ask("select state from gateway.quarantine where id = %s", (row,))[0][0])


def key_of(row: int, enter: Enter) -> str:
    """Return the key of a row, as somebody reads it who gives a reason."""
    page = f"/quarantine/{row}"
    text = send(enter(ENGINEER, login="chenjing"), page, f"{page}/unmask", why="核对来源").text
    return next(key for n in range(1, 11) if (key := f"P{n:08}") in text)


def test_rows_are_masked_and_say_why(rows: list[int], enter: Enter) -> None:
    """Reason, rule and owner in words; neither list nor row shows a key or a name."""
    for path in ("/quarantine", f"/quarantine/{rows[0]}"):
        text = enter(BUREAU).get(path).text
        assert all(words in text for words in ("性别代码无效", "T-01", "市公安局", "待处理"))
        assert "P0000000" not in text
        assert "张1" not in text


def test_a_unit_sees_its_own_rows_alone(rows: list[int], enter: Enter) -> None:
    """Of another unit's rows it learns nothing, by no address and no filter."""
    assert f"/quarantine/{rows[0]}" in enter(UNIT, login="lisi").get("/quarantine").text
    stranger = enter(UNIT, login="zhaoliu")
    assert "没有符合条件的行" in stranger.get("/quarantine?owner=gaj&state=all").text
    assert stranger.get(f"/quarantine/{rows[0]}").status_code == 404


@pytest.mark.parametrize("act", ["unmask", "replay", "discard"])
def test_a_unit_does_nothing_to_a_row_of_another(desk: City, rows: list[int], enter: Enter, act: str) -> None:
    """Its own form's token opens no other unit's row."""
    own = int(desk.ask(COPY + " returning id", ("T-01", "zjj", 0, 1, rows[0]))[0][0])
    answer = send(
        enter(UNIT, login="zhaoliu"), f"/quarantine/{own}", f"/quarantine/{rows[0]}/{act}", why="看一看别人的"
    )
    desk.ask("delete from gateway.quarantine where id = %s", (own,))
    assert (answer.status_code, state(desk, rows[0])) == (404, "open")


def test_who_oversees_and_belongs_to_a_unit_acts_on_its_rows_alone(desk: City, rows: list[int], enter: Enter) -> None:
    """Two roles together open no more than each: the rows of others are seen, and left alone."""
    both = enter(BUREAU, UNIT, login="zhaoliu")
    text = both.get(f"/quarantine/{rows[0]}").text
    assert ("性别代码无效" in text, "<form method" in text) == (True, False)
    given = rights.token(rights.Visitor("zhaoliu", "", frozenset()))
    answer = both.post(f"/quarantine/{rows[0]}/discard", data={"token": given, "why": "不是本单位的"})
    assert (answer.status_code, state(desk, rows[0])) == (404, "open")


BAD_EDITS = [
    ({"field0": "sex", "value0": "abc"}, "sex"),  # of another type
    ({"field0": "nothing", "value0": "1"}, "has no field nothing"),
    ({"field0": "name", "value0": "x\x00y"}, "name"),  # no text that can be stored
    ({"field0": "id", "value0": ""}, "id"),  # a key that is none
]


@pytest.mark.parametrize(("edit", "said"), BAD_EDITS)
def test_a_correction_that_is_none_is_told_at_the_form(
    desk: City, rows: list[int], enter: Enter, edit: dict[str, str], said: str
) -> None:
    """The row stays as it was, and nothing is an error of the server."""
    page = f"/quarantine/{rows[1]}"
    answer = send(enter(UNIT), page, f"{page}/replay", why="核实后更正", **edit)
    assert (answer.status_code, "GW-" in answer.text, said in answer.text) == (409, True, True)
    assert state(desk, rows[1]) == "open"


def test_who_oversees_cannot_act(rows: list[int], enter: Enter) -> None:
    """Bureau and auditor see masked rows and no form; what they send is refused."""
    for role in (BUREAU, AUDITOR):
        client = enter(role)
        assert "<form method" not in client.get(f"/quarantine/{rows[0]}").text.replace(
            '<form class="filter" method="get">', ""
        )
        assert client.post(f"/quarantine/{rows[0]}/unmask", data={"why": "想看一看"}).status_code == 403


def test_unmasking_needs_a_reason_and_stands_in_the_chain(desk: City, rows: list[int], enter: Enter) -> None:
    """Without one nothing is shown; with one the row is shown and who, what and why are chained, the values are not."""
    page = f"/quarantine/{rows[0]}"
    refused = send(enter(UNIT), page, f"{page}/unmask", why="  ")
    assert (refused.status_code, "P0000000" in refused.text) == (409, False)
    assert "P0000000" in send(enter(UNIT), page, f"{page}/unmask", why="来电核实身份").text
    bodies = desk.ask('select body from gateway.receipt where body like \'%"what":"unmask"%\' order by no desc limit 1')
    assert all(words in bodies[0][0] for words in ('"who":"lisi"', f'"row":{rows[0]}', "来电核实身份"))
    assert "P0000000" not in bodies[0][0]


def test_a_row_still_wrong_stays(desk: City, rows: list[int], enter: Enter) -> None:
    """Replayed as it is, it breaks its rule again, and the page says so."""
    page = f"/quarantine/{rows[1]}"
    answer = send(enter(UNIT), page, f"{page}/replay", why="代码表已更新")
    told = (
        answer.text
        if answer.status_code == 409
        else enter(UNIT).get(answer.headers["location"].removeprefix("/exchange")).text
    )
    assert "性别代码无效" in told
    assert state(desk, rows[1]) == "open"


def test_a_corrected_row_lands_in_the_hub(desk: City, rows: list[int], enter: Enter) -> None:
    """The unit edits the wrong field; the row passes every rule and is merged, and its entry names who and why."""
    page, key = f"/quarantine/{rows[2]}", key_of(rows[2], enter)
    answer = send(enter(UNIT), page, f"{page}/replay", why="来电核实性别", field0="sex", value0="2")
    assert answer.headers["location"].endswith(f"{page}?done=carried")
    assert desk.ask("select sex from hub.test_person where id = %s", (key,)) == [(2,)]
    assert state(desk, rows[2]) == "corrected"
    assert all(
        words in enter(UNIT).get(f"{page}?done=carried").text for words in ("已更正", "lisi", "来电核实性别", "已送出")
    )


def test_a_discarded_row_is_closed(desk: City, rows: list[int], enter: Enter) -> None:
    """Once; a second time it is told that there is no open row."""
    page = f"/quarantine/{rows[3]}"
    assert send(enter(UNIT), page, f"{page}/discard", why="测试数据作废").status_code == 303
    assert state(desk, rows[3]) == "discarded"
    assert "查看原值" in enter(UNIT).get(page).text
    assert send(enter(UNIT), page, f"{page}/discard", why="测试数据作废").status_code == 409


def test_pages_go_by_number_and_large_filters_are_bounded(desk: City, rows: list[int], enter: Enter) -> None:
    """Fifty rows a page, each once over all pages; more than a thousand are not counted; age and rule narrow."""
    desk.ask(COPY, ("old.rule", "gaj", 40, 1100, rows[4]))
    client, seen, path = enter(BUREAU), [], "/quarantine?rule=old.rule&age=30"
    while path:
        text = client.get(path).text
        assert "1,000+ 行" in text
        seen += [line.split('"')[0] for line in text.split('href="/exchange/quarantine/')[1:]]
        path = (
            text.split('href="/exchange')[-1].split('"')[0].replace("&amp;", "&")
            if "更早的行" in text and len(seen) < 150
            else ""
        )
    assert (len(seen), len(set(seen))) == (150, 150)
    assert "没有符合条件的行" in client.get("/quarantine?rule=old.rule&age=nonsense&route=other").text
    desk.ask("delete from gateway.quarantine where rule = 'old.rule'")


def test_the_chain_still_holds(desk: City) -> None:
    """After all of it."""
    assert proof.verify(desk.deployment).ok
