"""The two languages of the pages: Chinese with English beside it, and English alone.

A template holds the words of both where they stand: `{~链路 // route~}` is 链路 route on a Chinese page and route on an English
one; of `{~条 || rows~}` each page shows its own side alone. Which it is, the template is told when it is read, once.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader
from jinja2.ext import Extension

from exchange_app import english, words
from schemas.notice import words as notice_words

CHINESE, ENGLISH = "zh", "en"
OTHER = {CHINESE: ENGLISH, ENGLISH: CHINESE}
NAMES = {CHINESE: {"code": "zh-CN", "name": "中文"}, ENGLISH: {"code": "en", "name": "English"}}
COOKIE = "exchange_lang"
SAID: dict[str, Any] = {CHINESE: words, ENGLISH: SimpleNamespace(**{**vars(words), **vars(english)})}
_NOTICES = {CHINESE: notice_words, ENGLISH: english.Notices}
_VALUES = {CHINESE: notice_words.value, ENGLISH: english.value}
_OWN = {CHINESE: str, ENGLISH: lambda text: text.rsplit(" · ", 1)[-1]}  # of what packages say as `中文 · English`
_PAIR = re.compile(r"\{~(.*?) (?:(//)|\|\|) ?(.*?)~\}", re.DOTALL)


def of(request: Request) -> str:
    """Return the language of whoever asks: as just chosen, as chosen before, else Chinese."""
    for chosen in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if chosen in OTHER:
            return chosen
    return CHINESE


def spoken(source: str, language: str) -> str:
    """Return a template's text in one language."""
    if language == ENGLISH:
        return _PAIR.sub(lambda pair: pair[3], source)
    return _PAIR.sub(lambda pair: f"{pair[1]} {pair[3]}" if pair[2] else pair[1], source)


def templates(folder: Path) -> dict[str, Jinja2Templates]:
    """Return the templates of a folder in each language, with the words and the filters of it."""
    return {language: _in(language, folder) for language in OTHER}


def _in(language: str, folder: Path) -> Jinja2Templates:
    class Spoken(Extension):
        """Lets a template speak one language."""

        def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002 - Jinja's
            return spoken(source, language)

    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, extensions=[Spoken])
    said = SAID[language]
    environment.globals.update(words=said, notices=_NOTICES[language])
    environment.filters.update(
        china=said.china, span=said.span, ago=said.ago, day=said.day, value=_VALUES[language], own=_OWN[language]
    )
    return Jinja2Templates(env=environment)
