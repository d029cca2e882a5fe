"""Money that a feature adds: it sums to the price, and points the right way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.learning.explanation import (
    contributions,
    importance,
    partial_effect,
)
from tripadvance_core.learning.model import FareModel


@pytest.fixture(params=["log prices", "both"])
def explained(request: pytest.FixtureRequest, model: FareModel) -> FareModel:
    """A model of one kind of trees, and one of both."""
    if request.param == "log prices":
        return model
    recipe = model.recipe.model_copy(update={"log_share": 0.7})
    return replace(model, recipe=recipe, plain=model.booster, price_scale=40.0)


def test_contributions_add_up_to_the_price(
    explained: FareModel, holdout: pd.DataFrame
) -> None:
    rows = holdout[:50]
    parts = contributions(explained, rows)
    assert parts.values.shape == (50, len(explained.features))
    prices = explained.predict(rows)["predicted_price"].to_numpy()
    np.testing.assert_array_equal(parts.price, prices)
    np.testing.assert_allclose(parts.base + parts.values.sum(axis=1), prices)


def test_base_is_the_same_for_all_trips(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    base = contributions(model, holdout[:50]).base
    assert base == pytest.approx(np.full(50, base[0]), rel=1e-4)


def test_dear_cabin_adds_to_the_price_and_cheap_one_takes(
    explained: FareModel, holdout: pd.DataFrame
) -> None:
    parts = contributions(explained, holdout)
    cabin = parts.values[:, parts.features.index("cabin")]
    business = (holdout["cabin"] == "Business").to_numpy()
    assert (cabin[business] > 0).all()
    assert (cabin[~business] < 0).all()


def test_importance_is_shares_and_names_what_matters_first(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    shares = importance(model, holdout)
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == "cabin"
    assert set(shares) == set(model.features)


def test_effect_of_the_date_is_the_mean_price_on_that_day(
    model: FareModel, holdout: pd.DataFrame
) -> None:
    days = ["2025-03-01", "2025-09-01"]
    effect = partial_effect(model, holdout, "date", days)
    assert effect["value"].tolist() == days
    for day, mean in zip(days, effect["mean_price"], strict=True):
        moved = holdout.assign(date=pd.Timestamp(day))
        expected = model.predict(moved)["predicted_price"].mean()
        assert mean == pytest.approx(expected)
