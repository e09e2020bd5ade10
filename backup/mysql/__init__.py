"""Backups of MariaDB databases: a dump and the hashes of every table, of one moment that both sessions share.

No snapshot of that server can be handed from one session to another. Therefore the tables are locked for reading while the
sessions that hash and the program that dumps each begin theirs: what all of them see is the same, and writers wait as long.
"""

from __future__ import annotations
