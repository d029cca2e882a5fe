"""Numbers, money and moments written the way the reader's language writes them."""

import datetime as dt
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import (
    NumberFormatError,
    format_currency,
    format_decimal,
    format_percent,
    parse_decimal,
)

from tripadvance_core.messages import Language

_LOCALES: dict[Language, Locale] = {"pt-BR": Locale("pt", "BR"), "en": Locale("en")}
_DATE: dict[Language, str] = {"pt-BR": "dd/MM/yyyy", "en": "d MMM yyyy"}
_MOMENT: dict[Language, str] = {"pt-BR": "dd/MM/yyyy HH:mm", "en": "d MMM yyyy, HH:mm"}
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB")
_DURATION_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def number(value: float, language: Language, decimals: int = 0) -> str:
    """Write a number with a fixed count of decimals.

    >>> number(1234.56, "pt-BR", 2)
    '1.234,56'
    """
    return format_decimal(
        _without_negative_zero(value, decimals),
        "#,##0" + _fraction(decimals),
        _LOCALES[language],
    )


def figure(value: float, language: Language) -> str:
    """Write a count as it is, and a measure with its first three digits.

    >>> figure(0.000213, "pt-BR"), figure(20_001, "en")
    ('0,000213', '20,001')
    """
    pattern = "#,##0" if isinstance(value, int) else "#,@##"
    return format_decimal(value, pattern, _LOCALES[language])


def exact(value: float, language: Language) -> str:
    """Write a number with all of its decimals, as a person may change it in a form.

    >>> exact(0.15, "pt-BR"), exact(10_000, "pt-BR")
    ('0,15', '10.000')
    """
    return format_decimal(value, "#,##0.##########", _LOCALES[language])


def read_number(text: str, language: Language) -> float | None:
    """Read a finite number that a person wrote, or return None if it is none.

    >>> read_number("0,15", "pt-BR"), read_number("10.000", "pt-BR")
    (0.15, 10000)
    """
    try:
        number = parse_decimal(text.strip(), _LOCALES[language], strict=True)
    except NumberFormatError:
        return None
    if not number.is_finite():
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def percent(share: float, language: Language, decimals: int = 1) -> str:
    """Write a share, of which 1 is the whole, as a percentage.

    >>> percent(0.1234, "pt-BR")
    '12,3%'
    """
    return format_percent(
        _without_negative_zero(share, decimals + 2),
        "#,##0" + _fraction(decimals) + "%",
        _LOCALES[language],
    )


def money(amount: float, currency: str, language: Language) -> str:
    r"""Write an amount of a currency (ISO 4217) with its symbol, never broken in two.

    >>> money(1234.5, "BRL", "pt-BR")
    'R$\xa01.234,50'
    """
    return format_currency(amount, currency, locale=_LOCALES[language])


def signed_money(amount: float, currency: str, language: Language) -> str:
    r"""Write what is added to an amount, or taken from it, with its sign.

    >>> signed_money(-34.5, "BRL", "pt-BR")
    '−\xa0R$\xa034,50'
    """
    written = money(abs(amount), currency, language)
    return f"{'+' if amount >= 0 else '−'}\u00a0{written}"


def date(day: dt.date, language: Language) -> str:
    """Write a calendar day.

    >>> date(dt.date(2026, 3, 25), "pt-BR")
    '25/03/2026'
    """
    return format_date(day, _DATE[language], _LOCALES[language])


def month(day: dt.date, language: Language) -> str:
    """Write the month of a day.

    >>> month(dt.date(2026, 3, 25), "pt-BR")
    'mar. 2026'
    """
    return format_date(day, "MMM yyyy", _LOCALES[language])


def weekday(day: dt.date, language: Language) -> str:
    """Write the weekday of a day, shortened.

    >>> weekday(dt.date(2026, 3, 25), "pt-BR")
    'qua.'
    """
    return format_date(day, "ccc", _LOCALES[language])


def weekdays(language: Language) -> list[tuple[str, str]]:
    """Return the weekdays, shortened and in full, from that which begins a week.

    >>> weekdays("pt-BR")[0]
    ('dom.', 'domingo')
    """
    names = _LOCALES[language].days["stand-alone"]
    first = _LOCALES[language].first_week_day
    order = [(first + number) % 7 for number in range(7)]
    return [(names["abbreviated"][day], names["wide"][day]) for day in order]


def days_into_week(day: dt.date, language: Language) -> int:
    """Return how many days of its week lie before a day.

    >>> days_into_week(dt.date(2026, 3, 25), "pt-BR")
    3
    """
    return (day.weekday() - _LOCALES[language].first_week_day) % 7


def datetime(moment: dt.datetime, zone: ZoneInfo, language: Language) -> str:
    """Write an aware moment to the minute, as the clocks of ``zone`` show it.

    >>> datetime(dt.datetime(2026, 3, 25, 17, 5, tzinfo=dt.UTC),
    ...          ZoneInfo("America/Sao_Paulo"), "pt-BR")
    '25/03/2026 14:05'
    """
    return format_datetime(
        moment, _MOMENT[language], tzinfo=zone, locale=_LOCALES[language]
    )


def file_size(size_bytes: int, language: Language) -> str:
    """Write a size in decimal units (1 kB = 1,000 B).

    >>> file_size(9_940, "pt-BR")
    '9,9 kB'
    """
    size: float = size_bytes
    for unit in _SIZE_UNITS:
        if round(size, 1) < 1000 or unit == _SIZE_UNITS[-1]:
            break
        size /= 1000
    decimals = 0 if size == round(size) else 1
    return f"{number(size, language, decimals)} {unit}"


def duration(length: dt.timedelta, language: Language) -> str:
    """Write a length of time in its two largest units; under 10 s with a decimal.

    >>> duration(dt.timedelta(hours=1, minutes=4, seconds=9), "pt-BR")
    '1 h 4 min'
    """
    seconds = length.total_seconds()
    if seconds < 10:
        return f"{number(seconds, language, 1)} s"
    counts: list[tuple[int, str]] = []
    rest = round(seconds)
    for unit, unit_seconds in _DURATION_UNITS:
        count, rest = divmod(rest, unit_seconds)
        counts.append((count, unit))
    largest = next(place for place, (count, _) in enumerate(counts) if count)
    two = counts[largest : largest + 2]
    return " ".join(f"{number(count, language)} {unit}" for count, unit in two if count)


def _fraction(decimals: int) -> str:
    return "." + "0" * decimals if decimals else ""


def _without_negative_zero(value: float, decimals: int) -> float:
    return round(value, decimals) + 0.0
