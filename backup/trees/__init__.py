"""Backups of file trees: packs of contents, each content once, and an index that names every entry and its hash.

The index is a file of lines of JSON, one an entry, in the order in which the tree was read. `t`: `d` a folder, `f` a file,
`l` a symlink (recorded, never followed), `x` what could not be read whole, `o` what is neither (a socket, a device).
"""

from __future__ import annotations
