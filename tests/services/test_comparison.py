"""A challenger is asked once about each row that judges it."""

from typing import Any

import numpy as np
import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.learning.model import FareModel
from tripadvance_core.services import history as history_module
from tripadvance_core.services.comparison import Said
from tripadvance_core.services.history import History, read_history, trained_uploads
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.joining import ROW_HASH

Trained = tuple[FareModel, History]


@pytest.fixture
def trained(house: Any) -> Trained:
    """Return a model and its history, in which some identities stand for two rows."""
    services = house.services
    header, *rows = house.make_fares(300).decode().splitlines()
    fares = [f"{header},stops", *(f"{row},0" for row in rows)]
    fares += [f"{row},2" for row in rows[::5]]
    content = "\n".join(fares).encode()
    services.uploads.ingest(content, "fares.csv", ColumnMapping(), owner="ana")
    model = house.run().model
    uploads = trained_uploads(Repositories(services.database))
    history = read_history(services.objects, uploads, [], 1_000)
    identities = history.holdout[ROW_HASH]
    assert 0 < identities.nunique() < identities.size
    return services.registry.load(model), history


def test_rows_that_were_asked_about_are_not_asked_about_again(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, history = trained
    said = Said.by(model, history)
    chosen = np.arange(len(history.holdout)) % 3 == 0
    rows = history.holdout[chosen]
    expected = model.estimate(rows)
    monkeypatch.setattr(FareModel, "estimate", lambda *_: pytest.fail("asked again"))
    told = said.of(rows, chosen)
    np.testing.assert_allclose(told.price, expected.price, rtol=1e-6)
    np.testing.assert_allclose(told.reach.low, expected.reach.low, rtol=1e-6)


def test_rows_of_which_one_is_not_of_the_holdout_are_all_asked_about(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, history = trained
    every_row = history.holdout
    monkeypatch.setattr(history_module, "HOLDOUT_ROWS", len(every_row) // 2)
    few = History(history.uploads, history.earlier, history.rows, history.most_rows)
    said = Said.by(model, few)
    assert 0 < len(few.holdout) < len(every_row)
    chosen = np.ones(len(every_row), dtype=np.bool_)
    np.testing.assert_allclose(
        said.of(every_row, chosen).price, model.estimate(every_row).price
    )


def test_nothing_is_said_where_nothing_is_reserved(trained: Trained) -> None:
    model, history = trained
    free = history.rows.where(~history.reserved)
    none = History(history.uploads, history.earlier, free, history.most_rows)
    said = Said.by(model, none)
    chosen = np.zeros(0, dtype=np.bool_)
    assert said.of(history.holdout.iloc[:0], chosen).price.size == 0
