"""Batches: the same matrix as in one piece, in memory and on disk."""

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from tests.stored import stored
from tripadvance_core.learning import matrices
from tripadvance_core.learning.matrices import (
    EncodedFares,
    is_for_the_disk,
    training_matrix,
    weights_of,
)
from tripadvance_core.tabular.features import FeatureEncoder

PARAMETERS = {"max_depth": 4, "nthread": 1, "seed": 1}


@pytest.mark.parametrize("external_from", [10_000, 1])
def test_batches_train_what_one_piece_would(
    training: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, external_from: int
) -> None:
    monkeypatch.setattr(matrices, "BATCH_ROWS", 300)
    monkeypatch.setattr(matrices, "EXTERNAL_MEMORY_ROWS", external_from)
    monkeypatch.setattr(matrices, "EXTERNAL_PAGE_ROWS", 500)
    rows = stored(training)
    encoder = FeatureEncoder.fit(rows)
    whole = xgb.QuantileDMatrix(
        encoder.transform(training),
        label=np.log(training["price"]),
        feature_types=encoder.types,
        enable_categorical=True,
    )
    fares = EncodedFares(encoder, rows)
    batches = training_matrix(
        fares, np.log, threads=1, on_disk=is_for_the_disk(len(fares))
    )
    assert batches.num_row() == len(training)
    np.testing.assert_allclose(batches.get_label(), whole.get_label())
    ours = xgb.train(PARAMETERS, batches, num_boost_round=5)
    theirs = xgb.train(PARAMETERS, whole, num_boost_round=5)
    matrix = encoder.transform(training)
    np.testing.assert_allclose(
        ours.inplace_predict(matrix), theirs.inplace_predict(matrix), rtol=0.02
    )


def test_sample_is_the_rows_at_the_places_across_batches(
    training: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrices, "BATCH_ROWS", 300)
    rows = stored(training.assign(seats=2.0))
    encoder = FeatureEncoder.fit(rows)
    places = np.array([0, 299, 300, 301, len(training) - 1])
    sample = EncodedFares(encoder, rows).sample(places)
    expected = training.iloc[places]
    np.testing.assert_array_equal(sample.features, encoder.transform(expected))
    np.testing.assert_array_equal(sample.prices, expected["price"])
    assert sample.weights is not None
    assert sample.weights.tolist() == [2.0] * 5


def test_row_counts_as_often_as_its_seats_say() -> None:
    frame = pd.DataFrame({"seats": [3.0, None, 0.0]})
    assert weights_of(frame).tolist() == [3, 1, 1]
    assert weights_of(frame.drop(columns="seats")).tolist() == [1, 1, 1]
