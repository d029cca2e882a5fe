"""Training: repeatable to the byte, stoppable, and blind to the holdout."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tests.stored import stored
from tripadvance_core.domain.metrics import RegressionMetrics
from tripadvance_core.errors import Refused, WindowClosed
from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.evaluation import RouteMedians
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.training import fit, grow
from tripadvance_core.tabular import joining

Train = Callable[..., FareModel]


def untold(_done: int, _of: int) -> None:
    pass


def test_training_twice_gives_identical_files(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    one, other = (train(training, parameters).to_files() for _ in range(2))
    assert one == other


def test_rows_in_many_files_and_batches_train_the_model_of_one_file(
    training: pd.DataFrame,
    parameters: TrainingParameters,
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = train(training, parameters).to_files()
    monkeypatch.setattr(joining, "BATCH_ROWS", 97)
    parts = stored(training[:500], training[500:501], training[501:])
    progress = Progress(10_000, lambda: False, untold)
    assert grow(parts, parameters, progress).to_files() == whole


def test_other_seed_gives_another_model(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    other = parameters.model_copy(update={"seed": 8})
    files, others = train(training, parameters), train(training, other)
    assert files.to_files()["model.ubj.zst"] != others.to_files()["model.ubj.zst"]


def test_index_of_the_frame_does_not_count(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    moved = training.set_index(training.index + 5_000)
    assert train(moved, parameters).to_files() == train(training, parameters).to_files()


def test_model_beats_the_route_median_on_rows_it_never_saw(
    training: pd.DataFrame, holdout: pd.DataFrame, model: FareModel
) -> None:
    prices = holdout["price"].to_numpy()
    predicted = model.predict(holdout)["predicted_price"].to_numpy()
    ours = RegressionMetrics.of(prices, predicted)
    median = RegressionMetrics.of(prices, RouteMedians.of(stored(training))(holdout))
    assert ours.mean_absolute_percentage_error < 5
    assert median.mean_absolute_percentage_error > 20


def test_reserved_row_is_never_trained_on(
    training: pd.DataFrame,
    holdout: pd.DataFrame,
    parameters: TrainingParameters,
    train: Train,
) -> None:
    with pytest.raises(ValueError, match="holdout"):
        train(pd.concat([training, holdout[:1]]), parameters)


def test_frame_without_rows_is_refused_with_a_sentence(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    with pytest.raises(Refused) as refusal:
        train(training[:0], parameters)
    assert refusal.value.code == "NOTHING_TO_TRAIN_ON"
    assert "Upload more fares" in refusal.value.sentence("en")
    assert "Envie mais tarifas" in refusal.value.sentence("pt-BR")


def test_every_round_is_told_and_the_last_is_the_last(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    told: list[tuple[int, int]] = []
    fit(
        stored(training),
        parameters,
        stop_at=lambda: False,
        on_round=lambda done, of: told.append((done, of)),
    )
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert all(done <= of for done, of in told)
    assert [of for _, of in told] == sorted((of for _, of in told), reverse=True)
    assert told[-1][0] == told[-1][1]


def test_training_stops_after_the_round_in_which_it_is_asked_to(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    told: list[int] = []
    with pytest.raises(WindowClosed) as closed:
        fit(
            stored(training),
            parameters,
            stop_at=lambda: len(told) == 4,
            on_round=lambda done, _of: told.append(done),
        )
    assert closed.value.code == "TRAINING_STOPPED"
    assert closed.value.details["rounds"] == 4
    assert "4" in closed.value.sentence("pt-BR")
    assert told == [1, 2, 3, 4]


def test_window_that_closes_in_the_last_round_keeps_the_model(
    training: pd.DataFrame, parameters: TrainingParameters
) -> None:
    told: list[bool] = []
    model = fit(
        stored(training),
        parameters,
        stop_at=lambda: told[-1],
        on_round=lambda done, of: told.append(done == of),
    )
    assert told[-1]
    assert model.booster.num_boosted_rounds() == model.recipe.rounds


def test_one_row_is_enough_to_train_on(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    model = train(training[:1], parameters)
    predicted = model.predict(training[:1])["predicted_price"]
    assert predicted.to_numpy() == pytest.approx(training["price"][:1].to_numpy())


def test_columns_with_names_of_any_kind_can_be_trained_on(
    training: pd.DataFrame, parameters: TrainingParameters, train: Train
) -> None:
    odd = training.rename(columns={"cabin": "class [x] <y>, 'z'\n"})
    predicted = train(odd, parameters).predict(odd)
    assert np.isfinite(predicted["predicted_price"]).all()


@pytest.mark.parametrize(
    "wrong", [{"boosting_rounds": 0}, {"learning_rate": 0}, {"depth": 3}]
)
def test_parameters_that_make_no_sense_are_refused(
    parameters: TrainingParameters, wrong: dict[str, float]
) -> None:
    with pytest.raises(ValidationError):
        TrainingParameters(**(parameters.model_dump() | wrong))


def test_threads_of_numpy_and_xgboost_do_not_spin() -> None:
    """In a process of its own: both read this when they are first imported."""
    program = (
        "import os, sys, tripadvance_core\n"
        "assert 'numpy' not in sys.modules\n"
        "import tripadvance_core.learning\n"
        "assert 'xgboost' not in sys.modules\n"
        "names = 'OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'OPENBLAS_NUM_THREADS'\n"
        "print(*map(os.environ.get, names))"
    )
    kinds = ("OMP", "GOMP", "OPENBLAS")
    bare = {k: v for k, v in os.environ.items() if not k.startswith(kinds)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=bare, capture_output=True, text=True
    )
    assert done.stdout.split() == ["passive", "0", "1"], done.stderr


@pytest.mark.parametrize(
    "odd",
    [
        {"duration_minutes": np.nan},
        {"date": pd.Timestamp("2025-03-01")},
        {"price": 120.0},
        {"airline": "Gol", "start_city": "Recife", "end_city": "Natal"},
        {"quote_date": pd.NaT},
        {"seats": 2.0},
        {"extra": [None, "x", 1.5, pd.Timestamp("2025-01-01")] * 100},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_history_of_any_shape_gives_a_model_with_ranges(
    make_frame: Callable[..., pd.DataFrame],
    parameters: TrainingParameters,
    odd: dict[str, object],
) -> None:
    frame = make_frame(400).assign(**odd)
    progress = Progress(10_000, lambda: False, untold)
    model = grow(stored(frame), parameters, progress).calibrated(frame)
    prices = model.predict(frame)
    ranges = prices.drop(columns="doubts")
    assert np.isfinite(ranges).all(axis=None)
    assert FareModel.from_files(model.to_files()).predict(frame).equals(prices)


def test_row_of_many_seats_weighs_more(
    make_frame: Callable[..., pd.DataFrame], parameters: TrainingParameters
) -> None:
    """The same trips at two prices: the model goes with the fares sold most."""
    trips = make_frame(150)
    cheap, dear = trips.assign(price=100.0), trips.assign(price=200.0)
    both = pd.concat([cheap.assign(seats=1.0), dear.assign(seats=99.0)])
    progress = Progress(10_000, lambda: False, untold)
    model = grow(stored(both), parameters, progress)
    assert model.predict(trips)["predicted_price"].median() > 185


def test_few_rows_learn_slower_in_more_rounds_and_heavier_leaves(
    parameters: TrainingParameters,
) -> None:
    few, many = parameters.for_rows(1_000), parameters.for_rows(1_000_000)
    assert many == parameters
    assert few.leaf > parameters.leaf
    assert few.learning_rate < parameters.learning_rate
    assert few.boosting_rounds * few.learning_rate == pytest.approx(
        parameters.boosting_rounds * parameters.learning_rate, rel=0.05
    )


def test_split_names_few_of_many_flights(parameters: TrainingParameters) -> None:
    random = np.random.default_rng(5)
    flight, rows = random.integers(0, 200, 3_000), 3_000
    fares = pd.DataFrame(
        {
            "date": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(random.integers(0, 60, rows), unit="D"),
            "start_city": "Recife",
            "end_city": "São Paulo",
            "airline": "Gol",
            "duration_minutes": 120.0,
            "flight": [f"G3 {number}" for number in flight],
            "price": np.exp(5 + random.normal(0, 0.3, 200)[flight]),
        }
    )

    def most_named(most: int) -> int:
        bounded = parameters.model_copy(update={"max_cat_threshold": most})
        progress = Progress(10_000, lambda: False, untold)
        raw = grow(stored(fares), bounded, progress).booster.save_raw("json")
        trees = json.loads(raw)["learner"]["gradient_booster"]["model"]["trees"]
        at_the_root = [
            dict(zip(tree["categories_nodes"], tree["categories_sizes"], strict=True))
            for tree in trees
        ]
        return max(min(size[0], 200 - size[0]) for size in at_the_root if 0 in size)

    assert most_named(16) <= 16 < most_named(64)


def wandering_fares(rows: int, days: int = 60) -> pd.DataFrame:
    """Return quotes whose level wanders from day to day, each route on its own.

    There are more routes and days than a tree has leaves.
    """
    random = np.random.default_rng(8)
    route, day = random.integers(0, 60, rows), random.integers(0, days, rows)
    walk = np.cumsum(random.normal(0, 0.15, (days, 60)), axis=0)
    quoted = pd.Timestamp("2025-01-01") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame(
        {
            "date": quoted + pd.to_timedelta(random.integers(1, 30, rows), unit="D"),
            "start_city": [f"Cidade {number}" for number in route],
            "end_city": "São Paulo",
            "airline": random.choice(["Gol", "Azul"], rows),
            "duration_minutes": 120.0,
            "price": np.exp(5 + walk[day, route] + random.normal(0, 0.02, rows)),
            "quote_date": quoted,
        }
    )


def test_former_fares_are_features_where_they_tell_the_next_ones(
    parameters: TrainingParameters,
) -> None:
    frame = wandering_fares(3_000)
    progress = Progress(10_000, lambda: False, untold)
    model = grow(stored(frame), parameters, progress)
    assert model.recipe.former
    assert "former.route.last" in model.features
    read = FareModel.from_files(model.to_files())
    pd.testing.assert_frame_equal(read.predict(frame), model.predict(frame))
    assert read.to_files() == model.to_files()


def test_fares_without_the_day_of_the_quote_have_no_former_ones(
    model: FareModel,
) -> None:
    assert model.former is None
    assert not any(name.startswith("former.") for name in model.features)
