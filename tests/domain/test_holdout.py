"""The reserved rows: a row's side follows from its own content, for ever."""

import unicodedata
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tripadvance_core.domain.holdout import (
    HOLDOUT_SHARE,
    canonical_name,
    is_reserved,
    row_hash,
    written_day,
    written_name,
    written_number,
)


def test_hash_of_a_row_never_changes() -> None:
    """Another value would move rows that models have trained on into the holdout."""
    written = [
        written_day(date(2025, 8, 13)),
        written_name("São Paulo"),
        written_name("Porto Alegre"),
        written_name("Azul"),
        written_number(65.0),
        written_number(95.8),
    ]
    assert written == [
        "2025-08-13",
        '"são paulo"',
        '"porto alegre"',
        '"azul"',
        "65.00",
        "95.80",
    ]
    assert row_hash(written) == "f36ac823c42e2871414f43c8a8aae06b"


def test_share_never_changes() -> None:
    assert HOLDOUT_SHARE == 0.2


@pytest.mark.parametrize(
    ("digits", "reserved"),
    [("00000000", True), ("33333332", True), ("33333333", False), ("ffffffff", False)],
)
def test_lowest_fifth_of_the_hashes_is_reserved(digits: str, reserved: bool) -> None:
    assert is_reserved(digits + "0" * 24) is reserved


def test_one_row_in_five_is_reserved() -> None:
    hashes = [row_hash([str(n)]) for n in range(20_000)]
    assert sum(map(is_reserved, hashes)) / 20_000 == pytest.approx(0.2, abs=0.01)


@settings(deadline=None)
@given(st.text())
def test_spelling_of_a_name_does_not_count(name: str) -> None:
    spelt = "  " + unicodedata.normalize("NFD", name) + " "
    assert canonical_name(spelt) == canonical_name(name)
    assert canonical_name(canonical_name(name)) == canonical_name(name)


@settings(deadline=None)
@given(st.lists(st.text(), min_size=2, max_size=2))
def test_two_names_never_pose_as_other_two(names: list[str]) -> None:
    parts = [written_name(name) for name in names]
    joined = written_name('","'.join(names))
    assert row_hash(parts) != row_hash([joined])


def test_last_bits_of_a_number_do_not_count() -> None:
    assert written_number(0.1 + 0.2) == written_number(0.3)
    assert written_number(95) == written_number(95.0)
