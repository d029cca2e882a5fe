"""What a file looks like, for its owner to say how it is to be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.cells import written
from tripadvance_core.tabular.columns import placed_without_doubt
from tripadvance_core.tabular.layout import Headed, headed_sheets
from tripadvance_core.tabular.reading import read_sheets

ROWS_SHOWN: Final = 6
_LONGEST_TEXT: Final = 60


@dataclass(frozen=True)
class Preview:
    """The table that a file seems to hold, before anything of it is understood.

    ``columns`` has the header that each canonical column was found under; ``rows`` are
    the first ones under the header, as texts. ``sheets`` are those that can be seen.
    """

    sheets: tuple[str, ...]
    sheet: str
    headers: tuple[str, ...]
    columns: dict[str, str]
    rows: tuple[tuple[str, ...], ...]


def preview(content: bytes, file_name: str, mapping: ColumnMapping) -> Preview:
    """Return what a file looks like, understood or not.

    Raises
    ------
    FileRefused
        Where nothing of it can be shown; see ``read_sheets``.
    """
    sheets = read_sheets(content, file_name)
    headed = max(headed_sheets(sheets, mapping), key=lambda part: len(part.known))
    header = headed.header
    return Preview(
        sheets=tuple(sheet.name for sheet in sheets if sheet.visible),
        sheet=headed.sheet.name,
        headers=tuple(text for text in header.texts if text),
        columns={
            column: header.texts[place]
            for column, place in placed_without_doubt(header, headed.mapping).items()
        },
        rows=tuple(_first_rows(headed)),
    )


def _first_rows(headed: Headed) -> Sequence[tuple[str, ...]]:
    places = [place for place, text in enumerate(headed.header.texts) if text]
    first = headed.header.place + 1
    return [
        tuple(_shortened(written(row[place])) for place in places)
        for row in headed.sheet.head()[first : first + ROWS_SHOWN]
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
