"""Frames of many files made one: each observation counts once."""

import pandas as pd

from tests.stored import stored
from tripadvance_core.tabular.joining import with_identity


def fares(*prices: float, first_row: int = 2, **further: object) -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "sheet_row": range(first_row, first_row + len(prices)),
            "date": pd.Timestamp("2025-03-25"),
            "start_city": "Salvador",
            "end_city": "Recife",
            "airline": "Gol",
            "duration_minutes": 80.0,
            "price": prices,
            **further,
        }
    )
    return with_identity(rows)


def prices(*frames: pd.DataFrame) -> list[float]:
    return sorted(stored(*frames).frame()["price"])


def test_rows_of_another_file_count_once() -> None:
    assert prices(fares(1.0, 2.0), fares(2.0, 3.0, first_row=9)) == [1.0, 2.0, 3.0]


def test_equal_rows_inside_a_file_are_separate_observations() -> None:
    assert prices(fares(1.0, 1.0)) == [1.0, 1.0]


def test_rows_count_as_often_as_in_the_file_that_has_them_most() -> None:
    assert prices(fares(1.0), fares(1.0, 1.0, 1.0)) == [1.0, 1.0, 1.0]


def test_rows_that_differ_in_a_further_column_are_both_kept() -> None:
    assert prices(fares(1.0, lead_days=3), fares(1.0, lead_days=4)) == [1.0, 1.0]


def test_column_that_is_text_in_one_file_is_text_in_all() -> None:
    joined = stored(fares(1.0, stops=1.0), fares(2.0, stops="two")).frame()
    assert sorted(joined["stops"]) == ["1", "two"]


def test_column_that_a_file_lacks_is_missing_there() -> None:
    joined = stored(fares(1.0), fares(2.0, stops=1.0)).frame()
    assert joined["stops"].isna().tolist() == [True, False]


def test_no_files_give_no_rows() -> None:
    assert stored().frame().empty
