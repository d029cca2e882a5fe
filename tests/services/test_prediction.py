"""Prices from MASTER: for one trip, a month, another choice, a whole spreadsheet."""

import csv
import io
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tripadvance_core.bootstrap import Services, build_services, opened_services
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.domain.trips import Trip
from tripadvance_core.errors import FileRefused, NotFound, Refused
from tripadvance_core.messages import sentence
from tripadvance_core.services import prediction
from tripadvance_core.services.night import NightOrder
from tripadvance_core.services.prediction import MOST_TRIPS, PredictedFile
from tripadvance_core.settings import load_settings

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
"""An hour of the night in São Paulo."""

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


def test_reason_of_each_row_is_the_sum_that_its_price_is(reigning: Any) -> None:
    _, rows = predict(reigning)
    for row in rows:
        assert bool(row["reason"]) == bool(row["predicted_price"])
        if row["reason"]:
            parts = re.findall(r"([+−]?)\s*\w+\$\s([\d.]+,\d\d)", row["reason"])
            total = sum(
                Decimal(amount.replace(".", "").replace(",", "."))
                * (-1 if sign == "−" else 1)
                for sign, amount in parts
            )
            assert total == Decimal(row["predicted_price"])
            assert len(parts) > 2


def test_only_the_first_rows_of_many_are_explained(
    reigning: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "MOST_EXPLAINED", 1)
    _, rows = predict(reigning)
    assert rows[0]["reason"].startswith("Parte de")
    assert rows[-1]["reason"] == sentence("REASONS_END", "pt-BR", most="1")


def test_file_that_cannot_be_read_is_refused(reigning: Any) -> None:
    with pytest.raises(FileRefused):
        predict(reigning, b"what?")


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


def trip(**fields: Any) -> Trip:
    given = {"date": date(2025, 7, 10), "start_city": "Salvador", "end_city": "Recife"}
    return Trip(**(given | fields))


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, make_fares: Callable[..., bytes]
) -> Iterator[Services]:
    """A MASTER for all tests that only ask it."""
    with reigning_over(tmp_path_factory.mktemp("data"), make_fares(900)) as services:
        yield services


@contextmanager
def reigning_over(
    data_dir: Path, content: bytes, **settings: Any
) -> Iterator[Services]:
    small = {"boosting_rounds": 20, "max_leaves": 16, "threads": 1}
    with opened_services(
        load_settings(data_dir, **(small | settings)), lambda: NOW
    ) as services:
        services.uploads.ingest(content, "fares.csv", ColumnMapping(), owner="ana")
        services.night.run_partition(NightOrder(holder="test"), services.training)
        assert services.registry.master() is not None
        yield services


def test_reasons_add_up_to_the_price_to_the_cent(shared: Services) -> None:
    for month in range(1, 13):
        quote = shared.prediction.quote(trip(date=date(2025, month, 15)))
        cents = [round(100 * reason.amount) for reason in quote.reasons]
        assert round(100 * quote.base) + sum(cents) == round(100 * quote.priced.price)
        assert "WHY_AIRLINE" in {reason.code for reason in quote.reasons}


def test_trip_is_known_by_other_spellings(shared: Services) -> None:
    plain = shared.prediction.quote(trip(airline="Gol"))
    spelled = shared.prediction.quote(
        trip(start_city="SALVADOR", end_city="recife", airline="G3")
    )
    assert spelled == plain


def test_one_city_under_two_names_is_refused(shared: Services) -> None:
    with pytest.raises(Refused, match="SAME_CITY"):
        shared.prediction.quote(trip(end_city="SSA"))


def test_form_list_and_spreadsheet_give_one_price(shared: Services) -> None:
    asked = trip(date=date(2025, 7, 25), airline="Gol", duration_minutes=95)
    quote = shared.prediction.quote(asked)
    (listed,) = shared.prediction.price([asked]).trips
    sheet = b"date,start_city,end_city,airline,duration\n25/07/2025,Salvador,Recife,Gol,95\n"
    written = shared.prediction.predict_file(
        sheet, "trips.csv", ColumnMapping(), file_type="csv"
    )
    text = written.content.decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert listed == quote.priced
    assert float(row["predicted_price"]) == quote.priced.price
    assert (float(row["low"]), float(row["high"])) == (
        quote.priced.low,
        quote.priced.high,
    )


def test_what_a_trip_does_not_tell_is_told_as_assumed(shared: Services) -> None:
    priced = shared.prediction.quote(trip()).priced
    assert set(priced.assumed) == {"airline", "duration_minutes"}
    assert priced.trip.duration_minutes == 95
    assert priced.trip.airline in {"Gol", "LATAM", "Azul"}


def test_past_fares_are_of_the_route_and_the_airline_first(shared: Services) -> None:
    quote = shared.prediction.quote(trip(airline="Azul"))
    assert quote.past_fares
    assert quote.past_fares[0].airline == "Azul"
    assert quote.usual is not None
    assert quote.usual.low < quote.usual.high


def test_trip_of_an_unknown_city_has_a_doubt_and_no_range(shared: Services) -> None:
    quote = shared.prediction.quote(trip(end_city="Narnia"))
    assert quote.priced.doubts == ("UNSEEN_END_CITY",)
    assert (quote.priced.low, quote.priced.high) == (None, None)
    assert (quote.past_fares, quote.usual, quote.level) == ((), None, None)


def test_day_asked_is_among_its_variants(shared: Services) -> None:
    varied = shared.prediction.variants(trip(airline="Gol"), "date")
    (asked,) = (variant for variant in varied.variants if variant.asked)
    assert asked.value == date(2025, 7, 10)
    assert (
        asked.priced.price == shared.prediction.quote(trip(airline="Gol")).priced.price
    )
    assert len(varied.variants) == 15


def test_every_airline_of_the_route_is_a_variant(shared: Services) -> None:
    varied = shared.prediction.variants(trip(airline="Gol"), "airline")
    assert {variant.value for variant in varied.variants} == {"Gol", "LATAM", "Azul"}
    assert [variant.value for variant in varied.variants if variant.asked] == ["Gol"]
    prices = {variant.value: variant.priced.price for variant in varied.variants}
    assert prices["Gol"] < prices["Azul"]


@pytest.mark.parametrize("field", ["lead_days", "price", "cabin"])
def test_field_that_teaches_nothing_is_not_varied(shared: Services, field: str) -> None:
    with pytest.raises(Refused, match="FIELD_NOT_VARIED"):
        shared.prediction.variants(trip(), field)


def test_column_that_the_model_does_not_know_is_refused(shared: Services) -> None:
    with pytest.raises(Refused, match="COLUMN_NOT_LEARNED"):
        shared.prediction.quote(trip(further={"cabin": "Business"}))


def test_calendar_has_every_day_with_its_cheapest_airline(shared: Services) -> None:
    calendar = shared.prediction.calendar(trip(), date(2024, 2, 17))
    assert [day.day for day in calendar.days] == [
        date(2024, 2, number) for number in range(1, 30)
    ]
    assert {day.priced.trip.airline for day in calendar.days} == {"Gol"}
    least = min(day.priced.price for day in calendar.days)
    assert {day.priced.price for day in calendar.days if day.cheapest} == {least}


def test_calendar_says_where_each_price_stands(shared: Services) -> None:
    calendar = shared.prediction.calendar(trip(), date(2025, 7, 1))
    assert calendar.usual is not None
    for day in calendar.days:
        assert day.level is calendar.usual.level(day.priced.price)


def test_calendar_of_one_airline_asks_no_other(shared: Services) -> None:
    calendar = shared.prediction.calendar(trip(airline="Azul"), date(2025, 7, 1))
    assert {day.priced.trip.airline for day in calendar.days} == {"Azul"}


def test_vocabulary_is_that_of_the_model(shared: Services) -> None:
    known = shared.prediction.vocabulary()
    cities = ("Belém", "Curitiba", "Recife", "Salvador", "São Paulo")
    assert known.start_cities == known.end_cities == cities
    assert known.airlines == ("Azul", "Gol", "LATAM")
    assert known.further == ()
    assert not known.lead_time_matters


def test_list_of_trips_has_a_limit(shared: Services) -> None:
    with pytest.raises(Refused, match="TOO_MANY_TRIPS"):
        shared.prediction.price([trip()] * (MOST_TRIPS + 1))


def test_master_is_loaded_once_until_another_reigns(house: Any) -> None:
    house.upload(rows=400)
    house.run()
    first = house.services.prediction.quote(trip())
    loaded: list[str] = []
    load = house.services.registry.load
    house.services.registry.load = lambda model: loaded.append(model.id) or load(model)
    assert house.services.prediction.quote(trip()) == first
    assert loaded == []
    house.upload(rows=400)
    house.run()
    other = next(
        model
        for model in house.services.registry.versions()
        if model.id != first.model_id
    )
    if house.services.registry.master().id == first.model_id:
        house.services.registry.promote(other.id, reason="a test", by="ana")
    loaded.clear()
    assert house.services.prediction.quote(trip()).model_id == other.id
    assert loaded == [other.id]


def test_fares_of_a_withdrawn_file_are_not_shown(house: Any) -> None:
    house.upload(rows=400)
    house.run()
    upload = house.services.uploads.all()[0]
    house.services.uploads.withdraw(upload.id, by="ana", reason="wrong")
    quote = house.services.prediction.quote(trip(airline="Gol", duration_minutes=95))
    assert (quote.past_fares, quote.usual) == ((), None)
    assert quote.priced.price > 0


def test_fares_of_a_file_withdrawn_meanwhile_go_soon(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = house.upload(rows=400)
    house.run()
    asked = trip(airline="Gol", duration_minutes=95)
    assert house.services.prediction.quote(asked).past_fares
    house.services.uploads.withdraw(upload.id, by="ana", reason="wrong")
    assert house.services.prediction.quote(asked).past_fares
    monkeypatch.setattr("tripadvance_core.services.reigning.LOOK_AGAIN_SECONDS", 0.0)
    assert house.services.prediction.quote(asked).past_fares == ()


def test_sample_that_was_damaged_is_drawn_again(house: Any) -> None:
    house.upload(rows=400)
    house.run()
    first = house.services.prediction.quote(trip())
    objects = house.services.objects
    (key,) = objects.keys("samples/")
    objects.put(key, b"damaged")
    again = build_services(house.services.settings, house.clock)
    assert again.prediction.quote(trip()) == first
    again.database.close()


def test_further_columns_are_offered_varied_and_explained(tmp_path: Path) -> None:
    rng = random.Random(3)  # noqa: S311 - test data
    lines = ["date,start_city,end_city,airline,duration,price,cabin,quote_date"]
    for _ in range(900):
        day = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
        cabin = rng.choice(["Economy", "Economy", "Economy", "Business"])
        ahead = rng.randrange(60)
        price = (900 if cabin == "Business" else 100) * (1.5 if ahead < 7 else 1)
        lines.append(
            f"{day:%d/%m/%Y},Salvador,{rng.choice(['Recife', 'Belém'])},Gol,95,"
            f"{price * rng.uniform(0.9, 1.1):.2f},{cabin},"
            f"{day - timedelta(days=ahead):%d/%m/%Y}"
        )
    with reigning_over(tmp_path / "data", "\n".join(lines).encode()) as services:
        prediction = services.prediction
        known = prediction.vocabulary()
        assert [(f.column, f.choices) for f in known.further] == [
            ("cabin", ("Economy", "Business"))
        ]
        assert known.lead_time_matters

        usual = prediction.quote(trip())
        assert "cabin" in usual.priced.assumed
        assert usual.priced.trip.further == {"cabin": "Economy"}
        assert usual.priced.price < 300

        business = prediction.quote(trip(further={"Cabin": "business"}))
        assert business.priced.price > 500
        assert {fare.further["cabin"] for fare in business.past_fares} == {"Business"}
        assert business.usual is not None
        assert business.usual.low > 500
        assert business.reasons[0].code == "WHY_FURTHER"
        assert business.reasons[0].column == "cabin"

        cabins = prediction.variants(trip(), "cabin").variants
        assert {v.value: v.priced.price > 500 for v in cabins} == {
            "Economy": False,
            "Business": True,
        }
        leads = prediction.variants(
            trip(quote_date=date(2025, 7, 5)), "lead_days"
        ).variants
        assert [v.value for v in leads if v.asked] == [5]
        prices = {v.value: v.priced.price for v in leads}
        assert prices[1] > 1.2 * prices[30]


def test_steps_of_a_spreadsheet_are_told_and_doubts_in_the_language_asked(
    shared: Services,
) -> None:
    trips = b"date,start_city,end_city,airline,duration\n25/03/2025,Salvador,Narnia,Gol,80\n"
    *steps, result = shared.prediction.steps_of_file(
        trips, "trips.csv", ColumnMapping(), file_type="csv", language="en"
    )
    assert steps == [
        "STEP_READING",
        "STEP_PRICING",
        "STEP_EXPLAINING",
        "STEP_WRITING",
    ]
    assert isinstance(result, PredictedFile)
    (row,) = csv.DictReader(io.StringIO(result.content.decode("utf-8-sig")))
    assert row["doubt"] == sentence("UNSEEN_END_CITY", "en")


def test_spreadsheet_says_what_was_assumed(tmp_path: Path) -> None:
    """The model has learned from cabins, and the trips tell of none."""
    rng = random.Random(5)  # noqa: S311 - test data
    lines = ["date,start_city,end_city,airline,duration,price,cabin"]
    for _ in range(900):
        day = date(2025, 1, 1) + timedelta(days=rng.randrange(365))
        cabin = rng.choice(["Economy", "Economy", "Business"])
        price = (900 if cabin == "Business" else 100) * rng.uniform(0.9, 1.1)
        lines.append(f"{day:%d/%m/%Y},Salvador,Recife,Gol,95,{price:.2f},{cabin}")
    trips = b"date,start_city,end_city,airline,duration\n25/03/2025,Salvador,Recife,Gol,80\n"
    with reigning_over(tmp_path / "data", "\n".join(lines).encode()) as services:
        result = services.prediction.predict_file(
            trips, "trips.csv", ColumnMapping(), file_type="csv"
        )
    (row,) = csv.DictReader(io.StringIO(result.content.decode("utf-8-sig")))
    assert row["doubt"] == sentence("ASSUMED", "pt-BR", columns="cabin")
    assert float(row["predicted_price"]) < 300
