"""A challenger is asked once about each row that judges it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.learning.model import FareModel
from tripadvance_core.services.comparison import Said
from tripadvance_core.services.history import read_history, trained_uploads
from tripadvance_core.storage.repository import Repositories


@pytest.fixture
def trained(house: Any) -> tuple[FareModel, pd.DataFrame]:
    """Return a model and the reserved rows of its history."""
    house.upload()
    model = house.run().model
    services = house.services
    uploads = trained_uploads(Repositories(services.database))
    history = read_history(services.objects, uploads, [], 1_000)
    return services.registry.load(model), history.holdout


def test_rows_that_were_asked_about_are_not_asked_about_again(
    trained: tuple[FareModel, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rows = trained
    said = Said.about(model, rows)
    some = rows.iloc[[7, 2, 5]]
    expected = model.estimate(some)
    monkeypatch.setattr(FareModel, "estimate", lambda *_: pytest.fail("asked again"))
    told = said.of(some)
    np.testing.assert_allclose(told.price, expected.price, rtol=1e-6)
    np.testing.assert_allclose(told.reach.low, expected.reach.low, rtol=1e-6)


def test_rows_among_which_one_is_new_are_all_asked_about(
    trained: tuple[FareModel, pd.DataFrame],
) -> None:
    model, rows = trained
    said = Said.about(model, rows.iloc[1:])
    np.testing.assert_allclose(said.of(rows).price, model.estimate(rows).price)


def test_nothing_is_said_where_there_are_no_rows(
    trained: tuple[FareModel, pd.DataFrame],
) -> None:
    model, rows = trained
    none = rows.iloc[:0]
    assert Said.about(model, none).of(none).price.size == 0
