"""Moments in time: aware UTC everywhere, written so that text order is time order."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, PlainSerializer

from tripadvance_core.errors import Refused

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Write a moment as fixed-width UTC text; text order is time order.

    >>> to_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'
    """
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a day or a moment in ISO form; without an offset it is one of ``zone``.

    >>> read_moment("2026-01-02", ZoneInfo("America/Sao_Paulo")).isoformat()
    '2026-01-02T00:00:00-03:00'

    Raises
    ------
    Refused
        ``MOMENT_UNREADABLE``.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused("MOMENT_UNREADABLE", text=text) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


Moment = Annotated[
    AwareDatetime,
    AfterValidator(lambda moment: moment.astimezone(UTC)),
    PlainSerializer(to_text, return_type=str),
]
