"""`gateway contact`, `gateway channel` and `gateway outbox` as their users run them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.deployment import Deployment
from gateway.notify import outbox
from sandbox.mailbox import Mailbox
from tests.integration.cli.conftest import Desk, desk, made
from tests.integration.notify.conftest import message

__all__ = ["desk", "made"]
WHO = ("--who", "tester")


@pytest.fixture
def mailbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """Yield the mail server of the deployment's account."""
    with Mailbox(tmp_path / "mail") as found:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", found.dsn)
        yield found


def test_a_contact_is_added_shown_masked_tried_and_ended(desk: Desk, mailbox: Mailbox) -> None:
    """Name and address are whole only where that is asked for; the decisions stand in the chain without them."""
    desk.run("contact", "add", "gxj", "张三丰", "mail", "zhangsanfeng@gxj.example.gov.cn", "--title", "科长", *WHO)
    (row,) = desk.read("contact", "list")
    assert (row["unit"], row["name"], row["address"], row["title"]) == ("gxj", "张**", "z***", "科长")
    assert "zhangsanfeng@gxj.example.gov.cn" in desk.run("contact", "list", "--unit", "gxj", "--reveal").stdout
    assert "answers: 250" in desk.run("channel", "test", "1").stdout
    assert mailbox.mails()[0]["Subject"].startswith("[测试]")
    desk.run("contact", "end", "1", "--why", "岗位调整", *WHO)
    assert desk.read("contact", "list") == []
    assert desk.read("contact", "list", "--ended")[0]["until"]
    assert "has ended" in desk.run("channel", "test", "1", code=1).stderr
    whats = [entry["body"]["what"] for entry in desk.read("receipts", "list") if entry["kind"] == "decision"]
    assert whats == ["contact end", "contact add"]
    assert "zhang" not in desk.run("receipts", "list", "--json").stdout
    assert desk.read("receipts", "verify")["ok"]


REFUSED = (
    (("xxx", "张三丰", "mail", "a@b.cn"), "there is no unit xxx"),
    (("gxj", "张三丰", "fax", "1"), "there is no channel"),
    (("gxj", "张三丰", "mail", "zhang@nowhere"), "does not suit channel mail"),
    (("gxj", " ", "mail", "a@b.cn"), "name or title"),
    (("gxj", "张三丰", "wecom", "ROBOT_GXJ"), "GATEWAY_CONN_ROBOT_GXJ"),  # reached by nothing
    (("gxj", "张三丰", "sms", "13812345678"), "GATEWAY_CONN_NOTIFY_SMS"),
)


def test_a_contact_that_cannot_be_reached_is_refused(desk: Desk) -> None:
    """With what is wrong and a hint; nothing is added."""
    for arguments, words in REFUSED:
        said = desk.run("contact", "add", *arguments, *WHO, code=1).stderr
        assert words in said
        assert "HINT" in said
    assert desk.read("contact", "list") == []


def test_an_address_is_a_units_once(desk: Desk, mailbox: Mailbox) -> None:
    """Twice on one channel is refused; after its end it may come again."""
    add = ("contact", "add", "gxj", "张三丰", "mail", "zhang@gxj.example.gov.cn", *WHO)
    assert mailbox.count() == 0
    desk.run(*add)
    assert "GW-703" in desk.run(*add, code=1).stderr
    desk.run("contact", "end", "1", "--why", "换人", *WHO)
    assert "GW-406" in desk.run("contact", "end", "1", "--why", "换人", *WHO, code=1).stderr
    desk.run(*add)
    assert len(desk.read("contact", "list")) == 1


def test_what_was_given_up_is_seen_and_sent_again(
    desk: Desk, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list tells what the other side said; retry makes it due, by number or all."""
    desk.run("contact", "add", "gxj", "张三丰", "mail", "zhang@gxj.example.gov.cn", *WHO)
    monkeypatch.setenv("GATEWAY_HOME", str(desk.folder / ".gateway"))
    monkeypatch.setenv("GATEWAY_CATALOG", str(desk.folder / "catalog"))
    deployment = Deployment.open()
    with deployment.hub() as hub:
        outbox.put(hub, deployment.keys, message(), 1, "announce")
    hub.close()
    mailbox.refused = "554 5.7.1 not today"
    assert outbox.deliver(deployment).as_dict() == {"sent": 0, "waiting": 0, "dead": 1}
    (row,) = desk.read("outbox", "list", "--state", "dead")
    assert "554" in row["answer"]
    assert "gateway outbox retry" in row["answer"]
    assert "waiting, sent, dead" in desk.run("outbox", "list", "--state", "lost", code=2).stderr
    assert "give --all-dead" in desk.run("outbox", "retry", code=2).stderr
    mailbox.refused = None
    assert "1 messages" in desk.run("outbox", "retry", "--all-dead").stdout
    assert outbox.deliver(deployment).sent == 1
    assert desk.read("outbox", "list", "--state", "dead") == []
    assert "GW-406" in desk.run("outbox", "retry", "1", code=1).stderr
