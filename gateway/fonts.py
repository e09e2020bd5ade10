"""Fonts that documents are printed with: the office's own of GATEWAY_FONTS, else what the system has.

None comes with the gateway. What a document says is compared with what they draw before it is printed: an official
document shows no empty boxes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typst

HINT = "Install a font package such as fonts-noto-cjk, or name a folder of fonts in GATEWAY_FONTS."
# 仿宋 for the text, 小标宋 for the title, 黑体 for headings; the first that is there is used, the next draw what it lacks.
_FREE = ("Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC")
_TEXT = ("FangSong_GB2312", "仿宋_GB2312", "FangSong", "仿宋", "FandolFang R", *_FREE)
_TITLE = ("FZXiaoBiaoSong-B05S", "方正小标宋简体", "FandolSong", *_FREE)
_HEADING = ("SimHei", "黑体", "FandolHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC")
_REGULAR = 400


@dataclass(frozen=True)
class Fonts:
    """What there is to draw with: families by what they are for, and the files (with index) of those of the text."""

    found: typst.Fonts
    chains: Mapping[str, list[str]]
    files: tuple[tuple[str, int], ...]


def find() -> Fonts:
    """Return the fonts of this machine; `files` is empty when none of them is a Chinese one."""
    return _find(os.environ.get("GATEWAY_FONTS"))


def missing(texts: Iterable[str], files: Iterable[tuple[str, int]]) -> list[str]:
    """Return the characters of texts that no font of these files draws."""
    have = frozenset[int]().union(*(_drawn(path, index) for path, index in files))
    return sorted({c for text in texts for c in text if not c.isspace() and ord(c) not in have})


@cache
def _drawn(path: str, index: int) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - only who prints loads it

    with TTFont(path, fontNumber=index, lazy=True) as font:
        return frozenset(font.getBestCmap())


@cache
def _find(folder: str | None) -> Fonts:
    """Look through folder and system; it takes a moment, and fonts do not change while a process lives."""
    import typst  # noqa: PLC0415 - the same

    found = typst.Fonts(include_embedded_fonts=False, font_paths=[folder] if folder else [])
    known = {font.family: font for font in sorted(found.fonts(), key=lambda f: -abs(f.weight - _REGULAR))}
    text = [family for family in _TEXT if family in known]
    chains = {"body": text} | {
        role: [family for family in wanted if family in known] + text
        for role, wanted in (("title", _TITLE), ("heading", _HEADING))
    }
    return Fonts(found, chains, tuple((str(known[f].path), known[f].index) for f in text))
