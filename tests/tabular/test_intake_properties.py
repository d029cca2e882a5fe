"""What holds for any file: no row vanishes, and what is written is what is read."""

import csv
import io
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.formats import number
from tripadvance_core.messages import Language
from tripadvance_core.tabular.intake import FareTable, read_fares

HEADERS = ["date", "start_city", "end_city", "airline", "duration", "price"]
GOOD = ["25/03/2025", "Salvador", "Recife", "Gol", "80", "82.68"]

# Alone in a column, a number such as 1,234 may be read in two ways.
_DECIDES_THE_MARK = 1234.56
_DECIDES_THE_ORDER = date(2025, 3, 25)

fares = st.integers(1, 10_000_000).map(lambda cents: cents / 100)
days = st.dates(date(2000, 1, 1), date(2049, 12, 31))
cells = st.one_of(
    st.sampled_from(["", "x", "NaN", "-1", "0", "1e3", "31/02/2025", "25/03", "Total"]),
    st.text(max_size=12),
)


def to_csv(rows: list[list[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerows(
        [HEADERS, *rows]
    )
    return out.getvalue().encode()


def read(rows: list[list[str]], delimiter: str = ",") -> FareTable:
    return read_fares(to_csv(rows, delimiter), "a.csv", ColumnMapping(), "USD")


def good_with(column: str, value: str) -> list[str]:
    return [
        value if name == column else cell
        for name, cell in zip(HEADERS, GOOD, strict=True)
    ]


@given(st.lists(st.tuples(st.sampled_from(HEADERS), cells), max_size=20))
def test_every_row_is_kept_or_refused(changes: list[tuple[str, str]]) -> None:
    rows = [GOOD, *(good_with(column, value) for column, value in changes)]
    try:
        table = read(rows)
    except FileRefused:
        return
    assert table.rows_total == len(rows)
    assert len(table.rows) + len(table.refused) == len(rows)
    numbers = [*table.rows["sheet_row"], *(row.row for row in table.refused)]
    assert sorted(numbers) == list(range(2, len(rows) + 2))


@given(st.lists(days, min_size=1, max_size=20))
def test_days_written_day_first_are_read_back(written: list[date]) -> None:
    days = [*written, _DECIDES_THE_ORDER]
    table = read([good_with("date", f"{day:%d/%m/%Y}") for day in days])
    assert [moment.date() for moment in table.rows["date"]] == days


@given(st.lists(days, min_size=1, max_size=20))
def test_days_written_in_iso_are_read_back(written: list[date]) -> None:
    table = read([good_with("date", day.isoformat()) for day in written])
    assert [moment.date() for moment in table.rows["date"]] == written


@pytest.mark.parametrize(("language", "delimiter"), [("pt-BR", ";"), ("en", ",")])
@given(prices=st.lists(fares, max_size=20))
def test_prices_of_either_language_are_read_back(
    language: Language, delimiter: str, prices: list[float]
) -> None:
    prices = [_DECIDES_THE_MARK, *prices]
    written = [number(price, language, decimals=2) for price in prices]
    table = read([good_with("price", text) for text in written], delimiter)
    assert table.rows["price"].tolist() == prices


@given(st.binary(max_size=300), st.sampled_from([".csv", ".xlsx", ".xls", ""]))
def test_any_bytes_are_read_or_refused_with_a_sentence(
    content: bytes, extension: str
) -> None:
    result: Any
    try:
        result = read_fares(content, f"a{extension}", ColumnMapping(), "USD")
    except FileRefused as refusal:
        result = refusal.sentence("pt-BR")
    assert result
