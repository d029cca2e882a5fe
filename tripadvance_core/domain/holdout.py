"""Which rows no model may ever train on: a property of the row itself.

A row's side follows from a hash of its own core content, so the same fare falls on
the same side in every file, every night and every installation, and no list of
reserved rows has to be kept.
"""

import unicodedata
from collections.abc import Iterable
from datetime import date
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

HOLDOUT_SHARE = 0.2
"""Share of all rows that is reserved.

A constant, not a setting: another share would move rows that models have already
trained on into the holdout, and every later comparison would be void.
"""

_RESERVED_BELOW = np.uint64(int(HOLDOUT_SHARE * 2**64))


def canonical_name(name: str) -> str:
    """Return the form in which names are equal: case, spacing and encoding are not.

    >>> canonical_name("  SÃO   Paulo ")
    'são paulo'
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def written_day(day: date) -> str:
    """Write a day for hashing."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def written_number(number: float) -> str:
    """Write a number for hashing: to the hundredth.

    The last bits of a number differ between file formats; fares and minutes do not.
    """
    return f"{number:.2f}"


def value_hash(written: str) -> int:
    """Return 64 bits that stand for one written value (BLAKE2b, RFC 7693)."""
    return int.from_bytes(blake2b(written.encode(), digest_size=8).digest(), "big")


def row_hashes(columns: Iterable[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Return the identity of each of n rows from the hashes of its values.

    ``columns``, each of shape (n,), are day, start city, end city, airline, duration
    in minutes and price in the base currency, in this order. They are mixed one after
    the other by the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    """
    first, *others = columns
    hashes = mixed(first)
    for column in others:
        hashes = mixed(hashes ^ column)
    return hashes


def is_reserved(row_hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether the rows of these identities belong to the holdout, shape (n,)."""
    return row_hashes < _RESERVED_BELOW


def mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return bits of which every one depends on every one given, shape (n,)."""
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
