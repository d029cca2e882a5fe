"""The panels on which models are compared."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.panels import (
    RotationPolicy,
    count_overlap,
    digest,
    draw,
    is_due,
    later_part,
)

POLICY = RotationPolicy(most_rows=100, most_uses=10, most_days=30)


def hashes(*numbers: int) -> Any:
    return np.array(numbers, dtype=np.uint64)


def due(panel: Any, reserved: Any, uses: int = 1, days: float = 1) -> bool:
    return is_due(panel, reserved, uses=uses, age=timedelta(days=days), policy=POLICY)


SIXTY = np.arange(60, dtype=np.uint64)


def test_panel_stands_while_nothing_speaks_against_it() -> None:
    assert not due(SIXTY, np.arange(90, dtype=np.uint64), uses=9, days=29)


def test_worn_panel_is_drawn_anew() -> None:
    assert due(SIXTY, SIXTY, uses=10)
    assert due(SIXTY, SIXTY, days=30)


def test_panel_that_lost_a_row_is_drawn_anew() -> None:
    assert due(SIXTY, SIXTY[1:])


def test_small_panel_is_drawn_anew_when_it_could_be_twice_as_large() -> None:
    small = SIXTY[:40]
    assert not due(small, np.arange(79, dtype=np.uint64))
    assert due(small, np.arange(80, dtype=np.uint64))


def test_full_panel_is_not_outgrown() -> None:
    full = np.arange(100, dtype=np.uint64)
    assert not due(full, np.arange(10_000, dtype=np.uint64))


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50), st.integers(1, 9))
def test_panel_is_drawn_from_the_reserved_rows_each_once(
    rows: list[int], number: int
) -> None:
    drawn = draw(hashes(*rows), number, 20)
    assert drawn.size == min(20, len(set(rows)))
    assert np.isin(drawn, hashes(*rows)).all()
    assert (np.diff(drawn.astype(object)) > 0).all()
    assert (draw(hashes(*reversed(rows)), number, 20) == drawn).all()


def test_next_panel_has_other_rows_where_there_are_many() -> None:
    many = np.arange(10_000, dtype=np.uint64)
    one, other = (draw(many, number, 1_000) for number in (1, 2))
    assert np.isin(one, other).mean() == pytest.approx(0.1, abs=0.05)


def test_digest_is_of_the_rows_in_any_order() -> None:
    assert digest(hashes(1, 2, 3)) == digest(hashes(3, 1, 2))
    assert digest(hashes(1, 2, 3)) != digest(hashes(1, 2, 4))


def test_row_that_either_model_has_trained_on_overlaps() -> None:
    panel = hashes(1, 2, 3)
    assert count_overlap(panel, [hashes(7), hashes(8, 9)]) == 0
    assert count_overlap(panel, [hashes(3, 7), hashes(3, 1)]) == 2


def test_later_part_is_half_of_the_days_and_never_empty() -> None:
    assert later_part(np.arange(10)).tolist() == [False] * 5 + [True] * 5
    assert later_part(np.array([4])).tolist() == [True]
    assert later_part(np.array([4, 4, 4])).all()
    assert later_part(np.array([], dtype=np.int64)).size == 0
