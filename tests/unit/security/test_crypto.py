"""Keys: what is sealed opens with the right key only, what is signed verifies, nothing is shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.errors import SettingMissing
from gateway.security.crypto import Keys, verify_signature


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """Yield a fresh set of keys."""
    return Keys.create(tmp_path / "keys")


def test_sealed_rows_open_where_they_belong(keys: Keys) -> None:
    """A sealed row opens for its data set and for no other."""
    sealed = keys.seal("王小明".encode(), b"pop.person|pop")
    assert keys.open_sealed(sealed, b"pop.person|pop").decode() == "王小明"
    with pytest.raises(SettingMissing, match="unable to open a sealed row"):
        keys.open_sealed(sealed, b"legal.market_entity|legal")


def test_a_flipped_byte_is_refused(keys: Keys) -> None:
    """Sealed bytes that were changed do not open."""
    sealed = bytearray(keys.seal(b"row", b"x"))
    sealed[-1] ^= 1
    with pytest.raises(SettingMissing):
        keys.open_sealed(bytes(sealed), b"x")


def test_old_keys_still_open_and_verify_after_a_rotation(keys: Keys, tmp_path: Path) -> None:
    """A new key is used from now on; what older ones made stays readable."""
    sealed, (signature, key_id) = keys.seal(b"row", b"x"), keys.sign(b"m")
    keys.rotate("seal")
    keys.rotate("sign")
    fresh = Keys(tmp_path / "keys")
    assert fresh.open_sealed(sealed, b"x") == b"row"
    assert verify_signature(fresh.public_keys()[key_id], b"m", signature)
    assert fresh.sign(b"m")[1] != key_id


def test_key_files_are_private_and_never_shown(keys: Keys, tmp_path: Path) -> None:
    """Key files have mode 0600 and the repr tells the folder only."""
    assert {stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "keys").iterdir()} == {0o600}
    assert repr(keys) == "Keys('keys')"


def test_missing_keys_are_told_with_a_remedy(tmp_path: Path) -> None:
    """A deployment without keys says how to make them."""
    with pytest.raises(SettingMissing, match="there is no sign key"):
        Keys(tmp_path).sign(b"m")
