"""The past fares that are kept at hand."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.domain.trips import Trip
from tripadvance_core.tabular.features import FeatureEncoder, columns_of
from tripadvance_core.tabular.jobs import from_parquet, to_parquet
from tripadvance_core.tabular.joining import with_identity
from tripadvance_core.tabular.past_fares import (
    FARES_OF_A_ROUTE,
    FEWEST,
    PastFares,
    sampled,
)


def fares(rows: int = 200, seed: int = 1, **columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    start = np.where(rng.random(rows) < 0.5, "Salvador", "Zürich")
    frame = pd.DataFrame(
        {
            "sheet_row": np.arange(rows),
            "date": np.datetime64("2025-01-01", "s")
            + rng.integers(0, 365, rows).astype("timedelta64[D]"),
            "start_city": start,
            "end_city": np.where(start == "Salvador", "Recife", "Salvador"),
            "airline": np.where(rng.random(rows) < 0.7, "Gol", "Azul"),
            "duration_minutes": rng.integers(60, 300, rows).astype(float),
            "price": rng.uniform(100, 900, rows).round(2),
            "cabin": np.where(rng.random(rows) < 0.8, "Economy", "Business"),
            "stops": rng.integers(0, 3, rows).astype(float),
        }
    ).assign(**columns)
    return with_identity(frame)


def past(*frames: pd.DataFrame) -> PastFares:
    encoder = FeatureEncoder.fit(stored(*frames))
    sample = sampled([to_parquet(frame) for frame in frames], encoder)
    return PastFares(from_parquet(to_parquet(sample)), encoder)


def trip(**fields: Any) -> Trip:
    given = {"date": date(2025, 7, 1), "start_city": "Salvador", "end_city": "Recife"}
    return Trip(**(given | fields))


def route(known: PastFares, *cities: str) -> Any:
    found = known.route(*cities)
    assert found is not None
    return found


def test_sample_holds_so_many_fares_of_a_route_and_no_more() -> None:
    known = past(fares(3_000))
    assert route(known, "Salvador", "Recife").size == FARES_OF_A_ROUTE
    assert known.route("Recife", "Salvador") is None


def test_sample_is_the_same_whatever_the_order_of_files() -> None:
    frames = [fares(900, seed) for seed in (1, 2, 3)]
    encoder = FeatureEncoder.fit(stored(frames[0]))
    contents = [to_parquet(frame) for frame in frames]
    there, back = sampled(contents, encoder), sampled(contents[::-1], encoder)
    pd.testing.assert_frame_equal(
        there.reset_index(drop=True), back.reset_index(drop=True), check_like=True
    )


def test_row_that_two_files_share_counts_once() -> None:
    assert past(fares(), fares()).everywhere.size == 200


def test_usual_range_is_the_middle_third() -> None:
    prices = pd.Series(np.linspace(100, 400, 200))
    same_route = {"start_city": "Salvador", "end_city": "Recife", "price": prices}
    usual = route(past(fares(**same_route)), "Salvador", "Recife").usual_range({}, {})
    assert usual.low == pytest.approx(200, abs=3)
    assert usual.high == pytest.approx(300, abs=3)
    assert usual.fares == 200


def test_usual_range_weighs_the_seats() -> None:
    """One row of three stands for a hundred seats each: only its price counts."""
    prices = np.tile([100.0, 200.0, 900.0], 40) + np.arange(120) / 1000
    columns = {
        **{"start_city": "Salvador", "end_city": "Recife", "price": prices},
        "seats": np.tile([1.0, 1.0, 100.0], 40),
    }
    usual = route(past(fares(120, **columns)), "Salvador", "Recife").usual_range({}, {})
    assert usual.low > 800


def test_nobody_tells_what_is_usual_from_too_few_fares() -> None:
    few = fares(FEWEST - 1, start_city="Salvador", end_city="Recife")
    assert route(past(few), "Salvador", "Recife").usual_range({}, {}) is None
    enough = fares(FEWEST, start_city="Salvador", end_city="Recife")
    assert route(past(enough), "Salvador", "Recife").usual_range({}, {}) is not None


def test_usual_range_is_that_of_like_fares() -> None:
    frame = fares(600)
    business = frame["cabin"] == "Business"
    frame.loc[business, "price"] *= 10
    known = route(past(frame), "Salvador", "Recife")
    assert known.usual_range({"cabin": "business"}, {}).low > 1_000
    assert known.usual_range({"cabin": "Economy"}, {}).high < 1_000


def test_assumed_value_counts_only_where_it_tells_cheap_from_dear() -> None:
    frame = fares(600)
    alike = route(past(frame), "Salvador", "Recife")
    assert alike.kinds == ()
    assert alike.usual_range({}, {"cabin": "Business"}) == alike.usual_range({}, {})

    frame.loc[frame["cabin"] == "Business", "price"] *= 30
    known = route(past(frame), "Salvador", "Recife")
    assert known.kinds == ("cabin",)
    assert known.usual_range({}, {"cabin": "Business"}).low > 3_000
    # Of a value that few fares have the route as a whole is told.
    assert known.usual_range({}, {"cabin": "First"}) == known.usual_range({}, {})
    assert known.usual_range({"cabin": "First"}, {}) is None


def test_column_whose_values_are_nearly_all_its_own_tells_nothing() -> None:
    flights = [f"F{number % 150}" for number in range(300)]
    frame = fares(300, start_city="Salvador", end_city="Recife", flight=flights)
    assert route(past(frame), "Salvador", "Recife").kinds == ()


def test_usual_value_is_that_of_the_route_if_the_airline_sells_it() -> None:
    """Most fares of Azul are in business, most of the route in economy."""
    airline = np.repeat(["Gol", "Azul"], [300, 100])
    cabin = np.repeat(["Economy", "Business", "Economy"], [300, 70, 30])
    same_route = {"start_city": "Salvador", "end_city": "Recife"}
    flight = np.where(airline == "Gol", "G3 1", "AD 2")
    frame = fares(400, airline=airline, cabin=cabin, flight=flight, **same_route)
    known = route(past(frame), "Salvador", "Recife")
    assert known.usual("cabin", "Azul") == "Economy"
    assert known.usual("flight", "Azul") == "AD 2"
    assert known.usual("flight", "Gol") == "G3 1"
    assert known.usual("flight") == "G3 1"


def test_nearest_fares_are_of_the_airline_the_season_and_the_cabin() -> None:
    asked = trip(airline="Azul", further={"cabin": "Business"})
    nearest = route(past(fares(900)), "Salvador", "Recife").nearest(asked, 5)
    assert {fare.airline for fare in nearest} == {"Azul"}
    assert {fare.further["cabin"] for fare in nearest} == {"Business"}
    days = [abs((fare.date - asked.date).days) for fare in nearest]
    assert days == sorted(days)


def test_last_december_is_near_to_january() -> None:
    days = pd.Series(pd.to_datetime(["2025-12-30", "2025-02-15"] * 2))
    same_route = {"start_city": "Salvador", "end_city": "Recife", "airline": "Gol"}
    known = past(fares(4, date=days.astype("datetime64[s]"), **same_route))
    nearest = route(known, "Salvador", "Recife").nearest(
        trip(date=date(2026, 1, 2), airline="Gol"), 1
    )
    assert nearest[0].date == date(2025, 12, 30)


def test_names_are_found_however_they_are_written() -> None:
    known = past(fares())
    named, airports = known.named(
        trip(start_city="zurich", end_city="SSA", airline="G3")
    )
    assert (named.start_city, named.end_city) == ("Zürich", "Salvador")
    assert named.airline == "Gol"
    assert airports == {"end_airport": "SSA"}


def test_name_that_nobody_knows_stays() -> None:
    named, _ = past(fares()).named(trip(start_city="Narnia", airline="Aslan Air"))
    assert (named.start_city, named.airline) == ("Narnia", "Aslan Air")


def test_gaps_are_filled_with_what_is_usual_on_the_route() -> None:
    frame = fares(600)
    of_route = frame[frame["start_city"] == "Salvador"]
    asked = pd.DataFrame(
        {
            "date": frame["date"].head(2),
            "start_city": "Salvador",
            "end_city": "Recife",
            "duration_minutes": [np.nan, 95.0],
        }
    )
    filled, where = past(frame).completed(columns_of(asked))
    assert filled["airline"].tolist() == ["Gol", "Gol"]
    assert filled["cabin"].tolist() == ["Economy", "Economy"]
    assert where["duration_minutes"].tolist() == [True, False]
    gol = of_route[of_route["airline"] == "Gol"]["duration_minutes"]
    assert filled["duration_minutes"][0] == pytest.approx(gol.median(), abs=2)
    assert filled["duration_minutes"][1] == 95


def test_what_most_fares_do_not_tell_is_left_open() -> None:
    frame = fares(stops=np.nan, cabin=None)
    frame.loc[:9, ["stops", "cabin"]] = [1.0, "Economy"]
    filled, where = past(frame).completed(
        columns_of(frame.head(3)[["date", "start_city", "end_city"]])
    )
    assert "stops" not in where
    assert filled["cabin"].tolist() == [None] * 3


def test_file_whose_column_holds_numbers_and_one_whose_holds_text_go_together() -> None:
    numbers = fares(100, cabin=np.tile([2.0, 3.0], 50))
    texts = fares(100, seed=2, cabin=np.tile(["2", "first"], 50))
    encoder = FeatureEncoder.fit(stored(numbers, texts))
    sample = sampled([to_parquet(numbers), to_parquet(texts)], encoder)
    assert set(sample["cabin"]) == {"2", "3", "first"}
