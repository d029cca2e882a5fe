"""The rows on which models are compared, and what the models say of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats
from tripadvance_core.domain.panels import later_part
from tripadvance_core.domain.promotion import Panel
from tripadvance_core.errors import Corrupted
from tripadvance_core.learning.evaluation import groups_of, judged_by_halves
from tripadvance_core.learning.matrices import weights_of
from tripadvance_core.learning.model import Estimate, FareModel
from tripadvance_core.services.history import History
from tripadvance_core.tabular.features import routes
from tripadvance_core.tabular.joining import ROW_HASH, FareRows

OWN = "A"
STANDING = "B"
PREDICTED = ("challenger", "low", "high")
_TRIALS = 5
_PROVEN_ROWS = 1_000
_ROUNDING = 1e-6


@dataclass(frozen=True)
class ReservedRows:
    """The reserved rows of some files, each once, and which of them are new.

    ``own`` tells, shape (n,), the rows that no earlier file has.
    """

    rows: FareRows
    own: NDArray[np.bool_]

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """The identity of each row, shape (n,)."""
        return self.rows.column(ROW_HASH)

    @property
    def standing(self) -> NDArray[np.uint64]:
        """The identities of the rows of earlier files."""
        return self.hashes[~self.own]

    def panels(
        self, panel_b: NDArray[np.uint64]
    ) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Return the rows of panel A and B, and which of the reserved rows they are.

        ``panel`` names the side of each. While there are no earlier files, panel A is
        all that is new.
        """
        panel_a = self.own.copy()
        if not self.own.all():
            days = self.rows.column("date").astype("datetime64[D]").astype(np.int64)
            panel_a[self.own] = later_part(days[self.own])
        chosen = panel_a | (~self.own & np.isin(self.hashes, panel_b))
        rows = self.rows.where(chosen).frame() if chosen.any() else _NO_ROWS
        return rows.assign(panel=np.where(panel_a[chosen], OWN, STANDING)), chosen


def reserved_rows(history: History) -> ReservedRows:
    """Return the reserved rows of a history, those of its new files as own."""
    rows = history.rows.where(history.reserved)
    hashes = rows.column(ROW_HASH)
    known = hashes[: sum(rows.sizes[: history.earlier])]
    return ReservedRows(rows, ~np.isin(hashes, known))


_NO_ROWS = pd.DataFrame(
    {
        "date": pd.Series(dtype="datetime64[s]"),
        "start_city": pd.Series(dtype=str),
        "end_city": pd.Series(dtype=str),
        "airline": pd.Series(dtype=str),
        "duration_minutes": pd.Series(dtype=float),
        "price": pd.Series(dtype=float),
        ROW_HASH: pd.Series(dtype=np.uint64),
    }
)


@dataclass(frozen=True)
class Said:
    """What the trees of a model said of the holdout, so that they are asked once.

    ``asked`` tells, shape (n,), which of the n reserved rows the holdout are. Rows are
    known by their place, for one identity may stand for several.
    """

    model: FareModel
    asked: NDArray[np.bool_]
    estimate: Estimate

    @classmethod
    def by(cls, model: FareModel, history: History) -> Self:
        """Ask a model about the holdout of a history."""
        holdout = _NO_ROWS if history.holdout.empty else history.holdout
        return cls(model, history.in_holdout, model.estimate(holdout))

    def of(self, rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> Estimate:
        """Return what is said of the reserved rows that were chosen, shape (n,).

        Where one of them is not of the holdout, all are asked about anew.
        """
        if (chosen & ~self.asked).any():
            return self.model.estimate(rows)
        return self.estimate.part(chosen[self.asked])


def predictions(
    model: FareModel, rows: pd.DataFrame, estimate: Estimate
) -> pd.DataFrame:
    """Return what a challenger predicts for rows, on their index.

    ``low`` and ``high``, the 80 % range, know nothing of the rows they are for.
    """
    prices = judged_by_halves(model, estimate, rows["price"].to_numpy(np.float64))
    told = (prices.price, prices.low, prices.high)
    return pd.DataFrame(dict(zip(PREDICTED, told, strict=True)), index=rows.index)


def require_same_prices(
    model_id: str, model: FareModel, rows: pd.DataFrame, predicted: pd.DataFrame
) -> None:
    """Ask a stored model about a few rows whose prices it told while it was made.

    Raises
    ------
    Corrupted
        ``MODEL_SAYS_OTHERWISE`` where it tells others now.
    """
    some = slice(_PROVEN_ROWS)
    now = model.estimate(rows[some]).price
    then = predicted["challenger"][some].to_numpy(np.float64)
    if not np.allclose(now, then, rtol=_ROUNDING, atol=0):
        raise Corrupted("MODEL_SAYS_OTHERWISE", model=model_id)


def score(
    rows: pd.DataFrame,
    predicted: pd.DataFrame,
    rival: FareModel | None,
    baseline: Floats,
) -> pd.DataFrame:
    """Put what the rival predicts beside what challenger and baseline say of rows.

    Without a rival the baseline, the median price of the route, stands in its place.
    """
    return pd.DataFrame(
        {
            ROW_HASH: rows[ROW_HASH],
            "panel": rows["panel"],
            "group": groups_of(rows),
            "airline": rows["airline"],
            "route": routes(rows),
            "date": rows["date"],
            "actual": rows["price"],
            "weight": weights_of(rows),
            **predicted,
            "baseline": baseline,
            "rival": rival.predict(rows)["predicted_price"] if rival else baseline,
        }
    )


def panel_of(
    scores: Sequence[pd.DataFrame], rival: str = "rival", *, own_first: bool = True
) -> Panel:
    """Return the stored predictions of all looks as one panel.

    The rows of panel A in the first are of the challenger's own files if
    ``own_first``; what a later look brings never is.
    """
    own = [
        table["panel"].eq(OWN) & (look == 0 and own_first)
        for look, table in enumerate(scores)
    ]
    table = pd.concat(scores, ignore_index=True)
    price = {
        name: table[name].to_numpy(np.float64)
        for name in ("actual", "challenger", "low", "high", "baseline")
    }
    return Panel(
        **price,
        rival=table[rival].to_numpy(np.float64),
        groups=table["group"].to_numpy(np.int64),
        own=pd.concat(own, ignore_index=True).to_numpy(bool),
        segments={name: table[name].to_numpy(object) for name in ("airline", "route")},
        weights=table["weight"].to_numpy(np.float64),
    )


def seconds_a_price(model: FareModel, rows: pd.DataFrame) -> float:
    """Return the CPU seconds that one price takes: the best of some trials."""
    one = rows.head(1)
    taken = []
    for _ in range(_TRIALS):
        start = time.thread_time()
        model.predict(one)
        taken.append(time.thread_time() - start)
    return min(taken)
