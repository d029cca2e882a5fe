"""The panels on which models are compared: which rows, frozen, never trained on.

Every row of a panel is one of the reserved fifth (``holdout``): its own hash keeps it
out of every training for good, so a panel costs no training row beyond that fifth.
Keeping all rows of the newest days out instead would test the future better, but no
model would ever learn the newest days, which matter most.

A
    The later half by day of the reserved rows of the files that a model has just
    learned from.
B
    A standing panel of the reserved rows of all earlier files. It stays the same, row
    for row, until it is worn out, outgrown, or a row of it is withdrawn; then it is
    drawn anew, panel A's former rows among the rest.
"""

import hashlib
from collections.abc import Iterable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tripadvance_core.domain.holdout import mixed

RowHashes = NDArray[np.uint64]

LATER_PART = 0.5
"""Panel A starts at this quantile of the days."""


class PanelProof(BaseModel):
    """What proves a panel: its rows, and that no model has trained on any of them.

    ``digest`` is the SHA-256 of its sorted row hashes. ``uses`` counts the decisions
    that have rested on it, this one included. ``overlap`` counts the rows that one of
    the models compared has trained on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: int
    digest: str
    drawn_at: str | None = None
    uses: int = 1
    overlap: int


class RotationPolicy(BaseModel):
    """When a standing panel is drawn anew, and how many rows it has at most.

    A holdout that is used again and again wears out (Dwork et al. 2015, "The reusable
    holdout"); for looks that do not feed back into training the price is small (Roelofs
    et al. 2019), so it is counted and bounded rather than avoided.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    most_rows: int = Field(default=20_000, ge=1)
    most_uses: int = Field(default=60, ge=1)
    most_days: float = Field(default=90, gt=0)


def digest(hashes: RowHashes) -> str:
    """Return the SHA-256 of the sorted row hashes, big-endian."""
    return hashlib.sha256(np.sort(hashes).astype(">u8").tobytes()).hexdigest()


def count_overlap(panel: RowHashes, trained_on: Iterable[RowHashes]) -> int:
    """Return how many rows of a panel one of the models has trained on.

    >>> count_overlap(np.array([1, 2], np.uint64), [np.array([2, 3], np.uint64)])
    1
    """
    seen = np.zeros(panel.size, dtype=bool)
    for rows in trained_on:
        seen |= np.isin(panel, rows)
    return int(seen.sum())


def later_part(days: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each row, by its day, is of the later part, shape (n,).

    >>> later_part(np.array([3, 1, 2, 4]))
    array([ True, False, False,  True])
    """
    if not days.size:
        return np.zeros(0, dtype=bool)
    found: NDArray[np.bool_] = days >= np.quantile(days, LATER_PART, method="higher")
    return found


def draw(hashes: RowHashes, number: int, most_rows: int) -> RowHashes:
    """Draw standing panel ``number`` from the distinct reserved rows, sorted.

    Each number ranks the rows anew, by their hash mixed with it, so that a panel that
    is drawn from many more rows than it takes has other rows than the one before.
    """
    distinct = np.unique(hashes)
    rank = np.argsort(mixed(distinct ^ np.uint64(number)), kind="stable")
    return np.sort(distinct[rank[:most_rows]])


def is_due(
    panel: RowHashes,
    reserved: RowHashes,
    *,
    uses: int,
    age: timedelta,
    policy: RotationPolicy,
) -> bool:
    """Tell whether a standing panel has to be drawn anew.

    It is when it was used or has stood too long, when a row of it is there no more, or
    when it is smaller than allowed and twice as many rows could be had.

    Parameters
    ----------
    reserved
        The reserved rows of all earlier files.
    """
    distinct = np.unique(reserved)
    lost = not np.isin(panel, distinct).all()
    outgrown = min(distinct.size, policy.most_rows) >= 2 * panel.size
    worn = uses >= policy.most_uses or age >= timedelta(days=policy.most_days)
    return bool(lost or outgrown or worn)
