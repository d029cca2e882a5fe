"""The route median, and the groups of route × ISO week."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored, stored_whole
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.evaluation import (
    ModelCard,
    RouteMedians,
    groups_of,
    judged_by_halves,
    original_baseline,
)
from tripadvance_core.learning.model import FareModel, Prices
from tripadvance_core.learning.training import fit
from tripadvance_core.tabular.identity import reserved_rows


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
    predict = RouteMedians.of(stored_whole(SEEN))
    new = priced(("Belém", "Recife", 0), ("RECIFE", " belém", 0))
    assert predict(new).tolist() == [400, 120]


def test_unseen_route_gets_the_median_of_all_prices() -> None:
    new = priced(("Recife", "Natal", 0))
    assert RouteMedians.of(stored_whole(SEEN))(new).tolist() == [300]


def test_baseline_gives_one_float_a_row() -> None:
    predicted = RouteMedians.of(stored_whole(SEEN))(SEEN.set_index(SEEN.index + 7))
    assert predicted.shape == (5,)
    assert predicted.dtype == np.float64
    assert RouteMedians.of(stored_whole(SEEN))(SEEN[:0]).shape == (0,)


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


def test_original_is_a_tree_on_the_duration_alone() -> None:
    frame = pd.DataFrame(
        {
            "duration_minutes": [60.0] * 50 + [120.0] * 50,
            "price": [100.0] * 25 + [140.0] * 25 + [300.0] * 50,
        }
    )
    predicted = original_baseline(stored_whole(frame))(frame)
    assert predicted == pytest.approx([120.0] * 50 + [300.0] * 50, rel=1e-5)


def card_of(
    model: FareModel, training: pd.DataFrame, holdout: pd.DataFrame
) -> ModelCard:
    rows = stored(training)
    return ModelCard.of(
        model,
        holdout,
        model.estimate(holdout),
        RouteMedians.of(rows),
        original_baseline(rows),
    )


def judged(model: FareModel, holdout: pd.DataFrame) -> Prices:
    actual = holdout["price"].to_numpy(float)
    return judged_by_halves(model, model.estimate(holdout), actual)


def test_card_scores_model_and_baselines_on_the_same_rows(
    model: FareModel, training: pd.DataFrame, holdout: pd.DataFrame
) -> None:
    card = card_of(model, training, holdout)
    scores = (card.model, card.route_median, card.original)
    assert {score.metrics.rows for score in scores} == {len(holdout)}
    errors = [score.metrics.mean_absolute_percentage_error for score in scores]
    assert errors[0] < errors[1]
    assert errors[0] < errors[2]
    assert card.model.covered[80] == pytest.approx(80, abs=8)
    assert card.importance["cabin"] > 0.3
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


def test_card_tells_segments_apart(
    model: FareModel, training: pd.DataFrame, holdout: pd.DataFrame
) -> None:
    segments = card_of(model, training, holdout).segments
    airlines = {s.name: s.score.metrics.rows for s in segments if s.kind == "airline"}
    assert airlines == holdout["airline"].value_counts().to_dict()
    thirds = [s for s in segments if s.kind == "price"]
    assert {s.name for s in thirds} == {"low", "middle", "high"}
    assert sum(s.score.metrics.rows for s in thirds) == len(holdout)


def test_ranges_are_judged_by_rows_that_did_not_make_them(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    first = judged(model, holdout)
    dearer = holdout.copy()
    dearer.loc[::2, "price"] *= 10
    moved = judged(model, dearer)
    same = first.low == moved.low
    assert same[::2].all()
    assert not same[1::2].any()


def test_card_tells_the_effect_of_the_day_on_one_weekday(
    model: FareModel, training: pd.DataFrame, holdout: pd.DataFrame
) -> None:
    (effect,) = card_of(model, training, holdout).effects
    assert effect.varied == "date"
    assert {day.weekday() for day in effect.values} == {
        training["date"].max().weekday()
    }
    assert len(effect.values) == len(effect.mean_price) == 27
    assert effect.values[-1] == training["date"].max().date()


def test_card_tells_the_effect_of_days_before_the_flight_that_were_seen(
    make_frame: Callable[..., pd.DataFrame], parameters: TrainingParameters
) -> None:
    frame = make_frame(1_500)
    lead = np.arange(len(frame)) % 40
    frame["quote_date"] = frame["date"] - pd.to_timedelta(lead, unit="D")
    frame["price"] *= 2 - lead / 40
    reserved = reserved_rows(frame)
    training, holdout = frame[~reserved], frame[reserved]
    model = fit(
        stored(training), parameters, stop_at=lambda: False, on_round=lambda *_: None
    )
    _, effect = card_of(model, training, holdout).effects
    assert effect.varied == "lead_days"
    assert effect.values == (0, 1, 2, 3, 5, 7, 10, 14, 21, 30)
    assert effect.mean_price[0] > 1.3 * effect.mean_price[-1]
