"""Reads fenced blocks of the manual, and runs them in one shell as a reader would."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`([\w./-]+\.\w+)`\s*\Z")
_FRAME = re.compile(r"[━─┃│┏┳┓┡╇┩└┴┘+|\s]+|--+")
_MARK = "@@end"


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the file named in the line above it, its text and line in the page."""

    language: str
    file: str | None
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield a page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        before = text[: found.start()]
        named = _FILE.search(before)
        yield Block(found[1], named[1] if named else None, found[2], before.count("\n") + 1)


class Shell:
    """A bash that keeps its folder and variables from block to block; killed when it takes longer than it may."""

    def __init__(self, folder: Path, environment: Mapping[str, str], seconds: float) -> None:
        """Start it in a folder."""
        self._bash = subprocess.Popen(
            ["bash"], cwd=folder, env=dict(environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._clock = threading.Timer(seconds, self._bash.kill)
        self._clock.start()

    def run(self, commands: str) -> tuple[str, int]:
        """Run commands; return what they printed and the exit code of the last."""
        assert self._bash.stdin
        assert self._bash.stdout
        self._bash.stdin.write(f"{commands}\nprintf '{_MARK} %s\\n' $?\n")
        self._bash.stdin.flush()
        said = ""
        for line in self._bash.stdout:
            before, mark, code = line.partition(_MARK)
            said += before
            if mark:
                return said, int(code)
        raise AssertionError(f"the shell ended while running:\n{commands}\n{said}")

    def close(self) -> None:
        """End it."""
        self._clock.cancel()
        self._bash.communicate(timeout=30)


def matches(expected: str, said: str) -> bool:
    """Tell whether output is what a page shows: `…` stands for anything in a line, alone in a line for any lines.

    Frames of tables and runs of blanks do not count, so that the width of a terminal does not either.
    """
    pattern = ""
    for line in _plain(expected):
        pattern += r"(?:.*\n)*" if line == "…" else ".*".join(re.escape(p) for p in line.split("…")) + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(said))) is not None


def _plain(text: str) -> list[str]:
    lines = (_FRAME.sub(" ", line).strip() for line in text.splitlines())
    return [line for line in lines if line]
