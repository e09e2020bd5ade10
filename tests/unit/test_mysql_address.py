"""The connection secret of a MySQL server: what is understood, what is refused, and that nothing of it is repeated."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from gateway.errors import SettingMissing
from gateway.mysql_address import address, is_mysql


def test_every_part_is_understood() -> None:
    """Percent-encoded characters come back, and what is not said is the default."""
    found = address("peer", "mysql://us%40er:p%40ss%3Aw%C3%B6rd%2F@127.0.0.1:3307/front")
    assert (found.host, found.port, found.database) == ("127.0.0.1", 3307, "front")
    assert (found.user, found.password, found.tls) == ("us@er", "p@ss:wörd/", None)
    assert address("peer", "mysql://user@localhost/front").port == 3306
    assert is_mysql("mysql://user@localhost/front")
    assert not is_mysql("postgresql://user@localhost/front")


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("front.example", False),  # over a network nothing goes in clear
        ("10.1.2.3", False),
        ("localhost.example", False),
    ],
)
def test_other_hosts_are_always_verified(host: str, plain: bool) -> None:
    """Only this machine is spoken to without TLS; elsewhere certificate and name are verified, and no option undoes it."""
    tls = address("peer", f"mysql://user:secret@{host}/front").tls
    if plain:
        assert tls is None
    else:
        assert tls is not None
        assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://user:s3cret@host",  # no database
        "mysql://user:s3cret@host/front/more",
        "mysql://user:s3cr@et@host/front",  # which part is the host?
        "mysql://:s3cret@host/front",  # no user
        "mysql://user:s3cret@host:port/front",
        "mysql://user:s3cret@host/front?ssl=0",  # no option turns the verification off
        "mysql://user:s3cret@host/front?ca=",
        "mysql://user:s3cret@host/front?ca=/a&ca=/b",
        "mysql://user:s3cret@host/front#s3cret",
        "mysql://user:s3 cret@host/front",
        "mysql://user:s3cret%ff@host/front",  # not UTF-8
        "mysql:///front",
        "mysql://user:s3cret@host/front?ca=/nowhere/s3cret.pem",  # no such file
    ],
)
def test_malformed_secret_is_never_repeated(dsn: str) -> None:
    """What cannot be used is told without any part of it."""
    with pytest.raises(SettingMissing) as error:
        address("peer", dsn)
    assert "peer" in str(error.value)
    assert error.value.hint
    assert "s3cr" not in f"{error.value}{error.value!r}"
    assert error.value.__suppress_context__


def test_secret_is_not_shown(tmp_path: Path) -> None:
    """User and password are not part of what is printed; a file that holds no certificate is refused."""
    assert "s3cret" not in repr(address("peer", "mysql://name:s3cret@localhost/front"))
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingMissing, match="certificates"):
        address("peer", f"mysql://name:s3cret@localhost/front?ca={tmp_path}/ca.pem")
