"""One text may be two numbers: the column decides, or nobody does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.numbers import (
    DecimalMark,
    decimal_mark,
    find_decimal_mark,
    number_in,
    read_number,
)


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        ("1234", ".", 1234),
        ("1,234.56", ".", 1234.56),
        ("1.234,56", ",", 1234.56),
        ("1.234.567", ",", 1234567),
        ("2\u202f707,66", ",", 2707.66),
        ("2\u00a0707.66", ".", 2707.66),
        ("-91.2", ".", -91.2),
        ("1e3", ".", 1000),
        ("0.125", ".", 0.125),
    ],
)
def test_number_is_read_by_its_decimal_mark(
    text: str, mark: DecimalMark, number: float
) -> None:
    assert read_number(text, mark) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1e400",
        "inf",
        "NaN",
        "(91.20)",
        "91.20*",
        "1,23,4.5",
        "1.2.3",
        "٣",
        "1²",
    ],
)
def test_what_is_no_finite_number_is_none(text: str) -> None:
    assert read_number(text, ".") is None


def test_groups_have_three_digits_and_one_mark() -> None:
    assert read_number("1,23", ".") is None
    assert read_number("1,234 567", ".") is None
    assert read_number("0,125", ".") is None


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["137.06", "1.037"], "."),
        (["137,06", "1,037"], ","),
        (["1.234,5"], ","),
        (["100", "250"], "."),
        (["0.125"], "."),
        (["76,80", "abc", "2h 50m"], ","),
        ([], "."),
    ],
)
def test_column_decides_its_decimal_mark(texts: list[str], mark: str) -> None:
    assert find_decimal_mark(texts) == mark


@pytest.mark.parametrize("texts", [["1.037", "980"], ["1,037"], ["1.5", "2,5"]])
def test_column_that_fits_two_readings_or_none_is_refused(texts: list[str]) -> None:
    with pytest.raises(FileRefused) as refused:
        decimal_mark(texts, "fare")
    assert refused.value.code == "NUMBER_AMBIGUOUS"
    assert "fare" in refused.value.sentence("en")
    assert refused.value.details["example"] in texts


def test_truth_value_is_no_number() -> None:
    assert number_in(True, ".") is None
    assert number_in(1, ".") == 1.0
    assert number_in(" 1.5 ", ".") == 1.5


@given(st.integers(-(10**9), 10**9).map(lambda cents: cents / 100))
def test_number_written_in_either_style_is_read_back(number: float) -> None:
    english = f"{number:,.2f}"
    brazilian = english.translate(str.maketrans(",.", ".,"))
    assert read_number(english, ".") == number
    assert read_number(brazilian, ",") == number


def test_refusal_shows_both_readings() -> None:
    with pytest.raises(FileRefused) as refused:
        decimal_mark(["1.037", "980"], "fare")
    details = refused.value.details
    assert (details["by_point"], details["by_comma"]) == ("1.037", "1037")


def test_owner_settles_what_the_column_leaves_open() -> None:
    assert decimal_mark(["1.037"], "fare", declared=",") == ","
    assert decimal_mark(["1.5", "2,5"], "fare", declared=",") == ","


def test_column_that_tells_is_believed_first() -> None:
    assert decimal_mark(["1.5"], "fare", declared=",") == "."
