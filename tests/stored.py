"""Frames as the product keeps them: Parquet with the identity of each row."""

import pandas as pd

from tripadvance_core.tabular.jobs import to_parquet
from tripadvance_core.tabular.joining import FareRows, with_identity


def stored(*frames: pd.DataFrame) -> FareRows:
    """Return the rows of frames, each of which stands for a file."""
    return FareRows.distinct(map(_written, frames))


def stored_whole(frame: pd.DataFrame) -> FareRows:
    """Return the rows of a frame that lacks columns which make an identity."""
    return FareRows.distinct([to_parquet(frame)])


def _written(frame: pd.DataFrame) -> bytes:
    objects = [name for name in frame if frame[name].dtype.kind == "O"]
    texts = {
        name: frame[name].map(str, na_action="ignore").astype("str") for name in objects
    }
    return to_parquet(with_identity(frame.assign(**texts)))
