"""The trees of a stored model: quick with one row as with many."""

import json
import re
from threading import Lock
from typing import Final

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats

FEW_ROWS: Final = 8
"""More rows share the cost of ``inplace_predict`` among them."""

ONE_THREAD: Final = {"nthread": 1}
"""Of a stored model. To assemble a team of threads takes longer than to price a trip;
those who ask at the same time are served side by side."""

# Leaves have their value where other nodes have their split (Universal Binary JSON:
# an array of big-endian float32, its length before it in eight bytes).
_LEAVES: Final = re.compile(rb"split_conditions\[\$d#L(.{8})", re.DOTALL)


def predicted(booster: xgb.Booster, matrix: NDArray[np.float32]) -> Floats:
    """Return what a booster says of n rows, shape (n,), the quickest way."""
    if not len(matrix):
        return np.empty(0)
    if isinstance(booster, StoredTrees) and len(matrix) <= FEW_ROWS:
        return booster.few(matrix).astype(np.float64)
    return np.asarray(booster.inplace_predict(matrix), dtype=np.float64)


class StoredTrees(xgb.Booster):
    """A booster, read from its file, that need not measure its trees for a single row.

    ``inplace_predict`` walks through every node of every tree at each call, to learn
    how deep they are (XGBoost 3.2): for one row that is most of the time. ``few`` asks
    for the leaves alone and adds their values, in the same order and to the same bit.

    Parameters
    ----------
    raw
        Trees of one output each, as ``save_raw("ubj")`` gives them.
    """

    def __init__(self, raw: bytearray) -> None:
        super().__init__(ONE_THREAD, model_file=raw)
        trees = [
            np.frombuffer(
                raw, ">f4", int.from_bytes(found.group(1), "big"), found.end()
            )
            for found in _LEAVES.finditer(raw)
        ]
        self._values = np.concatenate(trees).astype(np.float32)
        self._starts = np.cumsum([0, *(tree.size for tree in trees[:-1])])
        learned = json.loads(self.save_config())["learner"]["learner_model_param"]
        (self._base,) = json.loads(learned["base_score"])
        self._lock = Lock()

    def few(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what ``inplace_predict`` does for n rows, n > 0."""
        rows = xgb.DMatrix(
            matrix,
            feature_types=self.feature_types,
            enable_categorical=True,
            nthread=1,
        )
        with self._lock:  # unlike inplace_predict, predict is not for many threads
            leaves = self.predict(rows, pred_leaf=True, validate_features=False)
        places = self._starts + leaves.reshape(len(matrix), -1).astype(np.int64)
        start = np.full((len(matrix), 1), self._base, dtype=np.float32)
        terms = np.concatenate([start, self._values[places]], axis=1)
        total: NDArray[np.float32] = np.cumsum(terms, axis=1, dtype=np.float32)[:, -1]
        return total
