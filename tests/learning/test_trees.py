"""Stored trees: few rows and many, the same prices to the bit."""

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from tests.stored import stored
from tripadvance_core.learning.boosting import TrainingParameters
from tripadvance_core.learning.model import FareModel
from tripadvance_core.learning.trees import FEW_ROWS, StoredTrees, predicted
from tripadvance_core.tabular.features import FeatureEncoder


@pytest.fixture(scope="module")
def trees(model: FareModel) -> StoredTrees:
    return StoredTrees(bytearray(model.booster.save_raw("ubj")))


@pytest.mark.parametrize("rows", [1, 2, FEW_ROWS])
def test_few_rows_get_what_many_get_to_the_bit(
    model: FareModel, trees: StoredTrees, holdout: pd.DataFrame, rows: int
) -> None:
    matrix = model.encoder.transform(holdout)
    together = model.booster.inplace_predict(matrix)
    for start in range(0, 96, rows):
        few = trees.few(matrix[start : start + rows])
        assert few.dtype == np.float32
        np.testing.assert_array_equal(few, together[start : start + rows])


def test_missing_and_unknown_values_take_the_same_way(
    model: FareModel, trees: StoredTrees, holdout: pd.DataFrame
) -> None:
    odd = holdout[:6].assign(cabin=None, end_city="Lisboa", duration_minutes=np.nan)
    matrix = model.encoder.transform(odd)
    np.testing.assert_array_equal(
        trees.few(matrix), model.booster.inplace_predict(matrix)
    )


@pytest.mark.parametrize("rounds", [1, 40])
def test_trees_of_numbers_alone_and_of_one_round_are_read(
    training: pd.DataFrame, parameters: TrainingParameters, rounds: int
) -> None:
    encoder = FeatureEncoder.fit(stored(training))
    matrix = encoder.transform(training)[:, :2]
    target = xgb.QuantileDMatrix(matrix, label=training["price"])
    booster = xgb.train(parameters.for_xgboost(8), target, rounds)
    read = StoredTrees(bytearray(booster.save_raw("ubj")))
    np.testing.assert_array_equal(
        read.few(matrix[:5]), booster.inplace_predict(matrix[:5])
    )


def test_no_rows_get_no_prices(trees: StoredTrees) -> None:
    assert predicted(trees, np.empty((0, 9), dtype=np.float32)).shape == (0,)
