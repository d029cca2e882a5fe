"""What a model trains on: all rows but the reserved ones, the newest within a bound."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tripadvance_core.domain.holdout import mixed
from tripadvance_core.learning.evaluation import CARD_FILE, ModelCard
from tripadvance_core.services import history
from tripadvance_core.services.history import History
from tripadvance_core.storage.objects import load_file
from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import FareRows


def test_bound_keeps_the_newest_rows_and_all_reserved_ones() -> None:
    rows = marked([True, False, False, True, False])
    bounded = History(uploads=(), earlier=0, rows=rows, most_rows=2)
    assert bounded.training.column("price").tolist() == [3, 5]
    assert bounded.holdout["price"].tolist() == [1, 4]


def test_few_of_many_reserved_rows_are_taken_by_their_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "HOLDOUT_ROWS", 100)
    rows = marked([True] * 1_000)
    taken = History((), 0, rows, most_rows=1).holdout["price"].tolist()
    assert len(taken) == 100
    assert taken == sorted(taken)
    backwards = rows.frame()[::-1]
    again = History((), 0, FareRows.distinct([to_parquet(backwards)]), most_rows=1)
    assert set(again.holdout["price"]) == set(taken)


def marked(reserved: list[bool]) -> FareRows:
    """Return rows that are reserved or not, as the flags say."""
    prices = np.arange(1.0, len(reserved) + 1)
    hashes = mixed(prices.astype(np.uint64))
    frame = pd.DataFrame({"price": prices, "row_hash": hashes, "reserved": reserved})
    return FareRows.distinct([to_parquet(frame)])


def test_night_keeps_a_card_beside_the_model(house: Any) -> None:
    house.upload(rows=600)
    model = house.run().model
    (file,) = (f for f in model.files if Path(f.key).name == CARD_FILE)
    card = ModelCard.model_validate_json(load_file(house.services.objects, file))
    assert card.model.metrics == model.metrics
    assert card.route_median.metrics == model.baseline_metrics
