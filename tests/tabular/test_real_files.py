"""Real files of fares, as dirty as they came."""

import zipfile
from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.messages import LANGUAGES
from tripadvance_core.tabular.intake import FareTable, read_fares

DATA = Path(__file__).parents[2] / "../shared/data"


def content_of(name: str) -> bytes:
    file = DATA / name
    if not file.exists():
        pytest.skip(f"{file.parent.name}/{name} is not here")
    return file.read_bytes()


def read_small(name: str) -> FareTable:
    return read_fares(content_of(name), name, ColumnMapping(), "USD")


@pytest.mark.parametrize(
    ("name", "rows", "without_year", "duplicates"),
    [("flights_1.csv", 42, 11, 11), ("flights_2.csv", 47, 1, 17)],
)
def test_small_file_loses_the_rows_without_a_year_alone(
    name: str, rows: int, without_year: int, duplicates: int
) -> None:
    table = read_small(name)
    assert table.rows_total == rows
    assert Counter((r.column, r.code) for r in table.refused) == {
        ("date", "DATE_NO_YEAR"): without_year
    }
    warnings = {str(warning) for warning in table.warnings}
    assert warnings == {"replacement_characters", f"duplicate_rows:{duplicates}"}
    assert len(table.rows) == rows - without_year


@pytest.mark.parametrize("language", LANGUAGES)
def test_refused_row_says_why_in_each_language(language: str) -> None:
    refused = read_small("flights_1.csv").refused
    assert all(row.sentence(language) for row in refused)
    assert refused[0].sentence("en") != refused[0].sentence("pt-BR")


def test_refused_rows_are_named_by_their_place_in_the_file() -> None:
    lines = content_of("flights_1.csv").decode("utf-8").splitlines()
    table = read_small("flights_1.csv")
    without_year = {
        number
        for number, line in enumerate(lines, start=1)
        if line.split(",")[0].count("/") == 1
    }
    assert {row.row for row in table.refused} == without_year


def test_scraped_file_is_read_by_its_mapping() -> None:
    name = "lhr_scrape_flight_data.csv"
    mapping = ColumnMapping(
        headers={
            "date": "travel_date",
            "start_city": "origin",
            "end_city": "destination",
            "price": "price_gbp",
        }
    )
    table = read_fares(content_of(name), name, mapping, "GBP")
    original = pd.read_csv(DATA / name)
    assert table.rows_total == len(original)
    first = table.rows.iloc[0]
    assert (first["date"], first["end_city"]) == (pd.Timestamp("2025-05-26"), "BKK")
    assert first["duration_minutes"] == 30 * 60
    assert first["price"] == 286.5
    assert first["quote_date"] == pd.Timestamp("2025-05-25")
    assert "stops" in table.rows


@pytest.mark.slow
def test_large_file_without_dates_counts_them_from_the_quote_date() -> None:
    content_of("Clean_Dataset.csv.zip")
    with zipfile.ZipFile(DATA / "Clean_Dataset.csv.zip") as archive:
        content = archive.read("Clean_Dataset.csv")
    quoted = date(2022, 2, 10)
    mapping = ColumnMapping(
        headers={
            "start_city": "source_city",
            "end_city": "destination_city",
            "lead_days": "days_left",
        },
        quote_date=quoted,
        duration_unit="hours",
    )
    table = read_fares(content, "Clean_Dataset.csv", mapping, "INR")
    assert (table.rows_total, table.refused) == (300_153, ())
    original = pd.read_csv(DATA / "Clean_Dataset.csv.zip")
    lead = pd.to_timedelta(original["days_left"], unit="D")
    assert (table.rows["date"] == pd.Timestamp(quoted) + lead).all()
    assert (table.rows["quote_date"] == pd.Timestamp(quoted)).all()
    assert "unnamed_column" in {str(w).partition(":")[0] for w in table.warnings}
    assert table.rows["duration_minutes"].median() > 60
    assert table.rows["class"].nunique() == 2
