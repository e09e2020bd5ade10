"""Physical backups: a copy of a server's files, every byte of WAL since, and from both the state of any moment."""
