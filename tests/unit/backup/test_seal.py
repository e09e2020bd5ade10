"""What sealed streams keep to themselves, and that nothing changed is ever handed out."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from typing import Any, BinaryIO, cast

import pyrage
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import keys, seal
from backup.ports import Sealer
from backup.seal import container
from gateway.errors import BackupFailed, GatewayError, SealKeyRefused, Tampered

OWN = ("aes-256-gcm", "sm4-gcm")
IDENTITY, RECIPIENT = keys.create()
CUSTODIAN, SECOND = keys.create()
STRANGER, _ = keys.create()
SHARE = st.floats(0, 1, exclude_max=True)  # of a stream: its length differs from one sealing to the next
WHOLE = container.CHUNK + container.TAG


def _sealed(plain: bytes, profile: str = "age") -> bytes:
    out = io.BytesIO()
    seal.sealer(profile, {"drill": RECIPIENT, "custodian": SECOND}).seal(io.BytesIO(plain), out)
    return out.getvalue()


def _opened(sealed: bytes, profile: str = "age", identity: str = IDENTITY) -> bytes:
    out = io.BytesIO()
    seal.opener(profile, identity).open(io.BytesIO(sealed), out)
    return out.getvalue()


def _refused(sealed: bytes, profile: str) -> GatewayError:
    """Return the error of opening, having seen that nothing was handed out."""
    out = io.BytesIO()
    with pytest.raises((Tampered, SealKeyRefused)) as caught:
        seal.opener(profile, IDENTITY).open(io.BytesIO(sealed), out)
    assert out.getvalue() == b""
    return caught.value


def _container(plain: bytes, profile: str) -> tuple[bytes, list[bytes]]:
    """Return the header and the chunks of a container that holds `plain` as it is."""
    out = io.BytesIO()
    container.encrypt(io.BytesIO(plain), out, [RECIPIENT], profile)
    body = out.getvalue()
    start = 18 + int.from_bytes(body[16:18])
    return body[:start], [body[i : i + WHOLE] for i in range(start, len(body), WHOLE)]


def _decrypted(body: bytes, profile: str) -> bytes:
    out = io.BytesIO()
    container.decrypt(io.BytesIO(body), out, keys.identities(IDENTITY), profile)
    return out.getvalue()


class _Never(io.RawIOBase):
    """A stream whose reading or writing fails after some bytes, as a full disk or a lost mount does."""

    def __init__(self, error: OSError, after: int) -> None:
        self._error, self._left = error, after

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        self._left -= size
        if self._left < 0:
            raise self._error
        return os.urandom(size)

    def write(self, data: Any) -> int:
        self._left -= len(data)
        if self._left < 0:
            raise self._error
        return len(data)


@pytest.mark.parametrize("profile", seal.PROFILES)
@given(plain=st.binary(max_size=5000), times=st.sampled_from([1, 1, 1, 700]))
@settings(max_examples=25)
def test_what_was_sealed_comes_out_by_either_identity(profile: str, plain: bytes, times: int) -> None:
    """Every profile gives back the bytes, to each of the recipients; sizes and hashes are those of both forms."""
    out = io.BytesIO()
    told = seal.sealer(profile, {"drill": RECIPIENT, "custodian": SECOND}).seal(io.BytesIO(plain * times), out)
    sealed = out.getvalue()
    assert _opened(sealed, profile) == _opened(sealed, profile, CUSTODIAN) == plain * times
    assert (told.plain_bytes, told.plain_sha256) == (len(plain) * times, hashlib.sha256(plain * times).hexdigest())
    assert (told.sealed_bytes, told.sealed_sha256) == (len(sealed), hashlib.sha256(sealed).hexdigest())
    assert told.profile == profile


@pytest.mark.parametrize("profile", seal.PROFILES)
@given(place=SHARE, bit=st.integers(0, 7))
@settings(max_examples=60)
def test_any_flipped_bit_is_refused(profile: str, place: float, bit: int) -> None:
    """Whatever bit is changed, header included, nothing is handed out."""
    sealed = bytearray(_sealed(b"licence 1308" * 40, profile))
    sealed[int(place * len(sealed))] ^= 1 << bit
    _refused(bytes(sealed), profile)


@pytest.mark.parametrize("profile", seal.PROFILES)
@given(place=SHARE, more=st.binary(min_size=1, max_size=40))
@settings(max_examples=40)
def test_any_cut_or_added_byte_is_refused(profile: str, place: float, more: bytes) -> None:
    """A stream that ends early or goes on is not what was sealed."""
    sealed = _sealed(b"licence 1308" * 40, profile)
    _refused(sealed[: int(place * len(sealed))], profile)
    _refused(sealed + more, profile)


SIZES = [
    0,
    1,
    container.CHUNK - 1,
    container.CHUNK,  # an exact chunk has no empty one behind it
    container.CHUNK + 1,
    3 * container.CHUNK,
]


@pytest.mark.parametrize("profile", OWN)
@pytest.mark.parametrize("size", SIZES)
def test_containers_hold_any_size(profile: str, size: int) -> None:
    """Nothing, a byte, and sizes beside a chunk's come back."""
    plain = os.urandom(size)
    header, chunks = _container(plain, profile)
    assert len(chunks) == max(1, -(-size // container.CHUNK))
    assert _decrypted(header + b"".join(chunks), profile) == plain


def _swapped(chunks: list[bytes]) -> list[bytes]:
    return [chunks[1], chunks[0], chunks[2]]


FAULTS = [
    # a flipped byte in the second chunk
    (lambda c: [c[0], c[1][:9] + bytes([c[1][9] ^ 1]) + c[1][10:], c[2]], "chunk 2 of a sealed stream was changed"),
    # two chunks in each other's place
    (_swapped, "chunk 1 of a sealed stream was changed, cut off or moved"),
    # one chunk twice
    (lambda c: [c[0], c[0], c[2]], "chunk 2 of a sealed stream was changed"),
    # one chunk gone
    (lambda c: [c[0], c[2]], "chunk 2 of a sealed stream was changed"),
    # cut at a chunk's end
    (lambda c: c[:2], "a sealed stream is cut off after chunk 2"),
    # cut inside a chunk
    (lambda c: [c[0], c[1][:700]], "chunk 2 of a sealed stream was changed, cut off"),
    # cut inside a tag
    (lambda c: [c[0], c[1][:7]], "chunk 2 of a sealed stream was changed, cut off"),
    # no chunk at all
    (lambda _: [], "chunk 1 of a sealed stream was changed, cut off"),
]


@pytest.mark.parametrize("profile", OWN)
@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_the_chunk_that_does_not_fit_is_named(profile: str, fault: Any, words: str) -> None:
    """Flipped, swapped, doubled, missing and cut chunks are each found where they are."""
    header, chunks = _container(os.urandom(2 * container.CHUNK + 5), profile)
    with pytest.raises(Tampered, match=words):
        _decrypted(header + b"".join(fault(chunks)), profile)


@pytest.mark.parametrize("profile", OWN)
def test_what_follows_the_end_is_named(profile: str) -> None:
    """A whole chunk that was the last and has something behind it tells so."""
    header, chunks = _container(os.urandom(container.CHUNK), profile)
    with pytest.raises(Tampered, match="goes on after chunk 1, its end"):
        _decrypted(header + chunks[0] + b"more", profile)


@pytest.mark.parametrize("profile", OWN)
def test_chunks_of_another_stream_do_not_fit(profile: str) -> None:
    """Chunks are bound to the header of their own stream, though the recipients are the same."""
    header, _ = _container(b"one", profile)
    _, chunks = _container(b"two", profile)
    with pytest.raises(Tampered, match="chunk 1"):
        _decrypted(header + chunks[0], profile)


def test_profiles_are_not_mistaken_for_each_other() -> None:
    """A stream opens with the profile it was sealed by, and with no other."""
    for profile in seal.PROFILES:
        for other in set(seal.PROFILES) - {profile}:
            _refused(_sealed(b"x", profile), other)


@pytest.mark.parametrize("profile", seal.PROFILES)
def test_a_strangers_identity_opens_nothing(profile: str) -> None:
    """Who is no recipient gets an error about keys, not about damage."""
    with pytest.raises(SealKeyRefused, match="opens none of the sealed stream's keys"):
        _opened(_sealed(b"x", profile), profile, STRANGER)


def test_age_and_zstd_alone_open_it() -> None:
    """The default profile is an age file of a zstd stream: the stock libraries read it without the gateway."""
    packed = pyrage.decrypt(_sealed(b"licence" * 100), [pyrage.x25519.Identity.from_str(IDENTITY)])
    assert (
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed), read_across_frames=True).read()
        == b"licence" * 100
    )


FORGED = [
    # a zstd stream without the trailer
    zstandard.compress(b"licence"),
    # nothing
    b"",
    # no zstd stream at all
    b"licence" * 30,
    # another stream's trailer
    zstandard.compress(b"other")
    + zstandard.compress(b"")[:0]
    + b"\x5e\x2a\x4d\x18"
    + (40).to_bytes(4, "little")
    + bytes(40),
]


@pytest.mark.parametrize("packed", FORGED)
def test_what_another_sealed_to_us_is_refused(packed: bytes) -> None:
    """Recipients are public: a stream that opens, but is not whole by its own trailer, is not handed out."""
    forged = pyrage.encrypt(packed, [pyrage.x25519.Recipient.from_str(RECIPIENT)])
    assert isinstance(_refused(forged, "age"), Tampered)


def test_a_sealer_opens_nothing_and_an_opener_seals_nothing() -> None:
    """The machine that makes backups cannot read them."""
    sealing: Sealer = seal.sealer("age", {"drill": RECIPIENT})
    opening: Sealer = seal.opener("age", IDENTITY)
    with pytest.raises(SealKeyRefused, match="no identity to open with"):
        sealing.open(io.BytesIO(_sealed(b"x")), io.BytesIO())
    with pytest.raises(SealKeyRefused, match="no recipient to seal to"):
        opening.seal(io.BytesIO(b"x"), io.BytesIO())


def test_keys_are_not_shown() -> None:
    """No identity stands in what an opener says of itself."""
    assert "AGE-SECRET" not in repr(seal.opener("age", IDENTITY)) + repr(vars(seal.opener("aes-256-gcm", IDENTITY)))


@pytest.mark.parametrize("profile", seal.PROFILES)
def test_a_full_disk_ends_sealing(profile: str) -> None:
    """When the target takes no more, both stages end and the error tells why; the thread is gone."""
    full = cast("BinaryIO", _Never(OSError(28, "No space left on device"), after=3_000_000))
    endless = cast("BinaryIO", _Never(OSError(5, "unused"), after=1 << 60))
    with pytest.raises(BackupFailed, match="no space left on device"):
        seal.sealer(profile, {"drill": RECIPIENT}).seal(endless, full)
    assert not [t for t in threading.enumerate() if t.name == "seal"]


@pytest.mark.parametrize("profile", seal.PROFILES)
def test_a_source_that_breaks_off_ends_sealing(profile: str) -> None:
    """When the source fails, its own error is told, not that of the stage behind it."""
    broken = cast("BinaryIO", _Never(OSError(5, "Input/output error"), after=3_000_000))
    with pytest.raises(BackupFailed, match="input/output error"):
        seal.sealer(profile, {"drill": RECIPIENT}).seal(broken, io.BytesIO())
    assert not [t for t in threading.enumerate() if t.name == "seal"]


@pytest.mark.parametrize("profile", seal.PROFILES)
def test_a_source_that_breaks_off_ends_opening(profile: str) -> None:
    """When the sealed form cannot be read any more, that is told, and not that it was changed."""

    class Cut(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 100:
                raise OSError(5, "Input/output error")
            return super().read(size)

    out = io.BytesIO()
    with pytest.raises(BackupFailed, match="input/output error"):
        seal.opener(profile, IDENTITY).open(Cut(_sealed(os.urandom(100_000), profile)), out)
    assert out.getvalue() == b""


def test_a_full_disk_leaves_nothing_half_opened() -> None:
    """When the target of opening takes no more, what it had is taken back."""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            super().write(data[:3])
            raise OSError(28, "No space left on device")

    out = Full()
    with pytest.raises(BackupFailed, match="no space left"):
        seal.opener("age", IDENTITY).open(io.BytesIO(_sealed(b"x" * 1000)), out)
    assert out.getvalue() == b""


def test_a_profile_must_be_known() -> None:
    """A profile of another name is refused with those that there are."""
    with pytest.raises(SealKeyRefused, match="no seal profile 'aes-128'") as caught:
        seal.sealer("aes-128", {"drill": RECIPIENT})
    assert "age, aes-256-gcm, sm4-gcm" in caught.value.hint
