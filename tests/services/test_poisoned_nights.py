"""Poison that a person releases by mistake: the panels keep it from harming MASTER."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tripadvance_core.domain.entities import ColumnMapping, UploadStatus
from tripadvance_core.services.comparison import reserved_rows
from tripadvance_core.services.history import read_history

HOSTILE = Path(__file__).parents[2] / "../shared/hostile"
EXPECTED = HOSTILE / "expected.json"
REFERENCE = "poi_reference_clean"
TOLERANCE = 0.03


def poisons() -> list[dict[str, Any]]:
    if not EXPECTED.exists():
        return []
    cases: list[dict[str, Any]] = json.loads(EXPECTED.read_text("utf-8"))["cases"]
    return [case for case in cases if case["family"] == "poison"]


def ingest(house: Any, case: dict[str, Any]) -> Any:
    content = (HOSTILE / case["file"]).read_bytes()
    upload, _ = house.services.uploads.ingest(
        content, case["upload_name"], ColumnMapping(), owner="ana"
    )
    return upload


def error_of_master(house: Any, reference: Any) -> float:
    """Return MASTER's MAPE on the reserved rows of the clean reference."""
    registry = house.services.registry
    history = read_history(house.services.objects, [reference], [], 1)
    rows = reserved_rows(history).rows.frame()
    predicted = registry.load(registry.master()).predict(rows)["predicted_price"]
    return float(np.mean(np.abs(predicted - rows["price"]) / rows["price"]))


@pytest.mark.skipif(not EXPECTED.exists(), reason="the corpus is not here")
@pytest.mark.parametrize(
    "case",
    [pytest.param(c, id=c["id"]) for c in poisons() if c["id"] != REFERENCE],
)
def test_poison_trained_as_if_released_leaves_master_as_good_on_panel_b(
    open_house: Callable[..., Any], case: dict[str, Any]
) -> None:
    house = open_house(min_partition_bytes=1)
    (clean,) = (c for c in poisons() if c["id"] == REFERENCE)
    reference = house.services.uploads.find(ingest(house, clean).id)
    house.run()
    before = error_of_master(house, reference)
    poison = ingest(house, case)
    if poison.status is UploadStatus.HELD:
        house.services.uploads.release(poison.id, by="bia", reason="by mistake")
    assert house.run().trained
    assert error_of_master(house, reference) <= before * (1 + TOLERANCE)
