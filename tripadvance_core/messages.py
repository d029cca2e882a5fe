"""Sentences for people: a message code and a language give one clear sentence."""

import json
import string
from functools import cache
from importlib import resources
from typing import Any, Final, Literal, get_args

Language = Literal["pt-BR", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every sentence of one language by its code, with ``{named}`` places.

    A word that follows a number is ``{number:one|many}``: what it is for 1, and else.

    One file an area under ``locales/<language>/``; a code stands in one of them.
    """
    folder = resources.files("tripadvance_core") / "locales" / language
    sentences: dict[str, str] = {}
    for file in folder.iterdir():
        sentences |= json.loads(file.read_text(encoding="utf-8"))
    return sentences


class _Counting(string.Formatter):
    """``{count:row|rows}`` says ``row`` where the count is 1, else ``rows``."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, divided, many = format_spec.partition("|")
        if not divided:
            return format(value, format_spec)
        return one if str(value) == "1" else many


_COUNTING: Final = _Counting()


def sentence(code: str, language: Language, **details: Any) -> str:
    """Return the sentence of ``code`` with its places filled in.

    Raises
    ------
    KeyError
        If the code has no sentence or a named place has no value; the tests
        hold every code and place of the two catalogues together.
    """
    return _COUNTING.vformat(catalogue(language)[code], (), details)
