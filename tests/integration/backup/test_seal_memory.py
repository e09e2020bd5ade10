"""Sealing and opening hold as little of a long stream as of a short one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from backup import seal

# Zeros pack a thousandfold: a megabyte of sealed form opens to gigabytes, the worst that opening can meet.
SCRIPT = """
import io, resource, sys, tempfile
from backup import keys, seal

class Zeros(io.RawIOBase):
    left = 1 << 28
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)

class Gone(io.RawIOBase):
    seen = 0
    def writable(self): return True
    def tell(self): return self.seen
    def write(self, data):
        self.seen += len(data)
        return len(data)

identity, recipient = keys.create()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with tempfile.TemporaryFile() as sealed:
    seal.sealer(sys.argv[1], {"drill": recipient}).seal(Zeros(), sealed)
    sealed.seek(0)
    out = Gone()
    seal.opener(sys.argv[1], identity).open(sealed, out)
    assert out.seen == 1 << 28
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("profile", ["age", "aes-256-gcm"])
def test_a_long_stream_takes_no_more_memory_than_a_few_blocks(profile: str) -> None:
    """A quarter of a gigabyte is sealed and opened in less than 64 MB beside the program itself."""
    assert profile in seal.PROFILES
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, profile], capture_output=True, text=True, check=True, timeout=120
    )
    assert float(told.stdout) < 64
