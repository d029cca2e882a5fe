"""The options of the command that tell how a file is to be read."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import click

from tripadvance_core.domain.entities import ColumnMapping, Rate

CANONICAL = (
    "date",
    "start_city",
    "end_city",
    "airline",
    "duration",
    "price",
    "quote_date",
    "lead_days",
    "year",
    "month",
    "seats",
    "currency",
)
_MARKS: dict[str, Literal[".", ","]] = {"point": ".", "comma": ","}

Command = Callable[..., None]


def reading_options(command: Command) -> Command:
    """Add the options that tell how a file is to be read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def mapping_of(
    headers: dict[str, str],
    currency: str | None,
    rates: dict[str, Rate],
    decimal: str | None,
    date_order: str | None,
    duration_unit: str | None,
    sheet: str | None,
    quote_date: datetime | None,
) -> ColumnMapping:
    """Return what the options say."""
    return ColumnMapping.model_validate(
        {
            "headers": headers,
            "currency": currency,
            "rates": rates,
            "decimal_mark": decimal and _MARKS[decimal],
            "date_order": date_order and date_order.replace("-", "_"),
            "duration_unit": duration_unit,
            "sheet": sheet,
            "quote_date": quote_date and quote_date.date(),
        }
    )


def _read_headers(
    _context: click.Context, _option: click.Parameter, pairs: tuple[str, ...]
) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in pairs:
        canonical, equals, header = pair.partition("=")
        if not equals or not header or canonical not in CANONICAL:
            raise click.BadParameter(
                f"{pair!r} is not CANONICAL=HEADER with one of {', '.join(CANONICAL)}"
            )
        if canonical in headers:
            raise click.BadParameter(f"{canonical} is mapped twice")
        headers[canonical] = header
    return headers


def _read_currency(
    _context: click.Context, _option: click.Parameter, code: str | None
) -> str | None:
    return None if code is None else _currency(code)


def _read_rates(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> dict[str, Rate]:
    rates: dict[str, Rate] = {}
    for text in texts:
        code, _, rate = text.partition("=")
        worth, _, day = rate.partition("@")
        try:
            rates[_currency(code)] = Rate.model_validate({"worth": worth, "day": day})
        except ValueError as error:
            raise click.BadParameter(
                f"{text!r} is not CODE=RATE@YYYY-MM-DD, such as BRL=0.187@2026-11-20"
            ) from error
    return rates


def _currency(code: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", code):
        raise click.BadParameter(f"{code!r} is not a code of ISO 4217, such as BRL")
    return code.upper()


_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option(
        "--map",
        "headers",
        multiple=True,
        metavar="CANONICAL=HEADER",
        callback=_read_headers,
        help=f"The file's header of one of {', '.join(CANONICAL)}. Repeatable.",
    ),
    click.option(
        "--currency",
        metavar="CODE",
        callback=_read_currency,
        help="Currency of the file's prices (ISO 4217).",
    ),
    click.option(
        "--rate",
        "rates",
        multiple=True,
        metavar="CODE=RATE@DAY",
        callback=_read_rates,
        help="What one unit of another currency was worth in the base currency, and "
        "on which day: BRL=0.187@2026-11-20. Repeatable.",
    ),
    click.option(
        "--decimal",
        type=click.Choice([*_MARKS]),
        help="Decimal mark of the file's numbers.",
    ),
    click.option(
        "--date-order",
        type=click.Choice(["day-first", "month-first"]),
        help="What comes first in dates such as 03/02/2025.",
    ),
    click.option(
        "--duration-unit",
        type=click.Choice(["minutes", "hours"]),
        help="What plain numbers of the duration count.",
    ),
    click.option("--sheet", help="Sheet of the workbook to read."),
    click.option(
        "--quote-date",
        type=click.DateTime(["%Y-%m-%d"]),
        help="Day on which all fares of the file were seen.",
    ),
)
