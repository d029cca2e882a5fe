"""Fares in a few figures."""

import pandas as pd

from tripadvance_core.tabular.summary import by_lead_time, by_month, by_route


def fares(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "start_city", "end_city", "price"])
    return frame.assign(date=pd.to_datetime(frame["date"]))


FARES = fares(
    ("2026-01-10", "Recife", "Natal", 100.0),
    ("2026-01-20", "Recife", "Natal", 300.0),
    ("2026-02-01", "Natal", "Recife", 50.0),
)


def test_route_with_most_fares_comes_first() -> None:
    routes = by_route(FARES)
    assert routes["fares"].tolist() == [2, 1]
    assert routes.loc[0, ["start_city", "end_city", "median"]].tolist() == [
        "Recife",
        "Natal",
        200.0,
    ]


def test_months_are_those_of_the_flights() -> None:
    months = by_month(FARES)
    assert months["month"].dt.strftime("%Y-%m").tolist() == ["2026-01", "2026-02"]
    assert months["fares"].tolist() == [2, 1]


def test_lead_time_counts_from_the_day_the_price_was_seen() -> None:
    seen = pd.to_datetime(["2026-01-10", "2026-01-13", None])
    leads = by_lead_time(FARES.assign(quote_date=seen))
    assert leads["first_day"].tolist() == [0, 4]
    assert leads["median"].tolist() == [100.0, 300.0]


def test_lead_time_of_fares_that_do_not_say_when_they_were_seen_is_empty() -> None:
    assert by_lead_time(FARES).empty
    assert by_lead_time(FARES.assign(quote_date=pd.NaT)).empty
