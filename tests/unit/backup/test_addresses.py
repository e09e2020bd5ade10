"""Addresses of repositories: what can be used, and that nothing of one is ever repeated."""

from __future__ import annotations

import pytest

from backup.repositories import open_repository
from gateway.errors import SettingMissing

PIN = "host_key=SHA256:" + "A" * 43

GOOD = [
    "file:///backup/gateway",
    # a percent-encoded password, a port, two pins while the server's key is changed
    f"sftp://gw:p%40ss@nas.example:2222/gw?{PIN}&host_key=SHA256:{'B' * 43}",
    # a bucket without a prefix
    "s3://id:secret@s3.example/bucket",
    "s3://id:secret@s3.example:9000/bucket/city/a?region=cn-north-1&lock_days=35&ca=/etc/ca.pem",
    # without TLS on this machine alone
    "s3://id:secret@127.0.0.1:9000/bucket?tls=off",
    "s3://id:secret@[::1]:9000/bucket?tls=off",
]


@pytest.mark.parametrize("url", GOOD)
def test_an_address_is_taken_without_connecting(url: str) -> None:
    """Opening asks nobody: a repository that is away is told when it is used. No secret stands in what it says of itself."""
    assert "secret" not in repr(open_repository(url)) + repr(vars(open_repository(url)))


BAD = [
    # no address at all
    ("", "malformed"),
    ("secret", "malformed"),
    # an unknown kind
    ("ftp://gw:secret@nas.example/gw", "malformed"),
    # the root of the machine, another host's folder, a query that a folder has not
    ("file:///", "malformed"),
    ("file://host/secret", "malformed"),
    ("file:///secret?lock_days=3", "malformed"),
    ("file:secret", "malformed"),
    # no user, nothing to prove who it is, an unknown name, a fragment
    (f"sftp://nas.example/gw?{PIN}", "malformed"),
    (f"sftp://gw@nas.example/gw?{PIN}", "malformed"),
    (f"sftp://gw:secret@nas.example/gw?{PIN}&auto_add=1", "malformed"),
    (f"sftp://gw:secret@nas.example/gw?{PIN}#x", "malformed"),
    (f"sftp://gw:secret@nas.example:port/gw?{PIN}", "malformed"),
    # a server that would be taken on trust
    ("sftp://gw:secret@nas.example/gw", "names no host_key=SHA256"),
    ("sftp://gw:secret@nas.example/gw?host_key=ssh-ed25519", "names no host_key=SHA256"),
    # no bucket, no key
    ("s3://id:secret@s3.example/", "malformed"),
    ("s3://id@s3.example/bucket", "malformed"),
    # secrets over a line that anybody hears
    ("s3://id:secret@s3.example/bucket?tls=off", "elsewhere than on this machine sets tls=off"),
    ("s3://id:secret@127.0.0.1/bucket?tls=no", "sets tls=off"),
    # no number of days
    ("s3://id:secret@s3.example/bucket?lock_days=-1", "lock_days"),
    ("s3://id:secret@s3.example/bucket?lock_days=99999", "lock_days"),
]


@pytest.mark.parametrize(("url", "words"), BAD)
def test_a_bad_address_is_refused(url: str, words: str) -> None:
    """What cannot be used is refused before anything connects, and none of it is repeated."""
    with pytest.raises(SettingMissing, match=words) as caught:
        open_repository(url)
    assert "secret@" not in caught.value.message
    assert "nas.example" not in caught.value.message


def test_a_key_file_must_be_one() -> None:
    """A private key that cannot be read is told as a setting, without its path's neighbours."""
    repository = open_repository(f"sftp://gw@nas.example/gw?{PIN}&key=/dev/null")
    with pytest.raises(SettingMissing, match="names a key file that cannot be used"):
        list(repository.manifests())
