"""Text of CSV that a spreadsheet program would run, and how it is kept from that.

An apostrophe before such text makes it plain text (OWASP, CSV Injection); what was
written so is read back without it.
"""

from typing import Final

from tripadvance_core.tabular.numbers import DECIMAL_MARKS, read_number

_APOSTROPHE: Final = "'"
# What a spreadsheet program takes for a formula, after spaces too.
_FORMULA_STARTS: Final = tuple("=+-@＝＋－＠")
_BREAKS: Final = tuple("\t\r\n")


def as_inert_text(text: str) -> str:
    """Put an apostrophe before text that would be run, or that bears one; numbers stay.

    >>> as_inert_text("=1+1"), as_inert_text("-1.5"), as_inert_text("'=1+1")
    ("'=1+1", '-1.5', "''=1+1")
    """
    return _APOSTROPHE + text if _runs(text.lstrip(_APOSTROPHE)) else text


def from_inert_text(text: str) -> str:
    """Take the apostrophe off again.

    >>> from_inert_text("'=1+1"), from_inert_text("'tis")
    ('=1+1', "'tis")
    """
    bare = text.lstrip(_APOSTROPHE)
    return text[1:] if bare != text and _runs(bare) else text


def _runs(text: str) -> bool:
    runs = text.startswith(_BREAKS) or text.lstrip().startswith(_FORMULA_STARTS)
    return runs and all(read_number(text, mark) is None for mark in DECIMAL_MARKS)
