"""What is written in our own form is read back as it is, in every form and language."""

import io
from datetime import date, timedelta
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.messages import LANGUAGES, Language
from tripadvance_core.tabular.intake import read_fares
from tripadvance_core.tabular.template import FileType, write_fares, write_template
from tripadvance_core.tabular.texts import collapse, fold

every_form = pytest.mark.parametrize("file_type", ["xlsx", "csv"])
every_language = pytest.mark.parametrize("language", LANGUAGES)


def sound(text: str) -> bool:
    return bool(text) and collapse(text) == text and text[0].isalpha()


letters = st.sampled_from("abcXYZáçéîõüÀÊÑØß' -")
names = st.text(letters, min_size=1, max_size=8).filter(sound)
texts = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=8
).map(lambda text: collapse(f"{text}x"))
numbers = st.floats(-1e12, 1e12, allow_nan=False)
days = st.dates(date(2000, 1, 1), date(2049, 12, 31))


@st.composite
def fares(draw: st.DrawFn) -> pd.DataFrame:
    """Draw canonical fares with further columns of every type."""
    count = draw(st.integers(1, 6))

    def column(of: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(of, min_size=count, max_size=count))

    routes = column(
        st.tuples(names, names).filter(lambda pair: fold(pair[0]) != fold(pair[1]))
    )
    flown = column(days.filter(lambda day: day > date(2000, 12, 31)))
    frame = {
        "date": pd.to_datetime(flown),
        "start_city": [start for start, _ in routes],
        "end_city": [end for _, end in routes],
        "airline": column(names),
        "duration_minutes": column(st.floats(0.001, 4320)),
        "price": column(st.floats(0.001, 100_000)),
    }
    if draw(st.booleans()):
        before = column(st.none() | st.integers(0, 365))
        frame["quote_date"] = pd.to_datetime(
            [
                None if lead is None else day - timedelta(days=lead)
                for day, lead in zip(flown, before, strict=True)
            ]
        )
    if draw(st.booleans()):
        frame["seats"] = column(st.floats(0.001, 500))
    kinds = {
        "number of stops": st.none() | numbers,
        "fare class": st.none() | texts,
        "booked": st.none() | days.map(pd.Timestamp),
    }
    for name in draw(st.lists(st.sampled_from(sorted(kinds)), unique=True)):
        frame[name] = column(kinds[name])
    written = pd.DataFrame(frame).dropna(axis=1, how="all")
    return written.astype(
        {
            name: "datetime64[s]"
            for name in written
            if pd.api.types.is_datetime64_any_dtype(written[name])
        }
        | {name: "float64" for name in written if name == "number of stops"}
    )


@every_form
@every_language
@given(rows=fares())
def test_any_fares_are_read_back_equal(
    rows: pd.DataFrame, language: Language, file_type: FileType
) -> None:
    content = write_fares(rows, file_type, language, "USD")
    table = read_fares(content, f"a.{file_type}", ColumnMapping(), "USD")
    assert table.refused == ()
    pd.testing.assert_frame_equal(table.rows.drop(columns="sheet_row"), rows)


@every_form
@every_language
def test_template_has_every_column_and_no_row(
    language: Language, file_type: FileType
) -> None:
    content = write_template(file_type, language, "BRL")
    with pytest.raises(FileRefused) as refused:
        read_fares(content, f"a.{file_type}", ColumnMapping(), "BRL")
    assert refused.value.code == "NO_VALID_ROWS"


@every_language
def test_template_explains_each_column_in_its_language(language: Language) -> None:
    content = io.BytesIO(write_template("xlsx", language, "BRL"))
    header = openpyxl.load_workbook(content).worksheets[0][1]
    notes = [cell.comment.text for cell in header if cell.comment]
    assert len(notes) == len(header) == 7
    assert "BRL" in notes[5]
    assert ("Dia do voo" in notes[0]) == (language == "pt-BR")


@every_form
def test_no_cell_that_is_written_is_run(file_type: FileType) -> None:
    rows = pd.DataFrame(
        {
            "date": pd.to_datetime(["2025-03-25"]),
            "start_city": "Salvador",
            "end_city": "Recife",
            "airline": "Gol",
            "duration_minutes": 80.0,
            "price": 82.68,
            "note": "=HYPERLINK(1)",
        }
    )
    content = write_fares(rows, file_type, "en", "USD")
    if file_type == "csv":
        assert b"'=HYPERLINK" in content
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]
        assert "f" not in {cell.data_type for cell in sheet[2]}
