"""The model: prices with an honest interval, the same after a trip through files."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.errors import Outdated
from tripadvance_core.learning.model import FareModel

MakeFrame = Callable[..., pd.DataFrame]


def test_prediction_has_price_and_range_on_the_index_of_the_frame(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    rows = holdout.set_index(pd.Index([f"row {n}" for n in holdout.index]))
    prices = model.predict(rows)
    ranges = ["low", "high", "low_95", "high_95"]
    assert list(prices.columns) == ["predicted_price", *ranges, "doubts"]
    assert prices.index.equals(rows.index)
    assert (prices["low"] > 0).all()
    assert (prices["low"] < prices["predicted_price"]).all()
    assert (prices["predicted_price"] < prices["high"]).all()
    assert (prices["low_95"] <= prices["low"]).all()
    assert (prices["high"] <= prices["high_95"]).all()


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
    assert np.isfinite(prices["predicted_price"]).all()


def test_trip_to_an_unknown_place_gets_a_price_a_doubt_and_no_range(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    prices = model.predict(holdout[:3].assign(end_city="Lisboa", airline="TAP"))
    assert np.isfinite(prices["predicted_price"]).all()
    assert prices[["low", "high", "low_95", "high_95"]].isna().all(axis=None)
    assert prices["doubts"].tolist() == ["UNSEEN_END_CITY UNSEEN_AIRLINE"] * 3


def test_known_trip_has_no_doubts_and_a_far_one_has(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    assert (model.predict(holdout)["doubts"] == "").all()
    far = holdout.assign(date=holdout["date"] + pd.Timedelta(days=500))
    assert (model.predict(far)["doubts"] == "FAR_DATE").all()


def test_range_is_wider_beyond_the_days_learned_from(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    model = replace(model, band=replace(model.band, later_stretch=None))
    worse = replace(model, band=replace(model.band, later_stretch={80: 2.0, 95: 1.0}))
    beyond = holdout.assign(date=pd.Timestamp("2026-01-05"))
    for rows, factor in ((holdout, 1), (beyond, 2)):
        ours, theirs = worse.predict(rows), model.predict(rows)
        width = np.log(ours["high"] / ours["low"])
        assert width.to_numpy() == pytest.approx(
            factor * np.log(theirs["high"] / theirs["low"]).to_numpy()
        )
        assert ours["low_95"].tolist() == theirs["low_95"].tolist()


def test_no_rows_get_no_prices(model: FareModel, holdout: pd.DataFrame) -> None:
    assert model.predict(holdout[:0]).shape == (0, 6)


def test_files_give_the_same_model_back(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    files = model.to_files()
    read = FareModel.from_files(files)
    pd.testing.assert_frame_equal(read.predict(holdout), model.predict(holdout))
    assert read.features == model.features
    assert read.to_files() == files


def test_files_are_json_and_the_packed_format_of_xgboost(model: FareModel) -> None:
    files = model.to_files()
    assert {"model.ubj.zst", "model.json"} <= set(files)
    description = json.loads(files["model.json"])
    assert description["format"] == 3
    assert description["parameters"]["boosting_rounds"] == 30


def test_files_of_another_format_are_not_read(model: FareModel) -> None:
    files = model.to_files()
    files["model.json"] = files["model.json"].replace(b'"format":3', b'"format":2')
    with pytest.raises(Outdated, match="MODEL_OF_OTHER_VERSION"):
        FareModel.from_files(files)


def test_model_of_two_kinds_of_trees_blends_them_and_survives_its_files(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    recipe = model.recipe.model_copy(update={"log_share": 0.5})
    two = replace(model, recipe=recipe, plain=model.booster, price_scale=100.0)
    matrix = model.encoder.transform(holdout)
    logs = model.booster.inplace_predict(matrix).astype(float)
    ours = np.exp(logs)
    theirs = np.clip(100 * logs, ours / 3, ours * 3)
    assert two.price_of(matrix) == pytest.approx((ours + theirs) / 2)
    read = FareModel.from_files(two.to_files())
    pd.testing.assert_frame_equal(read.predict(holdout), two.predict(holdout))


def test_about_80_of_100_new_fares_lie_in_the_range(
    model: FareModel, make_frame: MakeFrame
) -> None:
    """On fares that neither training nor calibration saw; 2,000 rows calibrate."""
    fares = make_frame(4_000, seed=99)
    prices = model.calibrated(make_frame(2_000, seed=98)).predict(fares)
    covered = fares["price"].between(prices["low"], prices["high"])
    assert covered.mean() == pytest.approx(0.80, abs=0.03)


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_too_few_rows_leave_the_range_unknown(
    model: FareModel, holdout: pd.DataFrame, rows: int
) -> None:
    prices = model.calibrated(holdout[:rows]).predict(holdout)
    assert np.isfinite(prices["predicted_price"]).all()
    assert prices[["low", "high"]].isna().all(axis=None)


def test_four_rows_are_enough_for_80_and_19_for_95(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    assert set(model.calibrated(holdout[:4]).band.stretch or {}) == {80}
    assert set(model.calibrated(holdout[:19]).band.stretch or {}) == {80, 95}


def test_calibration_changes_nothing_but_the_range(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    bare = replace(model, band=replace(model.band, stretch=None))
    assert bare.calibrated(holdout).to_files() == model.to_files()
    read = FareModel.from_files(bare.to_files())
    assert read.predict(holdout)["low"].isna().all()
