"""Sentences for people: a message code and a language give one clear sentence."""

import json
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

Language = Literal["pt-BR", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def catalogue(language: Language) -> dict[str, str]:
    """Every sentence of one language by its code, with ``{named}`` places.

    One file an area under ``locales/<language>/``; a code stands in one of them.
    """
    folder = resources.files("tripadvance_core") / "locales" / language
    sentences: dict[str, str] = {}
    for file in folder.iterdir():
        sentences |= json.loads(file.read_text(encoding="utf-8"))
    return sentences


def sentence(code: str, language: Language, **details: Any) -> str:
    """Return the sentence of ``code`` with its places filled in.

    Raises
    ------
    KeyError
        If the code has no sentence or a named place has no value; the tests
        hold every code and place of the two catalogues together.
    """
    return catalogue(language)[code].format(**details)
