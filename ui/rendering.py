"""HTML for one reader: templates, sentences and figures in the reader's language."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from tripadvance_core import formats
from tripadvance_core.domain.entities import Upload
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.messages import LANGUAGES, Language, sentence

_REASONS_OF_LOSS = {"OBJECT_NOT_FOUND", "CHECKSUM_MISMATCH"}
LANGUAGE_COOKIE = "lang"

_TEMPLATES = Environment(
    loader=PackageLoader("ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def chosen_language(cookies: dict[str, str], default: Language) -> Language:
    """Return the language that the reader chose, else ``default``."""
    chosen = cookies.get(LANGUAGE_COOKIE)
    return next((known for known in LANGUAGES if known == chosen), default)


class Words:
    """Writes sentences and figures in one language and time zone."""

    def __init__(self, language: Language, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone

    @property
    def other_language(self) -> Language:
        """The language to offer instead."""
        return next(known for known in LANGUAGES if known != self.language)

    def say(self, code: str, **details: Any) -> str:
        """Return a sentence of the catalogue."""
        return sentence(code, self.language, **details)

    def error(self, error: TripAdvanceError) -> str:
        """Say what went wrong, its moments in the reader's time zone."""
        details = {
            name: self.moment(value) if isinstance(value, dt.datetime) else value
            for name, value in error.details.items()
        }
        return self.say(error.code, **details)

    def reason_held(self, upload: Upload) -> str:
        """Say why a file is held."""
        if upload.reason is None or upload.reason in _REASONS_OF_LOSS:
            return self.say("WEB_ROWS_LOST")
        return self.say(upload.reason)

    def number(self, value: float, decimals: int = 0) -> str:
        """Write a number, whole unless told otherwise."""
        return formats.number(value, self.language, decimals)

    def exact(self, value: float) -> str:
        """Write a number with all of its decimals."""
        return formats.exact(value, self.language)

    def told(self, value: str | float) -> str:
        """Write a value of a column that holds texts or numbers."""
        if isinstance(value, str):
            return value
        return formats.figure(
            int(value) if value == int(value) else value, self.language
        )

    def percent(self, share: float, decimals: int = 1) -> str:
        """Write a share, of which 1 is the whole."""
        return formats.percent(share, self.language, decimals)

    def per_cent(self, value: float) -> str:
        """Write a figure that is per cent already, as those of the metrics are."""
        return self.percent(value / 100)

    def money(self, amount: float, currency: str) -> str:
        """Write an amount of a currency."""
        return formats.money(amount, currency, self.language)

    def month(self, day: dt.date) -> str:
        """Write the month of a day."""
        return formats.month(day, self.language)

    def day(self, day: dt.date) -> str:
        """Write a calendar day."""
        return formats.date(day, self.language)

    def weekday(self, day: dt.date) -> str:
        """Write the weekday of a day, shortened."""
        return formats.weekday(day, self.language)

    def weekdays(self) -> list[tuple[str, str]]:
        """Return the weekdays, shortened and in full, as a week begins here."""
        return formats.weekdays(self.language)

    def days_into_week(self, day: dt.date) -> int:
        """Return how many days of its week lie before a day."""
        return formats.days_into_week(day, self.language)

    def signed_money(self, amount: float, currency: str) -> str:
        """Write what is added to an amount, or taken from it, with its sign."""
        return formats.signed_money(amount, currency, self.language)

    def moment(self, moment: dt.datetime) -> str:
        """Write a moment to the minute."""
        return formats.datetime(moment, self.zone, self.language)

    def size(self, size_bytes: int) -> str:
        """Write the size of a file."""
        return formats.file_size(size_bytes, self.language)

    def duration(self, length: dt.timedelta) -> str:
        """Write a length of time."""
        return formats.duration(length, self.language)

    def seconds(self, seconds: float) -> str:
        """Write a length of time that is counted in seconds."""
        return self.duration(dt.timedelta(seconds=seconds))


def render(template: str, words: Words, **context: Any) -> str:
    """Fill in a template; every value is escaped."""
    return _TEMPLATES.get_template(template).render(
        words=words, say=words.say, **context
    )
