"""Frames of many files made one: each observation counts once."""

import gc

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.tabular import joining
from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import FareRows, with_identity


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


def test_rows_come_in_batches_in_the_order_of_the_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joining, "BATCH_ROWS", 2)
    rows = stored(fares(5.0, 4.0, 3.0), fares(2.0, 1.0))
    batches = [batch["price"].tolist() for batch in rows.batches()]
    assert batches == [[5, 4], [3, 2], [1]]
    assert rows.sizes == (3, 2)
    assert len(rows) == 5
    assert rows.column("price").tolist() == [5, 4, 3, 2, 1]


def test_many_small_files_of_one_shape_are_gone_through_at_once() -> None:
    rows = stored(*(fares(float(price)) for price in range(1, 50)))
    (batch,) = rows.batches()
    assert batch["price"].tolist() == list(range(1, 50))
    assert rows.sizes == (1,) * 49


def test_files_keep_their_order_among_files_of_other_shapes() -> None:
    files = [fares(1.0), fares(2.0, stops=1.0), fares(3.0), fares(3.0, 4.0)]
    rows = stored(*files)
    assert rows.column("price").tolist() == [1, 2, 3, 4]
    assert rows.sizes == (1, 1, 1, 1)
    chosen = rows.where(np.array([False, True, False, True]))
    assert chosen.sizes == (0, 1, 0, 1)
    assert chosen.frame()["price"].tolist() == [2, 4]


def test_chosen_rows_can_be_chosen_from_again() -> None:
    rows = stored(fares(5.0, 4.0, 3.0), fares(2.0, 1.0))
    chosen = rows.where(np.array([True, False, True, True, False]))
    assert chosen.frame()["price"].tolist() == [5, 3, 2]
    fewer = chosen.where(np.array([False, True, True]))
    assert fewer.column("price").tolist() == [3, 2]
    assert fewer.where(np.zeros(2, dtype=bool)).frame().empty


def test_columns_that_are_not_asked_for_are_not_read() -> None:
    rows = stored(fares(1.0, stops=1.0), fares(2.0))
    assert [list(batch) for batch in rows.batches(["stops", "price"])] == [
        ["price", "stops"],
        ["price"],
    ]
    assert "stops" in rows.columns
    assert "stops" not in rows.shared


def test_column_that_is_a_day_in_one_file_and_a_number_in_another_is_text() -> None:
    days = fares(1.0, back=pd.Timestamp("2025-04-01"))
    joined = stored(days, fares(2.0, back=7.0)).frame()
    assert joined["back"].tolist() == ["2025-04-01", "7"]


def test_files_are_gone_when_nobody_reads_their_rows_any_more() -> None:
    rows = stored(fares(1.0, 2.0))
    chosen = rows.where(np.array([True, False]))
    folder = chosen._folder.path
    del rows
    assert chosen.frame()["price"].tolist() == [1]
    del chosen
    gc.collect()
    assert not folder.exists()


def test_shares_have_all_rows_once_and_in_their_order() -> None:
    files = [
        fares(1.0, 2.0, 3.0),
        fares(3.0, 4.0, first_row=9),
        fares(5.0, cabin="Economy"),
        fares(6.0, 7.0, cabin=2.0),
    ]
    contents = [to_parquet(file) for file in files]
    rows = FareRows.distinct(contents)
    chosen = rows.where(rows.column("price") != 2)
    shares = chosen.shares(3)
    parts = [
        FareRows.of_share(share, [contents[place] for place in share.files])
        for share in shares
    ]
    assert [share.rows for share in shares] == [len(part) for part in parts] == [2] * 3
    assert [p for part in parts for p in part.column("price")] == [1, 3, 4, 5, 6, 7]


def test_column_of_several_kinds_is_text_in_a_share_that_knows_one_kind() -> None:
    contents = [to_parquet(fares(1.0, cabin=2.0)), to_parquet(fares(2.0, cabin="a"))]
    share = FareRows.distinct(contents).shares(2)[0]
    assert FareRows.of_share(share, contents[:1]).frame()["cabin"].tolist() == ["2"]
