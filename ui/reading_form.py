"""The form in which the owner of a file says how it is to be read."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, Final

import gradio as gr
from babel import Locale
from babel.numbers import NumberFormatError, format_decimal, parse_decimal

from tripadvance_core.domain.entities import ColumnMapping, Rate
from tripadvance_core.errors import Refused
from tripadvance_core.messages import Language
from tripadvance_core.tabular.columns import CORE, OPTIONAL
from tripadvance_core.tabular.preview import Preview
from ui.labels import label

COLUMNS: Final = (*CORE, *OPTIONAL)
_AS_FOUND: Final = ""
"""The choice that leaves something to the file itself."""

_NAMES: Final = {
    "date": "UI_COLUMN_DATE",
    "start_city": "UI_COLUMN_START_CITY",
    "end_city": "UI_COLUMN_END_CITY",
    "airline": "UI_COLUMN_AIRLINE",
    "duration": "UI_COLUMN_DURATION",
    "price": "UI_COLUMN_PRICE",
    "quote_date": "UI_COLUMN_QUOTE_DATE",
    "lead_days": "UI_COLUMN_LEAD_DAYS",
    "year": "UI_COLUMN_YEAR",
    "month": "UI_COLUMN_MONTH",
    "seats": "UI_COLUMN_SEATS",
    "currency": "UI_COLUMN_CURRENCY",
}
_DAY_FORMATS: Final = ("%d/%m/%Y", "%Y-%m-%d")
_WHOLE_RATE: Final = "0.##########"


class ReadingForm:
    """The components of the form; ``inputs`` are in the order that handlers get."""

    def __init__(self) -> None:
        self._sheet = _choice("UI_SHEET", "reading-sheet", visible=False)
        gr.HTML(label("UI_READING_COLUMNS"), elem_classes="ta-heading")
        self._columns = list(_column_choices())
        gr.HTML(label("UI_READING_VALUES"), elem_classes="ta-heading")
        with gr.Row():
            self._date_order = _radio(
                "UI_DATE_ORDER",
                ("UI_DAY_FIRST", "day_first"),
                ("UI_MONTH_FIRST", "month_first"),
            )
            self._decimal = _radio(
                "UI_DECIMAL", ("UI_DECIMAL_COMMA", ","), ("UI_DECIMAL_POINT", ".")
            )
            self._unit = _radio(
                "UI_DURATION_UNIT", ("UI_MINUTES", "minutes"), ("UI_HOURS", "hours")
            )
        with gr.Row():
            self._currency = gr.Textbox(
                label=label("UI_CURRENCY"),
                info=label("UI_CURRENCY_INFO"),
                max_length=3,
                elem_id="reading-currency",
            )
            self._rates = gr.Textbox(
                label=label("UI_RATES"),
                info=label("UI_RATES_INFO"),
                lines=2,
                max_length=500,
                elem_id="reading-rates",
            )
            self._quoted = gr.Textbox(
                label=label("UI_QUOTED"),
                info=label("UI_QUOTED_INFO"),
                max_length=10,
                elem_id="reading-quoted",
            )

    @property
    def inputs(self) -> list[Any]:
        """The components whose values ``mapping`` takes, in that order."""
        return [
            self._sheet,
            *self._columns,
            self._date_order,
            self._decimal,
            self._unit,
            self._currency,
            self._rates,
            self._quoted,
        ]

    def mapping(self, values: Sequence[Any], language: Language) -> ColumnMapping:
        """Return what the values of the form say.

        Raises
        ------
        Refused
            ``DAY_NOT_UNDERSTOOD``, ``RATE_NOT_UNDERSTOOD`` or
            ``CURRENCY_NOT_UNDERSTOOD``.
        """
        sheet, *headers = values[: 1 + len(COLUMNS)]
        order, mark, unit, currency, rates, quoted = values[1 + len(COLUMNS) :]
        return ColumnMapping(
            sheet=sheet or None,
            headers={
                column: header
                for column, header in zip(COLUMNS, headers, strict=True)
                if header
            },
            date_order=order or None,
            decimal_mark=mark or None,
            duration_unit=unit or None,
            currency=_currency(currency) if currency.strip() else None,
            rates=dict(_rate(line, language) for line in _lines(rates)),
            quote_date=_day(quoted) if quoted.strip() else None,
        )

    def shown(
        self, preview: Preview | None, mapping: ColumnMapping, language: Language
    ) -> list[Any]:
        """Return the form for one file: its headers to choose from, what was said."""
        sheets = preview.sheets if preview else ()
        headers = preview.headers if preview else ()
        found = preview.columns if preview else {}
        return [
            gr.Dropdown(
                choices=_choices(sheets),
                value=mapping.sheet or _AS_FOUND,
                visible=len(sheets) > 1,
            ),
            *(
                gr.Dropdown(
                    choices=_choices(headers),
                    value=mapping.headers.get(column, _AS_FOUND),
                    info=found.get(column, "–"),
                )
                for column in COLUMNS
            ),
            mapping.date_order or _AS_FOUND,
            mapping.decimal_mark or _AS_FOUND,
            mapping.duration_unit or _AS_FOUND,
            mapping.currency or "",
            "\n".join(
                _written(code, mapping.rates[code], language) for code in mapping.rates
            ),
            _day_written(mapping.quote_date) if mapping.quote_date else "",
        ]


def _column_choices() -> Iterator[gr.Dropdown]:
    for start in range(0, len(COLUMNS), 3):
        with gr.Row():
            for column in COLUMNS[start : start + 3]:
                yield _choice(_NAMES[column], f"reading-{column}", info="–")


def _choice(code: str, name: str, **more: Any) -> gr.Dropdown:
    return gr.Dropdown(
        choices=_choices(()),
        value=_AS_FOUND,
        label=label(code),
        elem_id=name,
        min_width=200,
        **more,
    )


def _choices(texts: Sequence[str]) -> list[tuple[Any, str]]:
    distinct = dict.fromkeys(texts)
    return [(label("UI_AS_FOUND"), _AS_FOUND), *((text, text) for text in distinct)]


def _radio(code: str, *choices: tuple[str, str]) -> gr.Radio:
    named = [(label(choice), value) for choice, value in choices]
    return gr.Radio(
        choices=[(label("UI_AS_FOUND"), _AS_FOUND), *named],
        value=_AS_FOUND,
        label=label(code),
    )


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _rate(line: str, language: Language) -> tuple[str, Rate]:
    """Read ``USD 5,40 24/11/2026``."""
    words = line.split()
    try:
        code, worth, day = words
        number = float(parse_decimal(worth, locale=_locale(language), strict=True))
        rate = Rate(worth=number, day=_day(day))
    except (ValueError, NumberFormatError) as error:
        raise Refused("RATE_NOT_UNDERSTOOD", line=line.strip()) from error
    return _currency(code), rate


def _written(code: str, rate: Rate, language: Language) -> str:
    worth = format_decimal(rate.worth, _WHOLE_RATE, _locale(language))
    return f"{code} {worth} {_day_written(rate.day)}"


def _day_written(day: dt.date) -> str:
    return day.strftime(_DAY_FORMATS[0])


def _currency(text: str) -> str:
    code = text.strip().upper()
    if len(code) != 3 or not (code.isascii() and code.isalpha()):
        raise Refused("CURRENCY_NOT_UNDERSTOOD", currency=text.strip())
    return code


def _day(text: str) -> dt.date:
    for pattern in _DAY_FORMATS:
        try:
            return dt.datetime.strptime(text.strip(), pattern).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise Refused("DAY_NOT_UNDERSTOOD", day=text.strip())


def _locale(language: Language) -> Locale:
    return Locale.parse(language, sep="-")
