"""Where sealed parts are kept: a folder, a folder behind SFTP, or a bucket of an S3 store with Object Lock."""

from __future__ import annotations

from backup.ports import Repository
from backup.repositories import address


def open_repository(url: str) -> Repository:
    """Return the repository of a connection; SettingMissing when its address cannot be used. Connects when first needed.

    `file:///folder`, `sftp://user:password@host/folder?host_key=SHA256:…` or `s3://id:secret@host/bucket/prefix`.
    """
    found = address.parsed(url)
    # The library of a store is a second's work to load: only what has such a store loads it.
    if found.scheme == "s3":
        from backup.repositories import s3  # noqa: PLC0415

        return s3.open_bucket(found)
    from backup.repositories.files import FilesRepository  # noqa: PLC0415

    if found.scheme == "sftp":
        from backup.repositories import sftp  # noqa: PLC0415

        return FilesRepository(sftp.open_folder(found))
    from backup.repositories import local  # noqa: PLC0415

    return FilesRepository(local.open_folder(found))
