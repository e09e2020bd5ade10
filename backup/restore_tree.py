"""A restore of a tree of files into an empty folder, compared with its index before it counts as done."""

from __future__ import annotations

import time
from pathlib import Path

from backup import available, records, wiring
from backup.plans import Plan
from backup.restore import Outcome, Wish, make_empty, note, outcome_of
from backup.run import Progress, quiet
from backup.trees import opened
from backup.trees.compare import compare
from backup.trees.opened import Opened, discard
from backup.trees.restore import restore
from gateway.deployment import Deployment
from gateway.errors import GatewayError, RestoreFailed

_TOLD = 20


def into_folder(
    deployment: Deployment, plan: Plan, target: Path, wish: Wish, progress: Progress = quiet, *, who: str
) -> Outcome:
    """Write the tree into a new or empty folder. RestoreRefused before anything is written, Tampered when the backup is to blame."""
    began = time.monotonic()
    copy = available.at(deployment, plan, wish.moment, wish.repository)
    made = copy.manifest
    make_empty(target, wish)
    opened.refuse_full(made, target)
    if wish.dry_run:
        return outcome_of(copy, made.survey, str(target), done=False)
    spool = wiring.folder("restore", made.backup)
    try:
        progress("fetch", 0)
        bring = Opened(copy.repository, wiring.opener(deployment, plan, made.profile), made, spool)
        with records.reading(deployment, made.backup):
            index = bring.index()
            progress("restore", 0)
            restore(index, bring, target, spool)
        progress("compare", 0)
        differing, remarks = compare(index, target), opened.unread(index, _TOLD)
    except (GatewayError, OSError):
        discard(target)  # half a tree is of no use to anybody
        raise
    finally:
        discard(spool)
    seconds = round(time.monotonic() - began, 1)
    outcome = outcome_of(
        copy, made.survey, str(target), done=True, differences=differing, remarks=remarks, seconds=seconds
    )
    note(deployment, plan, outcome, who)
    if differing:
        raise RestoreFailed(f"the folder is not what the source was: {differing[0]}", "Restore an older backup.")
    return outcome
