"""Which rows no model may ever train on: a property of the row itself.

A row's side follows from a hash of its own core content, so the same fare falls on
the same side in every file, every night and every installation, and no list of
reserved rows has to be kept.
"""

import json
import unicodedata
from collections.abc import Iterable
from datetime import date
from hashlib import blake2b

HOLDOUT_SHARE = 0.2
"""Share of all rows that is reserved.

A constant, not a setting: another share would move rows that models have already
trained on into the holdout, and every later comparison would be void.
"""

_HASH_BYTES = 16
_BUCKET_DIGITS = 8
_RESERVED_BELOW = int(HOLDOUT_SHARE * 16**_BUCKET_DIGITS)


def canonical_name(name: str) -> str:
    """Return the form in which names are equal: case, spacing and encoding are not.

    >>> canonical_name("  SÃO   Paulo ")
    'são paulo'
    """
    folded = unicodedata.normalize("NFC", name).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def written_name(name: str) -> str:
    """Write a name for hashing, quoted so that no name can pose as two."""
    return json.dumps(canonical_name(name), ensure_ascii=False)


def written_day(day: date) -> str:
    """Write a day for hashing."""
    return f"{day.year:04}-{day.month:02}-{day.day:02}"


def written_number(number: float) -> str:
    """Write a number for hashing: to the hundredth.

    The last bits of a number differ between file formats; fares and minutes do not.
    """
    return f"{number:.2f}"


def row_hash(written: Iterable[str]) -> str:
    """Return the identity of a row, 32 hexadecimal digits, from its written values.

    ``written`` is day, start city, end city, airline, duration in minutes and price
    in the base currency, in this order (BLAKE2b, RFC 7693).
    """
    content = ",".join(written).encode()
    return blake2b(content, digest_size=_HASH_BYTES).hexdigest()


def is_reserved(row_hash: str) -> bool:
    """Whether the row of this identity belongs to the holdout."""
    return int(row_hash[:_BUCKET_DIGITS], 16) < _RESERVED_BELOW
