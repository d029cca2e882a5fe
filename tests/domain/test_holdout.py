"""The reserved rows: a row's side follows from its own content, for ever."""

import unicodedata
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripadvance_core.domain.holdout import (
    HOLDOUT_SHARE,
    canonical_name,
    is_reserved,
    row_hashes,
    value_hash,
    written_day,
    written_number,
)


def hashes_of(*written: str) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return row_hashes(np.array([value_hash(text)], dtype=np.uint64) for text in written)


def test_hash_of_a_row_never_changes() -> None:
    """Another value would move rows that models have trained on into the holdout."""
    written = [
        written_day(date(2025, 8, 13)),
        canonical_name("São Paulo"),
        canonical_name("Porto Alegre"),
        canonical_name("Azul"),
        written_number(65.0),
        written_number(95.8),
    ]
    assert written == [
        "2025-08-13",
        "são paulo",
        "porto alegre",
        "azul",
        "65.00",
        "95.80",
    ]
    assert hashes_of(*written) == 10363547231978642447


def test_share_never_changes() -> None:
    assert HOLDOUT_SHARE == 0.2


@pytest.mark.parametrize(
    ("bits", "reserved"),
    [(0, True), (2**64 // 5 - 2**40, True), (2**64 // 5 + 2**40, False)],
)
def test_lowest_fifth_of_the_hashes_is_reserved(bits: int, reserved: bool) -> None:
    assert is_reserved(np.array([bits], dtype=np.uint64)) == [reserved]


def test_one_row_in_five_is_reserved() -> None:
    values = np.array([value_hash(str(n)) for n in range(20_000)], dtype=np.uint64)
    assert is_reserved(row_hashes([values])).mean() == pytest.approx(0.2, abs=0.01)


@settings(deadline=None)
@given(st.text())
def test_spelling_of_a_name_does_not_count(name: str) -> None:
    spelt = "  " + unicodedata.normalize("NFD", name) + " "
    assert canonical_name(spelt) == canonical_name(name)
    assert canonical_name(canonical_name(name)) == canonical_name(name)


def test_order_of_the_values_counts() -> None:
    assert hashes_of("recife", "natal") != hashes_of("natal", "recife")


def test_last_bits_of_a_number_do_not_count() -> None:
    assert written_number(0.1 + 0.2) == written_number(0.3)
    assert written_number(95) == written_number(95.0)
