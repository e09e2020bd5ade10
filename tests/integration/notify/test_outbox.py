"""The outbox: what is queued goes out once, whatever fails in between, and no channel waits for another."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from gateway.deployment import Deployment
from gateway.errors import NotFound
from gateway.notify import contacts, outbox
from tests.integration import forked
from tests.integration.notify.conftest import PERSON, Post, message


def test_a_purpose_reaches_a_contact_once(post: Post) -> None:
    """Queued twice for one purpose it goes out once; a reminder of the same topic is another message."""
    who = post.contact()
    assert post.put(who, who) == [1, None]
    post.put(who, purpose="remind")
    assert post.deliver() == (2, 0, 0)
    assert post.deliver() == (0, 0, 0)
    assert post.put(who) == [None]
    assert len({mail["Message-ID"] for mail in post.mailbox.mails()}) == 2


def test_what_is_rolled_back_is_not_sent(post: Post) -> None:
    """A message belongs to the transaction that decided it."""
    who, hub = post.contact(), post.city.deployment.hub()
    outbox.put(hub, post.city.deployment.keys, message(), who, "announce")
    hub.rollback()
    hub.close()
    assert post.deliver() == (0, 0, 0)


def test_it_waits_sealed(post: Post) -> None:
    """The ledger's table shows no word of a message, and a message put into another's row does not open."""
    first, other = post.contact(), post.contact(address="lisi@gaj.example.gov.cn")
    post.put(first, other)
    stored = bytes(post.city.ask("select sealed from gateway.outbox limit 1")[0][0])
    assert "法人库".encode() not in stored
    post.city.ask(
        "update gateway.outbox set sealed = (select sealed from gateway.outbox where message = 1) where message = 2"
    )
    assert post.deliver() == (1, 1, 0)
    assert "GW-102" in post.tries()[1][3]


def test_a_failing_channel_does_not_keep_the_others(post: Post) -> None:
    """The mail server is away; robot, receiver and SMS platform get theirs, and later the mails go too."""
    to = [
        post.contact(),
        post.contact("wecom", "ROBOT"),
        post.contact("webhook", "HOOK"),
        post.contact("sms", PERSON[2]),
    ]
    post.put(*to)
    post.mailbox.stop()
    assert post.deliver() == (3, 1, 0)
    assert post.states() == ["waiting", "sent", "sent", "sent"]
    post.mailbox.start()
    assert post.deliver() == (0, 0, 0)
    post.at(0.1)
    assert post.deliver() == (1, 0, 0)
    assert sum(sent for _, _, sent, _ in post.tries()) == 4


def test_a_server_that_is_down_for_a_day_gets_everything_then(post: Post) -> None:
    """Tries come at growing distances, an hour at most, and one message a time asks for all of them."""
    to = [post.contact(address=f"user{i}@gaj.example.gov.cn") for i in range(5)]
    post.put(*to)
    post.mailbox.stop()
    for hour in range(24):
        post.at(hour)
        sent, _, dead = post.deliver()
        assert (sent, dead) == (0, 0)
    assert len(post.tries()) == 24  # one a round, not five
    post.mailbox.start()
    post.at(25)
    assert post.deliver() == (5, 0, 0)
    assert sorted(mail["To"] for mail in post.mailbox.mails()) == [f"user{i}@gaj.example.gov.cn" for i in range(5)]


def test_after_72_hours_it_is_given_up_with_what_to_do(post: Post) -> None:
    """All that waited for the account is given up together; a person sends it again when it works."""
    to = [post.contact(address=f"user{i}@gaj.example.gov.cn") for i in range(3)]
    post.put(*to)
    post.mailbox.stop()
    assert post.deliver() == (0, 1, 0)
    post.at(72)
    assert post.deliver() == (0, 0, 3)
    assert all("gateway outbox retry" in post.tries()[i][3] for i in (-1, -2))
    with post.city.deployment.hub(autocommit=True) as hub:
        assert outbox.dead(hub) == 3
    hub.close()
    post.mailbox.start()
    assert post.deliver() == (0, 0, 0)
    assert outbox.retry(post.city.deployment) == 3
    assert post.deliver() == (3, 0, 0)


def test_the_wait_doubles_up_to_an_hour(post: Post) -> None:
    """One minute, two, four … and never more than an hour."""
    post.put(post.contact())
    post.mailbox.stop()
    waits = []
    for _ in range(9):
        post.patch.setenv("GATEWAY_NOW", post.city.ask("select next_try from gateway.outbox")[0][0].isoformat())
        post.deliver()
        waits.append(
            post.city.ask(
                "select (next_try - max(tried_at)) from gateway.outbox join gateway.outbox_try using (message) group by next_try"
            )[0][0].total_seconds()
            / 60
        )
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_refused_recipient_is_given_up_alone(post: Post) -> None:
    """550 for one is final at once; 450 for another is tried again; the others have theirs; nothing tells the address."""
    to = [post.contact(address=f"{name}@gaj.example.gov.cn") for name in ("gone", "later", "fine")]
    post.mailbox.refusals = {
        "gone@gaj.example.gov.cn": "550 5.1.1 <gone@gaj.example.gov.cn>: unknown",
        "later@gaj.example.gov.cn": "450 4.2.1 greylisted",
    }
    post.put(*to)
    assert post.deliver() == (1, 1, 1)
    assert post.states() == ["dead", "waiting", "sent"]
    said = " ".join(answer for *_, answer in post.tries())
    assert "550" in said
    assert "greylisted" in said
    assert "gone@" not in said
    post.mailbox.refusals = {}
    post.at(1)
    assert post.deliver() == (1, 0, 0)


def test_an_ended_contact_gets_nothing_more(post: Post) -> None:
    """What waits for a contact that ended is given up, and says so."""
    who = post.contact()
    post.put(who)
    contacts.end(post.city.deployment, who, who="tester", why="岗位调整")
    assert post.deliver() == (0, 0, 1)
    assert "has ended" in post.tries()[0][3]
    assert post.mailbox.count() == 0


def test_an_unforeseen_failure_stops_nobody(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """A channel that breaks in a way nobody thought of is noted by the kind of failure alone, and tried again."""

    def broken(*_: object) -> None:
        raise KeyError(PERSON[1])

    monkeypatch.setattr("gateway.notify.sms.Sms.send", broken)
    post.put(post.contact("sms", PERSON[2]), post.contact())
    assert post.deliver() == (1, 1, 0)
    assert PERSON[1] not in post.tries()[0][3]
    assert "KeyError" in post.tries()[0][3]


def test_a_worker_killed_after_sending_sends_again_under_the_same_id(post: Post) -> None:
    """Between sent and noted nobody can know: the mail comes twice, and its Message-ID tells."""
    post.put(post.contact())
    assert forked.run(forked.deliveries, post.city, failpoint="notice").returncode == -9
    assert (post.states(), post.tries()) == (["waiting"], [])
    assert post.deliver() == (1, 0, 0)
    first, second = post.mailbox.mails()
    assert first["Message-ID"] == second["Message-ID"]


def test_a_thousand_with_a_restart_in_the_middle_reach_each_once(post: Post) -> None:
    """A worker is killed among 1,000 deliveries: none is lost, and at most the one it was at comes twice."""
    to = [post.contact(address="one@gaj.example.gov.cn")]
    post.put(*to)
    post.city.ask(
        "insert into gateway.contact (unit, name, channel, address) select 'gaj', '测试', 'mail', 'u' || g || '@gaj.example.gov.cn' from generate_series(1, 999) g"
    )
    rest = [number for (number,) in post.city.ask("select contact from gateway.contact where contact <> %s", (to[0],))]
    post.put(*rest)
    worker = forked.start(forked.deliveries, post.city)
    while post.mailbox.count() < 200:
        time.sleep(0.02)
    worker.process.kill()
    worker.wait()
    assert 200 <= post.states().count("sent") < 1000
    while post.city.ask(
        "select from pg_stat_activity where datname = current_database() and application_name like 'gateway outbox%'"
    ):
        time.sleep(0.02)  # what a dead worker held is free when the hub has noticed
    sent, waiting, dead = post.deliver()
    assert (waiting, dead) == (0, 0)
    assert sent + post.states().count("sent") >= 1000
    assert set(post.states()) == {"sent"}
    came = Counter((mail["To"], mail["Message-ID"]) for mail in post.mailbox.mails())
    assert len(came) == 1000
    assert sum(came.values()) - 1000 <= 1


def test_two_workers_share_and_send_nothing_twice(post: Post) -> None:
    """Two processes at once take different messages."""
    post.city.ask(
        "insert into gateway.contact (unit, name, channel, address) select 'gaj', '测试', 'mail', 'u' || g || '@gaj.example.gov.cn' from generate_series(1, 100) g"
    )
    post.put(*[number for (number,) in post.city.ask("select contact from gateway.contact")])
    both = [forked.start(forked.deliveries, post.city) for _ in range(2)]
    assert [worker.wait().returncode for worker in both] == [0, 0]
    assert post.mailbox.count() == 100
    assert set(post.states()) == {"sent"}


def test_without_an_account_messages_wait(post: Post) -> None:
    """No connection, or one that cannot be read: nothing is lost, the try says what to set, no secret is repeated."""
    post.put(post.contact())
    post.patch.delenv("GATEWAY_CONN_NOTIFY_MAIL")
    assert post.deliver() == (0, 1, 0)
    assert "GATEWAY_CONN_NOTIFY_MAIL" in post.tries()[0][3]
    post.patch.setenv("GATEWAY_CONN_NOTIFY_MAIL", "smtp://user:geheim@mail.example.gov.cn?from=a@b.cn")
    post.at(1)
    assert post.deliver() == (0, 1, 0)
    assert "geheim" not in str(post.tries())
    post.patch.setenv("GATEWAY_CONN_NOTIFY_MAIL", post.mailbox.dsn)
    post.at(2)
    assert post.deliver() == (1, 0, 0)


def test_retry_knows_what_is_not_there(post: Post) -> None:
    """A number of no message, or of one that was sent, is an error."""
    post.put(post.contact())
    post.deliver()
    for number in (1, 99):
        with pytest.raises(NotFound, match="not sent"):
            outbox.retry(post.city.deployment, number)


def test_nothing_tells_names_addresses_and_secrets(
    post: Post, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Logs, screens, tries and reprs know neither the person nor the password, when all goes well and when not."""
    caplog.set_level(0)
    secrets = (*PERSON, post.mailbox.secret, post.robot.setting("secret") or "", post.robot.setting("key") or "")
    who = [post.contact(), post.contact("wecom", "ROBOT"), post.contact("sms", PERSON[2])]
    post.put(*who)
    post.mailbox.refused = f"554 5.7.1 no mail for {PERSON[1]} from {post.mailbox.secret}"
    post.robot.errors.extend([45009, 5])
    post.deliver()
    deployment: Deployment = post.city.deployment
    with deployment.hub(autocommit=True) as hub:
        shown = [repr(c) + str(c.as_dict()) for c in contacts.listing(hub)] + [str(outbox.listing(hub))]
    hub.close()
    ours = [
        r.getMessage() for r in caplog.records if not r.name.startswith(("uvicorn", "mail.log"))
    ]  # not the stand-ins'
    said = "".join([*ours, *capfd.readouterr(), str(post.tries()), *shown])
    chain = str(post.city.ask("select body from gateway.receipt"))
    assert any("sms/send" in line for line in ours)  # everything is logged
    assert not [secret for secret in secrets if secret in said + chain]
