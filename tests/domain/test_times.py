"""Moments as text sort as time."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.times import to_text

MOMENTS = st.datetimes(
    min_value=datetime(1000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.timezones(),
    allow_imaginary=False,
).filter(lambda moment: 1000 < moment.astimezone(UTC).year < 9999)


@given(MOMENTS, MOMENTS)
def test_text_order_is_time_order(one: datetime, other: datetime) -> None:
    assert (to_text(one) < to_text(other)) == (
        one.astimezone(UTC) < other.astimezone(UTC)
    )


@given(MOMENTS)
def test_text_reads_back_as_the_same_moment(moment: datetime) -> None:
    assert datetime.fromisoformat(to_text(moment)) == moment.astimezone(UTC)
