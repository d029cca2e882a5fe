"""The model: prices with an honest interval, the same after a trip through files."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tripadvance_core.learning.model import FareModel

MakeFrame = Callable[..., pd.DataFrame]


def test_prediction_has_price_and_range_on_the_index_of_the_frame(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    rows = holdout.set_index(pd.Index([f"row {n}" for n in holdout.index]))
    prices = model.predict(rows)
    assert list(prices.columns) == ["predicted_price", "low", "high"]
    assert prices.index.equals(rows.index)
    assert (prices["low"] > 0).all()
    assert (prices["low"] < prices["predicted_price"]).all()
    assert (prices["predicted_price"] < prices["high"]).all()


def test_order_and_company_of_rows_do_not_change_their_prices(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    together = model.predict(holdout)
    pd.testing.assert_frame_equal(model.predict(holdout[::-1])[::-1], together)
    pd.testing.assert_frame_equal(model.predict(holdout[5:6]), together[5:6])


def test_price_in_the_frame_is_not_looked_at(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    blind = model.predict(holdout.drop(columns="price"))
    pd.testing.assert_frame_equal(blind, model.predict(holdout))


def test_trip_without_further_columns_still_gets_a_price(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    prices = model.predict(holdout.drop(columns=["cabin", "price"]))
    assert np.isfinite(prices).all(axis=None)


def test_trip_to_an_unknown_place_still_gets_a_price(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    prices = model.predict(holdout[:3].assign(end_city="Lisboa", airline="TAP"))
    assert np.isfinite(prices).all(axis=None)


def test_no_rows_get_no_prices(model: FareModel, holdout: pd.DataFrame) -> None:
    assert model.predict(holdout[:0]).shape == (0, 3)


def test_files_give_the_same_model_back(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    files = model.to_files()
    read = FareModel.from_files(files)
    pd.testing.assert_frame_equal(read.predict(holdout), model.predict(holdout))
    assert read.features == model.features
    assert read.to_files() == files


def test_files_are_json_and_the_own_format_of_xgboost(model: FareModel) -> None:
    files = model.to_files()
    assert set(files) == {"model.ubj", "model.json"}
    description = json.loads(files["model.json"])
    assert description["format"] == 1
    assert description["parameters"]["boosting_rounds"] == 30


def test_files_of_another_format_are_not_read(model: FareModel) -> None:
    files = model.to_files()
    files["model.json"] = files["model.json"].replace(b'"format":1', b'"format":2')
    with pytest.raises(ValidationError, match="format"):
        FareModel.from_files(files)


def test_about_80_of_100_new_fares_lie_in_the_range(
    model: FareModel, make_frame: MakeFrame
) -> None:
    """On fares that neither training nor calibration saw; 2,000 rows calibrate."""
    fares = make_frame(4_000, seed=99)
    prices = model.calibrated(make_frame(2_000, seed=98)).predict(fares)
    covered = fares["price"].between(prices["low"], prices["high"])
    assert covered.mean() == pytest.approx(0.80, abs=0.03)


def test_half_width_is_the_finite_sample_quantile(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    """Of 9 residuals the 8th: ⌈(9 + 1) · 0.8⌉."""
    rows = holdout[:9]
    logs = np.log(model.predict(rows)["predicted_price"])
    residuals = np.sort(np.abs(np.log(rows["price"]) - logs))
    assert model.calibrated(rows).half_width == pytest.approx(residuals[7])


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_rows_leave_the_range_unknown(
    model: FareModel, holdout: pd.DataFrame, rows: int
) -> None:
    prices = model.calibrated(holdout[:rows]).predict(holdout)
    assert np.isfinite(prices["predicted_price"]).all()
    assert prices[["low", "high"]].isna().all(axis=None)


def test_four_rows_are_enough_for_a_range(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    assert model.calibrated(holdout[:4]).half_width is not None


def test_calibration_changes_nothing_but_the_range(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    uncalibrated = replace(model, half_width=None)
    again = uncalibrated.calibrated(holdout)
    assert uncalibrated.half_width is None
    assert again.to_files() == model.to_files()


def test_model_without_a_range_survives_its_files(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    bare = FareModel.from_files(replace(model, half_width=None).to_files())
    assert bare.predict(holdout)["low"].isna().all()
