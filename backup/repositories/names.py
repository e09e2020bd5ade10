"""Names in a repository, and what is said when one is missing, taken or no name."""

from __future__ import annotations

import re

from gateway.errors import NotFound, RepositoryRefused, RepositoryUnavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def checked(name: str) -> str:
    """Return a name that leads nowhere else; RepositoryRefused for any other."""
    if not _NAME.fullmatch(name):
        raise RepositoryRefused(
            f"{name!r} is no name of a backup or part", "Letters, digits, dot, hyphen and underscore make a name."
        )
    return name


def missing(backup: str, name: str) -> NotFound:
    """Return the error of a part or manifest that is not there."""
    return NotFound(f"the repository has no {name} of backup {backup}", "Take another copy, or an older backup.")


def other_part(backup: str, name: str) -> RepositoryRefused:
    """Return the error of a part that a whole backup has with other content, or not at all."""
    return RepositoryRefused(
        f"backup {backup} is whole and has no such part {name}", "Parts come before the manifest: make a new backup."
    )


def other_manifest(backup: str) -> RepositoryRefused:
    """Return the error of a manifest that would replace another."""
    return RepositoryRefused(f"backup {backup} has another manifest already", "Make a new backup under its own name.")


def unlike(backup: str, name: str) -> RepositoryUnavailable:
    """Return the error of a part that reads back as something else than was written."""
    return RepositoryUnavailable(
        f"{name} of {backup} reads back as something else than was written; it was removed",
        "Store it again; when that happens twice, look at the disk or the line.",
    )
