import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core import formats
from tripadvance_core.messages import LANGUAGES

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
AFTERNOON = dt.datetime(2026, 3, 25, 17, 5, 59, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("value", "decimals", "portuguese", "english"),
    [
        (1234.56, 2, "1.234,56", "1,234.56"),
        (1234.56, 0, "1.235", "1,235"),
        (-1234567, 0, "-1.234.567", "-1,234,567"),
        (-0.004, 2, "0,00", "0.00"),
    ],
)
def test_number_follows_language(value, decimals, portuguese, english):
    assert formats.number(value, "pt-BR", decimals) == portuguese
    assert formats.number(value, "en", decimals) == english


@pytest.mark.parametrize(
    ("share", "portuguese", "english"),
    [
        (0.1234, "12,3%", "12.3%"),
        (-0.042, "-4,2%", "-4.2%"),
        (12.5, "1.250,0%", "1,250.0%"),
        (-0.0001, "0,0%", "0.0%"),
    ],
)
def test_percent_is_written_from_a_share(share, portuguese, english):
    assert formats.percent(share, "pt-BR") == portuguese
    assert formats.percent(share, "en") == english


@pytest.mark.parametrize(
    ("currency", "portuguese", "english"),
    [
        ("BRL", "R$\xa01.234,50", "R$1,234.50"),
        ("USD", "US$\xa01.234,50", "$1,234.50"),
        ("JPY", "JP¥\xa01.234", "¥1,234"),
    ],
)
def test_money_has_the_symbol_and_decimals_of_its_currency(
    currency, portuguese, english
):
    assert formats.money(1234.5, currency, "pt-BR") == portuguese
    assert formats.money(1234.5, currency, "en") == english


def test_day_comes_before_month():
    day = dt.date(2026, 3, 5)
    assert formats.date(day, "pt-BR") == "05/03/2026"
    assert formats.date(day, "en") == "5 Mar 2026"


def test_moment_is_told_by_the_clocks_of_the_zone():
    assert formats.datetime(AFTERNOON, SAO_PAULO, "pt-BR") == "25/03/2026 14:05"
    assert formats.datetime(AFTERNOON, SAO_PAULO, "en") == "25 Mar 2026, 14:05"


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (10_000, "10 kB"),
        (9_940, "9,9 kB"),
        (999_940, "999,9 kB"),
        (999_960, "1,0 MB"),
        (5 * 10**15, "5.000 TB"),
    ],
)
def test_file_size_uses_the_largest_fitting_unit(size_bytes, text):
    assert formats.file_size(size_bytes, "pt-BR") == text


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (dt.timedelta(seconds=0.44), "0,4 s"),
        (dt.timedelta(seconds=12.4), "12 s"),
        (dt.timedelta(seconds=192), "3 min 12 s"),
        (dt.timedelta(seconds=3600), "1 h"),
        (dt.timedelta(seconds=3605), "1 h"),
        (dt.timedelta(hours=1, minutes=4, seconds=9), "1 h 4 min"),
        (dt.timedelta(days=2, hours=5), "2 d 5 h"),
    ],
)
def test_duration_keeps_two_units(length, text):
    assert formats.duration(length, "pt-BR") == text


@given(
    value=st.floats(-1e12, 1e12),
    language=st.sampled_from(LANGUAGES),
)
def test_no_number_is_written_as_minus_zero(value, language):
    text = formats.number(value, language, 2)
    assert text.strip("-0,.") or not text.startswith("-")
