"""The drill of a tree: extract it from its repository, and compare the whole list."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from backup.manifest import Manifest
from backup.ports import Repository, Sealer
from backup.trees import opened
from backup.trees.compare import compare, control
from backup.trees.opened import Opened
from backup.trees.restore import restore
from gateway import settings

Phase = Callable[[str], AbstractContextManager[None]]


def prove(
    repository: Repository, opener: Sealer, made: Manifest, folder: Path, phase: Phase
) -> tuple[list[str], list[str]]:
    """Return what is not as the index says, and what is to be known besides.

    Tampered before a file is written that is not what the source had.
    """
    target, spool = folder / "tree", folder / "spool"
    target.mkdir(mode=0o700)
    spool.mkdir(mode=0o700)
    bring = Opened(repository, opener, made, spool)
    with phase("fetch"):
        opened.refuse_full(made, folder)
        index = bring.index()
    settings.failpoint("drill fetched")
    with phase("restore"):
        restore(index, bring, target, spool)
    settings.failpoint("drill restored")
    with phase("verify"):
        faults = compare(index, target)
        if not faults and (why := control(index, target)):
            return ([], [why]) if "nothing to change" in why else ([why], [])
    return faults, [f"{name}: {why}" for name, why in made.survey.not_compared]
