"""Text in the two forms in which it is compared and kept."""

import unicodedata


def collapse(text: str) -> str:
    """Return text as people see it: NFC, one space between words, nothing invisible.

    >>> collapse("  Rio\u00a0 de\u200b Janeiro ")
    'Rio de Janeiro'
    """
    visible = text
    if not text.isascii():
        visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(unicodedata.normalize("NFC", visible).split())


def fold(text: str) -> str:
    """Return the form in which case, accents and spacing do not count.

    >>> fold(" SÃO  Paulo")
    'sao paulo'
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFD", text)
        text = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return collapse(text).casefold()
