"""The proof that a model's files can be loaded and answer: in a confined process."""

import math
from collections.abc import Mapping
from typing import Final

import pandas as pd

from tripadvance_core.confined import Caps, Outcome, run_confined
from tripadvance_core.errors import Corrupted, FileRefused
from tripadvance_core.learning.model import FareModel

_MEGABYTE: Final = 1024 * 1024
# XGBoost's library alone takes most of it; trees take some times their file.
_MEMORY_AT_LEAST: Final = 2048 * _MEGABYTE
_MEMORY_PER_BYTE: Final = 12
_SECONDS: Final = 60.0

_TRIP: Final = pd.DataFrame(
    {
        "date": pd.Series(["2026-01-05"], dtype="datetime64[s]"),
        "start_city": ["A"],
        "end_city": ["B"],
        "airline": ["C"],
        "duration_minutes": [90.0],
    }
)


def answers(model: FareModel) -> bool:
    """Tell whether a model gives a price, above 0, for a trip that nobody knows."""
    price = float(model.predict(_TRIP)["predicted_price"].iloc[0])
    return math.isfinite(price) and price > 0


def prove_in_child(model_id: str, files: Mapping[str, bytes]) -> None:
    """Load a model in a child under caps; a crafted file brings down that child alone.

    Raises
    ------
    Corrupted
        ``MODEL_UNSAFE`` where it cannot be loaded there, or gives no price.
    Outdated
        ``MODEL_OF_OTHER_VERSION``.
    """
    caps = Caps(
        _MEMORY_AT_LEAST + _MEMORY_PER_BYTE * sum(map(len, files.values())), _SECONDS
    )
    try:
        proven = run_confined(_load, dict(files), caps=caps).document["answers"]
    except (FileRefused, RuntimeError) as failure:
        raise Corrupted("MODEL_UNSAFE", model=model_id) from failure
    if not proven:
        raise Corrupted("MODEL_UNSAFE", model=model_id)


def _load(files: dict[str, bytes]) -> Outcome:
    return Outcome({"answers": answers(FareModel.from_files(files))})
