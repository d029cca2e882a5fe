"""The route median, and the groups of route × ISO week."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.learning.evaluation import groups_of, route_median_baseline


def trips(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["date", "start_city", "end_city"])
    return frame.assign(date=pd.to_datetime(frame["date"]))


def priced(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["start_city", "end_city", "price"])


SEEN = priced(
    ("Recife", "Belém", 100), ("Recife", "Belém", 120), ("Recife", "Belém", 900),
    ("Belém", "Recife", 300), ("Belém", "Recife", 500),
)  # fmt: skip


def test_baseline_is_the_median_of_the_route_in_its_direction() -> None:
    predict = route_median_baseline(SEEN)
    new = priced(("Belém", "Recife", 0), ("RECIFE", " belém", 0))
    assert predict(new).tolist() == [400, 120]


def test_unseen_route_gets_the_median_of_all_prices() -> None:
    new = priced(("Recife", "Natal", 0))
    assert route_median_baseline(SEEN)(new).tolist() == [300]


def test_baseline_gives_one_float_a_row() -> None:
    predicted = route_median_baseline(SEEN)(SEEN.set_index(SEEN.index + 7))
    assert predicted.shape == (5,)
    assert predicted.dtype == np.float64
    assert route_median_baseline(SEEN)(SEEN[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("2025-01-06", "A", "B"), ("2025-01-12", "a", " b"), True),
        (("2025-01-12", "A", "B"), ("2025-01-13", "A", "B"), False),
        (("2025-01-06", "A", "B"), ("2025-01-06", "B", "A"), False),
        (("2025-01-06", "A", "B"), ("2026-01-06", "A", "B"), False),
        # One ISO week across the turn of the year.
        (("2024-12-30", "A", "B"), ("2025-01-05", "A", "B"), True),
    ],
)
def test_group_is_a_route_in_an_iso_week(
    one: tuple[str, str, str], other: tuple[str, str, str], same: bool
) -> None:
    first, second = groups_of(trips(one, other))
    assert bool(first == second) is same


def test_groups_are_aligned_with_the_rows_whatever_their_order(
    make_frame: Callable[..., pd.DataFrame],
) -> None:
    frame = make_frame(500)
    groups = groups_of(frame)
    assert groups.dtype == np.int64
    np.testing.assert_array_equal(groups_of(frame[::-1])[::-1], groups)


def test_group_has_the_same_number_in_every_frame(
    make_frame: Callable[..., pd.DataFrame],
) -> None:
    frame = make_frame(100)
    np.testing.assert_array_equal(groups_of(frame[40:]), groups_of(frame)[40:])


def test_groups_are_as_many_as_routes_times_weeks(
    make_frame: Callable[..., pd.DataFrame],
) -> None:
    frame = make_frame(500)
    iso = frame["date"].dt.isocalendar()
    distinct = set(
        zip(frame.start_city, frame.end_city, iso.year, iso.week, strict=True)
    )
    assert np.unique(groups_of(frame)).size == len(distinct)


def test_frame_without_rows_has_no_groups(
    make_frame: Callable[..., pd.DataFrame],
) -> None:
    assert groups_of(make_frame(3)[:0]).shape == (0,)
