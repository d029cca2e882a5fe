"""Former fares: what a row may know of them, and that it knows no more."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stored import stored
from tripadvance_core.tabular import former_fares
from tripadvance_core.tabular.features import columns_of
from tripadvance_core.tabular.former_fares import FEATURES, LONGEST_GAP, FormerFares
from tripadvance_core.tabular.identity import row_hashes

SEED = 7
FLIGHT = pd.Timestamp("2025-06-01")


def quotes(*prices_by_day: tuple[int, float], airline: str = "Gol") -> pd.DataFrame:
    """Return quotes of one trip: the day in January, the price."""
    days, prices = zip(*prices_by_day, strict=True)
    return pd.DataFrame(
        {
            "date": FLIGHT,
            "start_city": "Recife",
            "end_city": "Belém",
            "airline": airline,
            "duration_minutes": 150.0,
            "price": np.array(prices, float),
            "quote_date": [
                pd.Timestamp("2025-01-01") + pd.Timedelta(days=d - 1) for d in days
            ],
        }
    )


def learned(frame: pd.DataFrame) -> FormerFares:
    former = FormerFares.of(stored(frame))
    assert former is not None
    return former


def known(former: FormerFares, row: pd.DataFrame) -> dict[str, float]:
    found = np.exp(former.known_to(columns_of(row)))
    assert found.shape == (len(row), len(FEATURES))
    return dict(zip(FEATURES, found[0].tolist(), strict=True))


def learnable(frame: pd.DataFrame) -> pd.DataFrame:
    hashes = row_hashes(frame.assign(price=1.0)).to_numpy(np.uint64)
    hashes = hashes ^ np.arange(len(frame), dtype=np.uint64)
    columns = columns_of(frame)
    known = learned(frame).learnable_from(columns, hashes, SEED)
    return pd.DataFrame(known, columns=list(FEATURES))


def many_quotes(rows: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    quoted = pd.Timestamp("2025-01-01") + pd.to_timedelta(
        random.integers(0, 40, rows), unit="D"
    )
    return pd.DataFrame(
        {
            "date": quoted + pd.to_timedelta(random.integers(1, 4, rows), unit="D"),
            "start_city": random.choice(["Recife", "Natal"], rows),
            "end_city": random.choice(["Belém", "Salvador"], rows),
            "airline": random.choice(["Gol", "Azul"], rows),
            "duration_minutes": random.choice([60.0, 90.0, np.nan], rows),
            "price": random.lognormal(5, 0.5, rows),
            "quote_date": quoted,
        }
    )


WEEK = quotes((1, 100), (2, 200), (3, 400), (4, 100), (5, 100), (5, 400))


def test_question_knows_all_prices_until_its_day() -> None:
    found = known(learned(WEEK), quotes((3, 1)))
    assert found["former.trip.last"] == pytest.approx(400)
    assert found["former.trip.mean"] == pytest.approx(200)
    assert found["former.trip.recent"] == pytest.approx(200)


def test_prices_of_one_day_are_one_entry() -> None:
    found = known(learned(WEEK), quotes((9, 1)))
    assert found["former.trip.last"] == pytest.approx(200)


def test_recent_is_of_the_last_eight_days_with_a_price() -> None:
    former = learned(
        quotes(*((day, 100.0 if day > 2 else 900.0) for day in range(1, 11)))
    )
    found = known(former, quotes((30, 1)))
    assert found["former.route.recent"] == pytest.approx(100)
    assert found["former.route.mean"] > 150


def test_question_without_a_day_asks_now() -> None:
    row = quotes((1, 1))
    now = known(learned(WEEK), quotes((9, 1)))
    assert known(learned(WEEK), row.drop(columns="quote_date")) == now
    undated = row.assign(quote_date=pd.NaT).astype({"quote_date": "datetime64[s]"})
    assert known(learned(WEEK), undated) == now


def test_keys_tell_route_airline_and_trip_apart() -> None:
    other = quotes((1, 900), airline="Azul")
    former = learned(pd.concat([WEEK, other]))
    found = known(former, quotes((1, 1), airline="AZUL "))
    assert found["former.airline.mean"] == pytest.approx(900)
    assert found["former.route.mean"] == pytest.approx(300)
    later_flight = quotes((1, 1)).assign(date=FLIGHT + pd.Timedelta(days=1))
    found = known(former, later_flight)
    assert np.isnan(found["former.trip.mean"])
    assert found["former.airline.mean"] == pytest.approx(100)


def test_unseen_route_has_no_former() -> None:
    found = known(learned(WEEK), quotes((9, 1)).assign(start_city="Tóquio"))
    assert all(np.isnan(value) for value in found.values())


def test_few_days_or_none_are_no_history() -> None:
    assert FormerFares.of(stored(quotes((1, 1), (2, 1), (3, 1), (4, 1)))) is None
    assert FormerFares.of(stored(WEEK.drop(columns="quote_date"))) is None
    assert FormerFares.of(stored(WEEK.assign(quote_date=pd.NaT))) is None


@settings(max_examples=25, deadline=None)
@given(row=st.integers(0, 199), factor=st.floats(1.5, 20), seed=st.integers(0, 50))
def test_row_learns_nothing_from_its_own_price_or_a_younger_one(
    row: int, factor: float, seed: int
) -> None:
    frame = many_quotes(200, seed)
    before = learnable(frame)
    young = frame["quote_date"] >= frame["quote_date"][row]
    assert young[row]
    changed = frame.assign(price=frame["price"].where(~young, frame["price"] * factor))
    older = frame["quote_date"] <= frame["quote_date"][row]
    pd.testing.assert_frame_equal(learnable(changed)[older], before[older])


def test_row_learns_from_older_prices() -> None:
    frame = many_quotes(200, 1)
    day = frame["quote_date"].median()
    older = frame["quote_date"] < day
    changed = frame.assign(price=frame["price"].where(~older, frame["price"] * 2))
    far = frame["quote_date"] > day + pd.Timedelta(days=LONGEST_GAP // 2)
    moved = (learnable(changed) - learnable(frame))[far]["former.route.mean"]
    assert (moved > 0.1).all()


def test_gap_is_drawn_from_one_day_to_the_longest() -> None:
    """Each day has its own price, so the last one known tells the gap."""
    frame = quotes(
        *((day, np.exp(day / 100)) for day in range(1, 201) for _ in range(5))
    )
    last = 100 * learnable(frame)["former.trip.last"]
    quoted = frame["quote_date"].rank(method="dense")
    gaps = (quoted - last).dropna().round()
    assert set(gaps) == set(range(1, LONGEST_GAP + 1))


def test_row_without_a_day_learns_no_former() -> None:
    frame = many_quotes(100, 2)
    frame.loc[3, "quote_date"] = pd.NaT
    assert learnable(frame).loc[3].isna().all()


def test_order_of_rows_has_no_say() -> None:
    frame = many_quotes(500, 3)
    shuffled = frame.sample(frac=1, random_state=1)
    assert learned(frame).to_bytes() == learned(shuffled).to_bytes()


def test_table_is_the_same_after_a_trip_through_bytes() -> None:
    frame = many_quotes(300, 4)
    former = learned(frame)
    again = FormerFares.from_bytes(former.to_bytes(), former.longest_gap)
    columns = columns_of(frame)
    np.testing.assert_array_equal(again.known_to(columns), former.known_to(columns))


def test_entries_kept_are_bounded_and_the_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = many_quotes(500, 5)
    monkeypatch.setattr(former_fares, "MOST_ENTRIES", 40)
    former = learned(frame)
    for entries in former.entries.values():
        assert 0 < len(entries.table) <= 40
        assert entries.table["day"].max() == former.entries["route"].table["day"].max()
