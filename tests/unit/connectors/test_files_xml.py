"""XML files of people nobody vouches for: refused before anything they name is opened."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from connectors.files_xml import elements
from gateway.errors import SchemaMismatch


def test_a_file_that_a_doctype_names_is_never_opened(tmp_path: Path) -> None:
    """Not even one of this machine: a pipe would tell who opens it, and hold up who reads it."""
    named = tmp_path / "outside.dtd"
    os.mkfifo(named)
    with pytest.raises(SchemaMismatch, match="has a DOCTYPE"):
        list(elements([f'<!DOCTYPE r SYSTEM "{named}"><r><row/></r>'], "row", "file a.xml"))
    with pytest.raises(OSError, match="No such device") as nobody:  # there is no reader, and there never was
        os.open(named, os.O_WRONLY | os.O_NONBLOCK)
    assert nobody.value.errno == errno.ENXIO
