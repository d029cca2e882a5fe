"""The form of object keys; services make them, never users."""

import re

_PART = r"[a-z0-9][a-z0-9_.-]*"
_KEY = re.compile(rf"{_PART}(/{_PART})*")
_PREFIX = re.compile(rf"({_PART}(/{_PART})*/?)?")


def check_key(key: str) -> None:
    """Raise ``ValueError`` unless every part of the key may be a file name."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")


def check_prefix(prefix: str) -> None:
    """Raise ``ValueError`` unless a key may start so; the empty prefix may."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not the start of a key: {prefix!r}")
