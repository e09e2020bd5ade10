"""Backups that are proven: dumped under one snapshot, sealed, stored away, restored in a drill and compared."""
