"""The benchmark's line of notices: messages queued and sent by SMTP, a worker killed among them, against sending the same alone.

`python -m sandbox.bench_notices FOLDER` is the mail server, until its standard input ends; its CPU is not counted, for it is
the peer's. `… FOLDER deliver` is the worker that is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.parser import BytesHeaderParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.deployment import Deployment
from gateway.model import Catalog
from gateway.notify import channels, outbox
from gateway.notify.channel import Envelope, message_id
from gateway.notify.message import Message
from gateway.security.crypto import Keys
from sandbox import meter
from sandbox.mailbox import Mailbox

_MODULE = [sys.executable, "-m", "sandbox.bench_notices"]


def notices(city: meter.Bench, count: int = 10_000) -> dict[str, Any]:
    """Compare queueing and sending `count` messages, each recorded, with a restart in the middle, with only sending them."""
    with TemporaryDirectory(prefix="gateway-mail-") as name, _server(Path(name)) as dsn:
        folder = Path(name)
        os.environ |= {"GATEWAY_CONN_NOTIFY_MAIL": dsn, "GATEWAY_HUB_DSN": city.hub_dsn}

        def between() -> None:
            city.ask("delete from gateway.outbox_try; delete from gateway.outbox; delete from gateway.contact")
            city.ask("insert into gateway.contact (unit, name, channel, address) "
                     f"select 'bench', '测试', 'mail', 'u' || g || '@bench.example.gov.cn' from generate_series(1, {count}) g")  # fmt: skip
            for mail in folder.glob("*.eml"):
                mail.unlink()

        def limit() -> None:
            with closing(channels.open_channel("mail", "", city.deployment.resolve)) as mail:
                for number in range(count):
                    address = f"u{number + 1}@bench.example.gov.cn"
                    mail.send(Envelope(_MESSAGE, address, message_id("bench", number, "limit")))
            meter.check(_came(folder) == (count, 0), "mails sent alone")

        def ours() -> None:
            _queue(city, count)
            _killed_in_the_middle(folder, count)
            while outbox.deliver(city.deployment).sent or _waiting(city):
                pass
            meter.check(_came(folder)[0] == count and _came(folder)[1] <= 1, "each mail once, one twice at most")

        return city.pairs(f"notices.{count // 1000}k", 1, limit, ours, between)


_MESSAGE = Message(
    "bench", "[结构变更通知] 测试", "法人库.市场主体基本信息 12月15日起变更\n" * 20, "法人库12月15日起变更"
)


def _queue(city: meter.Bench, count: int) -> None:
    with closing(city.deployment.hub(name="bench")) as hub, hub, hub.cursor() as cursor:
        cursor.execute("select contact from gateway.contact")
        queued = [outbox.put(hub, city.deployment.keys, _MESSAGE, contact, "bench") for (contact,) in cursor.fetchall()]
    meter.check(len(queued) == count and None not in queued, "messages queued")


def _killed_in_the_middle(folder: Path, count: int) -> None:
    with subprocess.Popen([*_MODULE, str(folder), "deliver"]) as worker:
        while _sent(folder) < count // 2 and worker.poll() is None:
            time.sleep(0.1)
        worker.kill()
    meter.check(worker.returncode == -9, "a worker killed in the middle")


def _waiting(city: meter.Bench) -> bool:
    """Tell whether anything waits, which may be held for a moment for the dead worker."""
    return bool(city.ask("select from gateway.outbox where state = 'waiting' limit 1"))


def _sent(folder: Path) -> int:
    return sum(1 for _ in os.scandir(folder))


def _came(folder: Path) -> tuple[int, int]:
    """Return how many different messages came, and how many came once more."""
    parser, names = BytesHeaderParser(), []
    for mail in folder.glob("*.eml"):
        with mail.open("rb") as file:
            names.append(parser.parse(file)["Message-ID"])
    return len(set(names)), len(names) - len(set(names))


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    with subprocess.Popen([*_MODULE, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def _deliver() -> None:
    """Deliver as a worker does, from the environment that the benchmark set."""
    catalog = Catalog(
        city="", english="", division="130800", root=Path(), units={}, platforms={}, datasets={}, routes={}, terms={}
    )
    keys = Keys(Path(os.environ["GATEWAY_HOME"]) / "keys")
    outbox.deliver(Deployment(catalog, os.environ["GATEWAY_HUB_DSN"], keys))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _deliver()
    else:
        with Mailbox(Path(sys.argv[1])) as mailbox:
            print(mailbox.dsn, flush=True)
            sys.stdin.read()
