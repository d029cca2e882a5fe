"""The matrix: every usable column, frozen categories, nothing that looks ahead."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stored import stored
from tripadvance_core.tabular.calendar import CYCLES
from tripadvance_core.tabular.features import (
    AIRLINE_ROUTE,
    ROUTE,
    FeatureEncoder,
    routes,
)

CITIES = ["Recife", "Belém", "São Paulo"]
CORE = [
    "date.number",
    "duration_minutes",
    "start_city",
    "end_city",
    "airline",
    ROUTE,
    AIRLINE_ROUTE,
]


def fares(rows: int = 12, **further: object) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": pd.date_range("2025-01-30", periods=rows),
            "start_city": [CITIES[n % 3] for n in range(rows)],
            "end_city": [CITIES[(n + 1) % 3] for n in range(rows)],
            "airline": [["Gol", "Azul"][n % 2] for n in range(rows)],
            "duration_minutes": [60.0 + n for n in range(rows)],
            "price": [100.0 + n for n in range(rows)],
            **further,
        }
    )


def matrix(encoder: FeatureEncoder, frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(encoder.transform(frame), columns=encoder.names)


def test_core_columns_alone_give_the_core_features() -> None:
    encoder = FeatureEncoder.fit(stored(fares()))
    assert list(encoder.names) == CORE
    assert encoder.types == ["float"] * 2 + ["c"] * 5
    result = encoder.transform(fares())
    assert result.shape == (12, 7)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


def test_calendar_is_that_of_the_date() -> None:
    row = matrix(FeatureEncoder.fit(stored(fares(400))), fares(400)).iloc[0]
    calendar = row[["date.month", "date.day", "date.weekday", "date.yearday"]]
    assert calendar.tolist() == [1, 30, 3, 30]
    assert row["date.number"] == 9161  # days from 2000-01-01 to 2025-01-30


@pytest.mark.parametrize(
    ("days", "known"),
    [
        (83, set()),
        (84, {"date.weekday"}),
        (180, {"date.weekday", "date.after_holiday", "date.before_holiday"}),
        (365, set(CYCLES)),
    ],
)
def test_part_of_the_calendar_needs_a_history_that_shows_it(
    days: int, known: set[str]
) -> None:
    encoder = FeatureEncoder.fit(stored(fares(days)))
    assert set(encoder.core_numbers) & set(CYCLES) == known


def test_lead_time_is_reckoned_where_the_quote_date_is_known() -> None:
    quoted = pd.Series(pd.to_datetime(["2025-01-20", None, "2025-01-31"] * 4))
    frame = fares(quote_date=quoted)
    encoder = FeatureEncoder.fit(stored(frame))
    result = matrix(encoder, frame)["lead_days"]
    assert result[0] == 10
    assert math.isnan(result[1])
    assert result[2] == 1
    assert matrix(encoder, fares())["lead_days"].isna().all()


def test_day_of_the_quote_tells_how_prices_move_where_there_are_several() -> None:
    quoted = pd.Series(pd.to_datetime(["2025-01-20", None, "2025-01-31"] * 4))
    frame = fares(quote_date=quoted)
    encoder = FeatureEncoder.fit(stored(frame))
    result = matrix(encoder, frame)["quote_date.number"]
    assert result[0] == 9151  # days from 2000-01-01
    assert math.isnan(result[1])
    assert result[2] - result[0] == 11
    assert matrix(encoder, fares())["quote_date.number"].isna().all()
    one_day = fares(quote_date=pd.Timestamp("2025-01-20"))
    assert "quote_date.number" not in FeatureEncoder.fit(stored(one_day)).names


def test_seats_are_a_weight_and_no_feature() -> None:
    assert list(FeatureEncoder.fit(stored(fares(seats=range(12)))).names) == CORE


def test_further_day_is_a_number() -> None:
    back = pd.date_range("2025-03-01", periods=12)
    result = matrix(FeatureEncoder.fit(stored(fares(back=back))), fares(back=back))
    assert np.diff(result["back"]).tolist() == [1] * 11


def test_plain_arrays_give_the_matrix_of_the_frame() -> None:
    frame = fares(cabin=["Economy", "Business"] * 6)
    encoder = FeatureEncoder.fit(stored(frame))
    arrays = {name: frame[name].to_numpy() for name in frame}
    np.testing.assert_array_equal(encoder.transform(arrays), encoder.transform(frame))


def test_long_list_of_values_stands_in_the_order_of_its_prices() -> None:
    rows = 6_000
    codes = [f"code {n // 2}" for n in range(rows)]
    frame = fares(rows, code=codes).assign(price=lambda f: 1.0 + f.index[::-1])
    encoder = FeatureEncoder.fit(stored(frame))
    assert encoder.ordered == ("code",)
    assert encoder.types[-1] == "float"
    result = matrix(encoder, frame)["code"].to_numpy()
    assert (np.diff(result) <= 0).all()
    turned = FeatureEncoder.fit(stored(frame[::-1]))
    assert turned.categories["code"] == encoder.categories["code"]


def test_row_is_later_by_its_flight_or_by_its_quote() -> None:
    quoted = pd.Series([pd.Timestamp("2025-01-20")] * 12)
    encoder = FeatureEncoder.fit(stored(fares(quote_date=quoted)))
    later = quoted.where(quoted.index != 3, pd.Timestamp("2025-01-21"))
    later = later.where(later.index != 5, pd.NaT)
    asked = encoder.is_later(fares(quote_date=later))
    assert np.flatnonzero(asked).tolist() == [3, 5]
    assert encoder.is_later(fares()).all()
    plain = FeatureEncoder.fit(stored(fares()))
    assert np.flatnonzero(plain.is_later(fares(14))).tolist() == [12, 13]


def test_days_beyond_count_on_both_sides() -> None:
    encoder = FeatureEncoder.fit(stored(fares()))
    moved = fares().assign(date=fares()["date"] - pd.Timedelta(days=3))
    assert encoder.days_beyond(moved).tolist() == [3, 2, 1] + [0] * 9
    assert encoder.days_beyond(fares(14)).tolist() == [0] * 12 + [1, 2]


def test_codes_lead_back_to_the_values() -> None:
    encoder = FeatureEncoder.fit(stored(fares()))
    codes = matrix(encoder, fares())[ROUTE].astype(int)
    known = encoder.categories[ROUTE]
    assert [known[code] for code in codes] == routes(fares()).tolist()


def test_spelling_of_a_city_does_not_count() -> None:
    encoder = FeatureEncoder.fit(stored(fares()))
    loud = fares().assign(start_city=lambda f: " " + f["start_city"].str.upper())
    np.testing.assert_array_equal(encoder.transform(loud), encoder.transform(fares()))
    assert not encoder.unknown_values(loud).any(axis=None)


def test_price_and_what_is_about_the_row_are_never_features() -> None:
    frame = fares(
        sheet_row=range(12), row_hash=list("abababababab"), reserved=[True, False] * 6
    )
    encoder = FeatureEncoder.fit(stored(frame))
    assert list(encoder.names) == CORE
    assert not encoder.dropped
    changed = frame.assign(price=7.0, reserved=True, sheet_row=0)
    np.testing.assert_array_equal(encoder.transform(changed), encoder.transform(frame))


def test_further_columns_become_numbers_or_categories() -> None:
    frame = fares(
        stops=[0, 1, 2] * 4,
        bags=["1", "2", None] * 4,
        flex=[True, False] * 6,
        cabin=["Economy", "Business"] * 6,
    )
    encoder = FeatureEncoder.fit(stored(frame))
    assert encoder.numbers == ("bags", "flex", "stops")
    assert set(encoder.categories) == {*CORE[2:], "cabin"}
    result = matrix(encoder, frame)
    assert result["stops"].tolist() == [0, 1, 2] * 4
    assert result["bags"][:2].tolist() == [1, 2]
    assert math.isnan(result["bags"][2])


def test_columns_that_teach_nothing_are_dropped_and_named() -> None:
    frame = fares(
        currency=["BRL"] * 12,
        empty=[None] * 12,
        booking=[f"ref-{n}" for n in range(12)],
        cabin=["Economy", "Business"] * 6,
    )
    encoder = FeatureEncoder.fit(stored(frame))
    assert encoder.dropped == {
        "booking": "nearly unique",
        "currency": "constant",
        "empty": "constant",
    }
    assert {"cabin"} == set(encoder.names) - set(CORE)


def test_unseen_values_are_missing_and_reported() -> None:
    encoder = FeatureEncoder.fit(stored(fares(cabin=["Economy", "Business"] * 6)))
    new = fares(2, cabin=["Economy", "First"]).assign(airline=["Gol", "Latam"])
    result = matrix(encoder, new)
    assert result["airline"].isna().tolist() == [False, True]
    assert result["cabin"].isna().tolist() == [False, True]
    unknown = encoder.unknown_values(new)
    assert unknown["airline"].tolist() == [False, True]
    assert unknown["cabin"].tolist() == [False, True]
    assert not unknown["start_city"].any()


def test_missing_columns_are_missing_values_and_other_columns_are_ignored() -> None:
    encoder = FeatureEncoder.fit(stored(fares(stops=[0, 1] * 6, cabin=["A", "B"] * 6)))
    trip = fares(1, meal="yes").drop(columns="price")
    result = matrix(encoder, trip)
    assert result[["stops", "cabin"]].isna().all(axis=None)
    assert result[CORE].notna().all(axis=None)
    assert not encoder.unknown_values(trip).any(axis=None)


def test_text_among_numbers_is_missing() -> None:
    encoder = FeatureEncoder.fit(stored(fares(stops=[0, 1] * 6)))
    result = matrix(encoder, fares(3, stops=["1", "many", None]))
    assert result["stops"][0] == 1
    assert result["stops"][1:].isna().all()


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300])
def test_infinite_values_are_missing(value: float) -> None:
    encoder = FeatureEncoder.fit(stored(fares(stops=[0.0, 1.0] * 6)))
    result = matrix(encoder, fares(2, stops=[value, 1.0]))
    assert result["stops"].isna().tolist() == [True, False]


def test_two_and_two_point_zero_are_one_category() -> None:
    code = ["2", "3", "x"] * 4
    encoder = FeatureEncoder.fit(stored(fares(code=code)))
    result = matrix(encoder, fares(2, code=[2.0, 3.0]))
    expected = matrix(encoder, fares(2, code=["2", "3"]))
    assert result["code"].tolist() == expected["code"].tolist()
    assert result["code"].notna().all()


def test_order_of_rows_and_columns_does_not_change_the_encoder() -> None:
    frame = fares(b=["x", "y"] * 6, a=["u", "v", "w"] * 4)
    turned = frame.iloc[::-1, ::-1]
    assert FeatureEncoder.fit(stored(turned)) == FeatureEncoder.fit(stored(frame))


def test_encoder_survives_json() -> None:
    encoder = FeatureEncoder.fit(
        stored(fares(cabin=["Économy", "B\u2028"] * 6, x=["", "q"] * 6))
    )
    read = FeatureEncoder.model_validate_json(encoder.model_dump_json())
    assert read == encoder
    assert read.names == encoder.names


def test_frame_without_rows_gives_a_matrix_without_rows() -> None:
    encoder = FeatureEncoder.fit(stored(fares(cabin=["A", "B"] * 6)))
    assert encoder.transform(fares()[:0]).shape == (0, len(encoder.names))


ANY = st.one_of(
    st.none(), st.text(max_size=5), st.floats(), st.integers(-(2**70), 2**70)
)


@settings(deadline=None)
@given(st.lists(ANY, min_size=12, max_size=12), st.lists(ANY, min_size=3, max_size=3))
def test_any_further_column_can_be_learnt_and_predicted(
    seen: list[object], served: list[object]
) -> None:
    encoder = FeatureEncoder.fit(stored(fares(extra=pd.Series(seen, dtype=object))))
    served_frame = fares(3, extra=pd.Series(served, dtype=object))
    result = encoder.transform(served_frame)
    assert result.shape == (3, len(encoder.names))
    assert not np.isinf(result).any()
    assert encoder.unknown_values(served_frame).shape[0] == 3


def test_value_seen_once_is_unknown_even_in_its_own_row() -> None:
    airlines = ["Gol", "Gol", "Azul", "Azul", "TAP"]
    frame = fares(5).assign(airline=airlines)
    encoder = FeatureEncoder.fit(stored(frame))
    assert encoder.categories["airline"] == ("azul", "gol")
    assert encoder.unknown_values(frame)["airline"].tolist() == [False] * 4 + [True]
