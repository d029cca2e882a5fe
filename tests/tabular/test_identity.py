"""A row's identity is its own core content and nothing else."""

import pandas as pd
import pytest

from tripadvance_core.domain.holdout import HOLDOUT_SHARE
from tripadvance_core.tabular.identity import (
    canonical_names,
    reserved_rows,
    row_hashes,
)


def fares(**changes: object) -> pd.DataFrame:
    row = {
        "date": pd.Timestamp("2025-08-13"),
        "start_city": "São Paulo",
        "end_city": "Porto Alegre",
        "airline": "Azul",
        "duration_minutes": 65.0,
        "price": 95.8,
    }
    return pd.DataFrame([row | changes])


def test_hash_of_a_row_never_changes() -> None:
    assert row_hashes(fares()).tolist() == [10363547231978642447]


@pytest.mark.parametrize(
    "changes",
    [
        {"stops": 2, "class": "Business", "sheet_row": 17},
        {"start_city": " SÃO  paulo"},
        {"airline": "AZUL"},
        {"duration_minutes": 65},
        {"price": 95.80000000001},
    ],
)
def test_spelling_and_further_columns_do_not_count(changes: dict[str, object]) -> None:
    assert row_hashes(fares(**changes)).equals(row_hashes(fares()))


@pytest.mark.parametrize(
    "changes",
    [
        {"date": pd.Timestamp("2025-08-14")},
        {"start_city": "Porto Alegre", "end_city": "São Paulo"},
        {"airline": "Gol"},
        {"duration_minutes": 66.0},
        {"price": 95.81},
    ],
)
def test_every_core_value_counts(changes: dict[str, object]) -> None:
    assert row_hashes(fares(**changes)).tolist() != row_hashes(fares()).tolist()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_unit_of_the_dates_does_not_count(unit: str) -> None:
    frame = fares()
    frame["date"] = frame["date"].astype(f"datetime64[{unit}]")
    assert row_hashes(frame).equals(row_hashes(fares()))


def test_order_and_company_of_rows_do_not_count() -> None:
    frame = pd.concat([fares(price=float(p)) for p in range(50, 150)])
    frame.index = pd.RangeIndex(1_000, 1_100)
    hashes = row_hashes(frame)
    assert hashes.index.equals(frame.index)
    assert hashes.is_unique
    assert row_hashes(frame[::-1])[::-1].equals(hashes)
    assert row_hashes(frame[30:31]).equals(hashes[30:31])


def test_about_one_row_in_five_is_reserved() -> None:
    frame = pd.concat([fares()] * 2_000).assign(price=range(1, 2_001))
    assert reserved_rows(frame).mean() == pytest.approx(HOLDOUT_SHARE, abs=0.03)


def test_frame_without_rows_has_no_identities() -> None:
    assert row_hashes(fares()[:0]).empty
    assert reserved_rows(fares()[:0]).dtype == bool


def test_missing_name_stays_missing() -> None:
    names = pd.Series(["  RECIFE ", None, "Recife"])
    assert canonical_names(names).tolist()[::2] == ["recife", "recife"]
    assert canonical_names(names).isna().tolist() == [False, True, False]
