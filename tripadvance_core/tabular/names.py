"""Cities and airlines: which text may be the name of one."""

import unicodedata
from typing import Final

import numpy as np

from tripadvance_core.tabular.cells import Cell, Column, Fault, Parsed, written
from tripadvance_core.tabular.texts import collapse

MAX_LENGTH: Final = 80

REPLACEMENT: Final = "\ufffd"
"""What stands for a character that a former program could not decode."""

_IN_CITIES = frozenset(" .'’-()/" + REPLACEMENT)
# What Markdown, HTML, formulas or templates are made of.
_NOT_IN_AIRLINES = frozenset('<>[]{}*#$%=@~^`"\\')
# Control, surrogate, private and unassigned characters; line and paragraph ends.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_cities(column: Column) -> Parsed:
    """Parse a column into names of cities, text as the file spells it."""
    return column.parse("CITY_MISSING", _city, filler="", dtype=np.object_)


def parse_airlines(column: Column) -> Parsed:
    """Parse a column into names of airlines, text as the file spells it."""
    return column.parse("AIRLINE_MISSING", _airline, filler="", dtype=np.object_)


def _city(cell: Cell) -> str | Fault:
    if not isinstance(cell, str):
        return Fault("CITY_INVALID")
    name = collapse(cell)
    letters = all(_is_letter(c) or c in _IN_CITIES for c in name)
    return name if letters and _is_name(cell, name) else Fault("CITY_INVALID")


def _airline(cell: Cell) -> str | Fault:
    if not isinstance(cell, str | int | float) or isinstance(cell, bool):
        return Fault("AIRLINE_INVALID")
    name = collapse(written(cell))
    plain = name[:1].isalnum() and _NOT_IN_AIRLINES.isdisjoint(name)
    return name if plain and _is_name(written(cell), name) else Fault("AIRLINE_INVALID")


def _is_name(raw: str, name: str) -> bool:
    return (
        len(name) <= MAX_LENGTH
        and any(c.isalnum() for c in name)
        and not any(unicodedata.category(c) in _UNPRINTABLE for c in raw.strip())
        and not any(map(_mixes_alphabets, name.split()))
    )


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


def _mixes_alphabets(word: str) -> bool:
    """Whether Latin letters stand beside others: the mark of a look-alike."""
    if word.isascii():
        return False
    letters = (c for c in unicodedata.normalize("NFKC", word) if c.isalpha())
    latin = {unicodedata.name(c, "").startswith("LATIN") for c in letters}
    return len(latin) == 2
