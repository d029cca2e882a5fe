"""What a model trains on: all rows but the reserved ones, the newest within a bound."""

from pathlib import Path
from typing import Any

import pandas as pd

from tripadvance_core.learning.evaluation import CARD_FILE, ModelCard
from tripadvance_core.services.history import History
from tripadvance_core.storage.objects import load_file


def test_bound_keeps_the_newest_rows_and_all_reserved_ones() -> None:
    reserved = [True, False, False, True, False]
    rows = pd.DataFrame({"price": [1.0, 2, 3, 4, 5], "reserved": reserved})
    history = History(uploads=(), rows=rows, most_rows=2)
    assert history.training["price"].tolist() == [3, 5]
    assert history.holdout["price"].tolist() == [1, 4]


def test_night_keeps_a_card_beside_the_model(house: Any) -> None:
    house.upload(rows=600)
    model = house.run().model
    (file,) = (f for f in model.files if Path(f.key).name == CARD_FILE)
    card = ModelCard.model_validate_json(load_file(house.services.objects, file))
    assert card.model.metrics == model.metrics
    assert card.route_median.metrics == model.baseline_metrics
