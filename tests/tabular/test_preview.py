"""What the owner of a file is shown, whether or not the file can be read."""

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.errors import FileRefused
from tripadvance_core.tabular.preview import ROWS_SHOWN, preview

UNKNOWN_DATE = (
    "fecha;origem;destino;cia;duração (min);preço\n"
    "03/04/2026;São Paulo;Recife;Gol;180;450,50\n"
).encode()


def test_file_without_a_known_date_is_shown_with_what_was_found() -> None:
    shown = preview(UNKNOWN_DATE, "x.csv", ColumnMapping())
    assert shown.headers[0] == "fecha"
    assert "date" not in shown.columns
    assert shown.columns["start_city"] == "origem"
    assert shown.rows == (
        ("03/04/2026", "São Paulo", "Recife", "Gol", "180", "450,50"),
    )


def test_mapped_header_is_found() -> None:
    shown = preview(UNKNOWN_DATE, "x.csv", ColumnMapping(headers={"date": "fecha"}))
    assert shown.columns["date"] == "fecha"


def test_mapped_header_that_the_file_lacks_does_not_hide_the_file() -> None:
    shown = preview(UNKNOWN_DATE, "x.csv", ColumnMapping(headers={"date": "day"}))
    assert "date" not in shown.columns


def test_column_that_two_headers_fit_is_left_to_the_owner() -> None:
    content = b"date,origin,from,destination,airline,price\n" * 2
    assert "start_city" not in preview(content, "x.csv", ColumnMapping()).columns


def test_long_file_and_long_text_are_cut() -> None:
    rows = b"".join(b"%d,%s\n" % (n, b"x" * 500) for n in range(100))
    shown = preview(b"date,note\n" + rows, "x.csv", ColumnMapping())
    assert len(shown.rows) == ROWS_SHOWN
    assert max(len(cell) for row in shown.rows for cell in row) < 100


def test_file_of_which_nothing_can_be_shown_is_refused() -> None:
    with pytest.raises(FileRefused, match="EMPTY"):
        preview(b"", "x.csv", ColumnMapping())
