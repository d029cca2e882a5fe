"""Prices from MASTER beside the file's own columns."""

import csv
import io
from typing import Any

import pandas as pd
import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused, NotFound
from tripadvance_core.messages import sentence

TRIPS = (
    b"note,date,start_city,end_city,airline,duration\n"
    b"first,25/03/2025,Salvador,Recife,Gol,95\n"
    b"no year,25/03,Salvador,Recife,Gol,95\n"
    b"last,25/03/2025,Recife,Salvador,Azul,95\n"
)


def predict(house: Any, content: bytes = TRIPS) -> tuple[Any, list[dict[str, str]]]:
    result = house.services.prediction.predict_file(
        content, "trips.csv", ColumnMapping(), file_type="csv"
    )
    text = result.content.decode("utf-8-sig")
    return result, list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def reigning(house: Any) -> Any:
    house.upload(rows=400)
    house.run()
    return house


def test_without_a_master_there_are_no_prices(house: Any) -> None:
    with pytest.raises(NotFound, match="NO_MASTER"):
        predict(house)


def test_rows_keep_their_order_and_unreadable_ones_stay_empty(reigning: Any) -> None:
    result, rows = predict(reigning)
    assert [row["note"] for row in rows] == ["first", "no year", "last"]
    assert [bool(row["predicted_price"]) for row in rows] == [True, False, True]
    assert [refused.row for refused in result.trips.refused] == [3]


def test_price_lies_in_its_range_and_names_its_model(reigning: Any) -> None:
    _, rows = predict(reigning)
    first = rows[0]
    low, price, high = (float(first[n]) for n in ("low", "predicted_price", "high"))
    assert 0 < low < price < high
    assert first["model_id"] == reigning.services.registry.master().id


def test_file_that_cannot_be_read_is_refused(reigning: Any) -> None:
    with pytest.raises(FileRefused):
        predict(reigning, b"what?")


def test_trip_that_does_not_say_when_it_asks_asks_today(house: Any) -> None:
    """In the house's zone the clock shows 24 November 2026."""
    asked = house.services.prediction._asked_now(
        pd.DataFrame({"date": pd.to_datetime(["2026-12-24"])})
    )
    assert asked["quote_date"].tolist() == [pd.Timestamp("2026-11-24")]
    given = pd.Series(pd.to_datetime(["2026-11-01", None]))
    asked = house.services.prediction._asked_now(pd.DataFrame({"quote_date": given}))
    days = [pd.Timestamp("2026-11-01"), pd.Timestamp("2026-11-24")]
    assert asked["quote_date"].tolist() == days


def test_trip_outside_what_was_learned_says_so_in_words(house: Any) -> None:
    house.upload(rows=400)
    house.run()
    trips = (
        b"date,start_city,end_city,airline,duration\n"
        b"25/03/2025,Salvador,Recife,Gol,80\n"
        b"25/03/2025,Narnia,Recife,Gol,80\n"
    )
    result = house.services.prediction.predict_file(
        trips, "trips.csv", ColumnMapping(), file_type="csv"
    )
    known, unknown = csv.DictReader(io.StringIO(result.content.decode("utf-8-sig")))
    assert known["doubt"] == ""
    assert float(known["low"]) < float(known["predicted_price"]) < float(known["high"])
    assert (unknown["low"], unknown["high"]) == ("", "")
    assert unknown["doubt"] == sentence("UNSEEN_START_CITY", "pt-BR")
