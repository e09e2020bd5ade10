"""What is wrong is told once to whoever answers for it, stays silent in declared maintenance, and is told when it is over.

One hub and one source live through the module; each test begins with empty tables and an empty mailbox.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from backup import alarms as backup_alarms
from backup import keys
from gateway.alarms import machine, routes, watch
from gateway.alarms.alarm import LATE, SILENT, Look, Wrong
from gateway.deployment import Deployment
from gateway.embedded import Server
from gateway.errors import GatewayError, HubUnavailable
from gateway.exchange import carry
from gateway.model import SlaTerm, Unit
from gateway.notify import outbox
from gateway.security.crypto import Keys
from gateway.sla import agreements, dockets
from sandbox.mailbox import Mailbox
from tests.command_line import invoke
from tests.integration.conftest import CREATE, City, _ask, _ask_admin, _catalog

HOURLY = SlaTerm("hourly", "每小时", 70, 9000)  # ten minutes for each slot
AWAY = "postgresql://nobody@127.0.0.1:1/none"
UNIT, BUREAU = "wang@gaj.example.invalid", "liu@gxj.example.invalid"
_EMPTY = """
truncate gateway.alarm, gateway.outbox, gateway.outbox_try, gateway.sla_event, gateway.agreement, gateway.docket, gateway.docket_event,
         gateway.sla_run, gateway.batch, gateway.backup_incident, gateway.route_state, gateway.incident, gateway.hold, gateway.route_structure cascade;
insert into gateway.sla_run select coalesce(max(no), 0), 'before', '', false, '', 0, null, now(), null, now(), now(), 0, 0, 0 from gateway.receipt
"""


@dataclass
class Office:
    """The city, its mails, and the looks that a test asks for beside the usual ones."""

    city: City
    mailbox: Mailbox

    def watch(self, *more: Look, deployment: Deployment | None = None) -> list[tuple[str, str]]:
        """Look at everything and send what is to be told; return kind and subject of what is wrong."""
        found = watch.watch(deployment or self.city.deployment, more)
        outbox.deliver(self.city.deployment)
        return [(row["kind"], row["subject"]) for row in found]

    def told(self) -> list[tuple[str, str]]:
        """Return to whom what was sent since the last time, and forget it."""
        found = [(str(mail["To"]), str(mail["Subject"])) for mail in self.mails()]
        for path in self.mailbox.folder.glob("*.eml"):
            path.unlink()
        return found

    def mails(self) -> list[EmailMessage]:
        """Return the mails that lie there."""
        return self.mailbox.mails()

    def promise(self, ago: timedelta, term: SlaTerm = HOURLY) -> Office:
        """Return the office with an hourly route whose last slot was so long ago, and the first one expected."""
        now = datetime.now(UTC)
        city = self.city.with_route(sla=term, schedule=f"{(now - ago).minute} * * * *")
        with city.deployment.hub() as hub:
            agreements.sync(hub, city.deployment.catalog, now - timedelta(minutes=70))
        hub.close()
        return replace(self, city=city)

    def carry(self, deployment: Deployment | None = None) -> None:
        """Let the route run once, well or not."""
        carry.run(deployment or self.city.deployment, "person_in")

    def away(self) -> Deployment:
        """Return the deployment with a platform that does not answer."""
        return replace(self.city.deployment, resolve=lambda name: None if name == "NOTIFY_MAIL" else AWAY)

    def try_in_vain(self, times: int = 1) -> None:
        """Let the route run while its platform is away."""
        for _ in range(times):
            with pytest.raises(GatewayError):
                self.carry(self.away())


@pytest.fixture(scope="module")
def place(servers: tuple[Server, Server], prepared: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Yield a city with two units that somebody answers for."""
    name, home = f"a{uuid.uuid4().hex[:12]}", tmp_path_factory.mktemp("alarms")
    _ask_admin(servers[0], f"create database {name} template {prepared}")
    servers[1].create_database(name)
    hub_dsn, source_dsn = servers[0].dsn(name), servers[1].dsn(name)
    catalog = replace(
        _catalog(), bureau="gxj", units={u: Unit(u, n) for u, n in (("gaj", "公安局"), ("gxj", "工信局"))}
    )
    with (
        pytest.MonkeyPatch.context() as patch,
        Mailbox(home / "mails") as mailbox,
        closing(psycopg2.connect(hub_dsn)) as hub,
        closing(psycopg2.connect(source_dsn)) as source,
    ):
        hub.autocommit = source.autocommit = True
        patch.setenv("GATEWAY_HOME", str(home))
        known = {"SOURCE": source_dsn, "NOTIFY_MAIL": mailbox.dsn}
        _ask(source, CREATE)
        deployment = Deployment(catalog, hub_dsn, Keys.create(home / "keys"), known.get)
        for unit, address in (("gaj", UNIT), ("gxj", BUREAU)):
            _ask(
                hub,
                "insert into gateway.contact (unit, name, channel, address) values (%s, '某某', 'mail', %s)",
                (unit, address),
            )
        yield Office(City(deployment, source, hub, source_dsn, home, servers), mailbox)
    for server in servers:
        _ask_admin(server, f"drop database {name} with (force)")


@pytest.fixture
def office(place: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Return the office with nothing in it."""
    monkeypatch.setenv("GATEWAY_HOME", str(place.city.home))
    monkeypatch.setenv("GATEWAY_HUB_DSN", place.city.deployment.hub_dsn)
    place.city.ask(_EMPTY)
    place.city.ask("truncate hub.test_person")
    place.city.ask_source("truncate person")
    place.told()
    return place


def test_all_is_well_and_nobody_is_told(office: Office) -> None:
    """No promise, no try, no message."""
    assert office.watch() == []
    assert office.told() == []


def test_nothing_ran_is_told_once_to_the_bureau_and_its_end_too(office: Office) -> None:
    """Whose DAG is paused misses its slot; the message says since when and what to do; the next run ends it."""
    office = office.promise(timedelta(minutes=15))
    assert office.watch() == office.watch() == [("silent", "person_in")]
    (mail,) = office.mails()
    assert (mail["To"], mail["Subject"]) == (BUREAU, "[告警] 到时无人执行：person_in")
    text = mail.get_body().get_content()  # type: ignore[union-attr]
    minute = int(office.city.deployment.catalog.routes["person_in"].schedule.split()[0])
    assert f":{minute:02}" in text.split("自 since：")[1].splitlines()[0]
    assert "gateway route show person_in" in text
    assert len(office.told()) == 1
    office.city.fill(3)
    office.carry()
    assert office.watch() == office.watch() == []
    assert office.told() == [(BUREAU, "[已恢复] 到时无人执行：person_in")]


def test_what_a_platform_does_not_give_is_told_to_its_unit(office: Office) -> None:
    """It was tried and the platform was away: its unit acts, not the gateway's."""
    office = office.promise(timedelta(minutes=15))
    office.try_in_vain()
    assert office.watch() == [("late", "person_in")]
    ((to, subject),) = office.told()
    assert (to, subject) == (UNIT, "[告警] 到时未送达：person_in")


def test_tries_in_vain_become_an_alarm_at_the_third(office: Office) -> None:
    """A fault that may pass has three tries; one batch that comes ends it."""
    office.try_in_vain(2)
    assert office.watch() == []
    office.try_in_vain()
    assert office.watch() == [("failing", "person_in")]
    office.city.fill(3)
    office.carry()
    assert office.watch() == []
    assert office.told() == [(UNIT, "[告警] 连续失败：person_in"), (UNIT, "[已恢复] 连续失败：person_in")]


def test_a_fault_that_a_person_must_mend_is_told_at_once(office: Office) -> None:
    """The source's table lost a column: trying again is of no use."""
    office.city.ask_source("alter table person rename column amount to sum")
    try:
        with pytest.raises(GatewayError):
            office.carry()
        assert ("failing", "person_in") in office.watch()
    finally:
        office.city.ask_source("alter table person rename column sum to amount")


def test_misses_that_are_used_up_are_told(office: Office) -> None:
    """Where nothing may be late, one late delivery is too much; the alarm says how many of how many."""
    office = office.promise(timedelta(minutes=30), replace(HOURLY, on_time_bp=10_000))
    office.city.fill(3)
    office.carry()
    assert office.watch() == [("burning", "person_in")]
    (mail,) = office.mails()
    assert mail["To"] == BUREAU  # who kept it waiting was the gateway
    assert "1 late of 0 allowed" in mail.get_body().get_content()  # type: ignore[union-attr]


def test_maintenance_that_was_filed_mutes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed and not told while the docket stands; withdrawn, it is told."""
    office = office.promise(timedelta(minutes=-5))
    now = datetime.now(UTC)
    no = dockets.file(
        office.city.deployment, "exempt", "person_in", now + timedelta(minutes=1), now + timedelta(minutes=30),
        reason="maintenance", words="平台升级", who="tester",
    )  # fmt: skip
    monkeypatch.setenv("GATEWAY_NOW", (now + timedelta(minutes=20)).isoformat())
    assert office.watch() == [("silent", "person_in")]
    assert office.told() == []
    dockets.withdraw(office.city.deployment, no, words="未升级", who="tester")
    assert office.watch() == [("silent", "person_in")]
    assert office.told() == [(BUREAU, "[告警] 到时无人执行：person_in")]


def test_one_message_tells_an_owner_everything(office: Office) -> None:
    """Three things of one unit come in one mail; a unit that nobody answers for leaves its own to the bureau."""
    wrong = [Wrong("disk", name, unit, name, "x") for name, unit in (("a", "gaj"), ("b", "gaj"), ("c", "nobody"))]
    office.watch(Look("more", (), lambda _: wrong))
    assert office.told() == [(UNIT, "[告警] 磁盘空间不足：a 等2项"), (BUREAU, "[告警] 磁盘空间不足：c")]


def test_an_alarm_that_nobody_answers_for_waits_until_somebody_does(office: Office) -> None:
    """A bureau without a contact is told when it has one; nothing is lost meanwhile."""
    found = Look("more", ("disk",), lambda _: [Wrong("disk", "a", "nobody", "s", "h")])
    office.city.ask("update gateway.contact set until = now() where unit = 'gxj'")
    try:
        assert office.watch(found) == [("disk", "a")]
        assert office.told() == []
    finally:
        office.city.ask("update gateway.contact set until = null where unit = 'gxj'")
    assert office.watch(found) == [("disk", "a")]
    assert office.told() == [(BUREAU, "[告警] 磁盘空间不足：a")]


def test_a_look_that_fails_ends_no_alarm_and_is_one_itself(office: Office) -> None:
    """Nobody can tell is not well; what was wrong stays wrong."""

    def fails(_: Deployment) -> list[Wrong]:
        raise HubUnavailable("no answer", "wait")

    seen, blind = (
        Look("more", ("expiring",), find) for find in (lambda _: [Wrong("expiring", "k", "gaj", "s", "h")], fails)
    )
    assert office.watch(seen) == [("expiring", "k")]
    assert sorted(office.watch(blind)) == [("expiring", "k"), ("unseen", "more")]
    assert office.watch(Look("more", ("expiring",), lambda _: [])) == []


def test_a_slot_that_nobody_reads_is_told_until_it_is_dropped(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """WAL waits behind it until a disk is full."""
    monkeypatch.setattr(machine, "LAG_BYTES", 1)
    office.city.ask("select pg_create_physical_replication_slot('forgotten', true)")
    try:
        office.city.ask("select pg_switch_wal()")
        assert office.watch() == [("slot", "forgotten")]
    finally:
        office.city.ask("select pg_drop_replication_slot('forgotten')")
    assert office.watch() == []
    assert [subject for _, subject in office.told()] == [
        "[告警] 复制槽积压：forgotten",
        "[已恢复] 复制槽积压：forgotten",
    ]


def test_a_full_disk_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder has so much room."""
    monkeypatch.setattr(machine, "FREE_BYTES", 1 << 62)
    assert office.watch() == [("disk", "GATEWAY_HOME")]


def _certificate(path: Path, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("days", "found"), [(29, [("expiring", "pop sslrootcert")]), (31, [])])
def test_a_certificate_is_told_a_month_ahead(office: Office, tmp_path: Path, days: int, found: Any) -> None:
    """The file that a platform's connection names is read; its unit is told."""
    dsn = f"{AWAY}?sslrootcert={_certificate(tmp_path / 'ca.pem', days)}"
    elsewhere = replace(office.city.deployment, resolve=lambda _: dsn)
    assert office.watch(deployment=elsewhere) == found


@pytest.mark.parametrize(("days", "told"), [(20, True), (40, False)])
def test_a_seal_key_is_told_a_month_ahead(office: Office, tmp_path: Path, days: int, told: bool) -> None:
    """Else backups stop on the day after its last."""
    folder = tmp_path / "catalog" / "backups"
    folder.mkdir(parents=True)
    (folder / "p.yaml").write_text(
        "plan: p\nname: 计划\nunit: gaj\nsource: {engine: hub}\nschedule: manual\nseal: {recipients: [KEY], identity: ID}\n"
        "repositories: [{repository: near, connection: NEAR}]\nkeep: {daily: 1}\npromise: {rpo: 1d, rto: 1h}\ndrill: {schedule: manual}\n",
        encoding="utf-8",
    )
    _, text = keys.create((datetime.now(UTC) + timedelta(days=days)).date())
    catalog = replace(office.city.deployment.catalog, root=tmp_path / "catalog")
    found = backup_alarms.recipients(replace(office.city.deployment, catalog=catalog, resolve=lambda _: text))
    assert [wrong.subject for wrong in found] == ["p KEY"] * told


def test_a_run_that_takes_too_long_is_told_until_one_ends(office: Office) -> None:
    """Airflow says it; the ledger knows when a run of the route came to its end."""
    begun = datetime.now(UTC) - timedelta(hours=1)
    wrong = routes.overrun(office.city.deployment.catalog, "person_in", "manual__1", begun, 60)
    for _ in range(2):
        watch.raise_one(office.city.deployment, wrong)
    assert office.watch() == [("overrun", "person_in")]
    office.city.fill(1)
    office.carry()
    assert office.watch() == []
    assert [subject for _, subject in office.told()] == ["[告警] 运行超时：person_in", "[已恢复] 运行超时：person_in"]


def test_the_list_has_what_backups_note_themselves(office: Office) -> None:
    """One list of what is wrong, whoever tells of it."""
    office.city.ask(
        "insert into gateway.backup_incident (plan, unit, kind, said, opened_at) values ('hub_daily', 'gxj', 'unproven', 'x', now())"
    )
    assert office.watch() == [("unproven", "hub_daily")]
    assert office.told() == []
    listed = invoke("alarm", "list", "--json")
    assert (listed.exit_code, '"unproven"' in listed.stdout) == (0, True), listed.output


def test_late_and_silent_are_kinds_of_one_look() -> None:
    """What was late and is tried no more changes its kind: one ends, the other begins."""
    assert next(look for look in watch.LOOKS if LATE in look.kinds).kinds == (LATE, SILENT)
