"""How sure a paired gain is: a bootstrap of whole groups.

The fares of one route in one week move together, so a group (route × ISO week) is
one observation, however many rows it has.
"""

from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from tripadvance_core.domain.metrics import Floats

Groups = NDArray[np.int64]

# Webb (2023): with few groups, two-point weights give too few distinct resamples.
_WEBB_WEIGHTS = np.array(
    [-np.sqrt(1.5), -1.0, -np.sqrt(0.5), np.sqrt(0.5), 1.0, np.sqrt(1.5)]
)
_CELLS_AT_ONCE = 700_000


class GroupRatio(NamedTuple):
    """A ratio of two sums over groups, and what is known of its error.

    Attributes
    ----------
    value
        The sum of the numerators over the sum of the denominators.
    error
        Its cluster-robust standard error.
    groups
        How many groups it rests on.
    spread
        Sorted absolute values of the resampled t statistic, shape (resamples,).
    """

    value: float
    error: float
    groups: int
    spread: Floats

    @classmethod
    def of(
        cls,
        numerator: Floats,
        denominator: Floats,
        groups: Groups,
        *,
        resamples: int,
        seed: int,
    ) -> Self:
        """Estimate from rows; every array has shape (n,).

        The wild cluster bootstrap of the t statistic (Cameron, Gelbach and Miller
        2008, "Bootstrap-Based Improvements for Inference with Clustered Errors") on
        the linearised ratio, with the six-point weights of Webb (2023).
        """
        _, group = np.unique(groups, return_inverse=True)
        above = np.bincount(group, weights=numerator)
        below = np.bincount(group, weights=denominator)
        count, total = above.size, float(below.sum())
        value = float(above.sum() / total) if total else 0.0
        if count < 2 or total == 0:
            return cls(value, np.inf, count, np.empty(0))
        influence = (above - value * below) * count / total
        error = float(np.sqrt(np.sum(influence**2) / (count * (count - 1))))
        if error == 0:
            return cls(value, 0.0, count, np.zeros(resamples))
        return cls(value, error, count, _spread(influence, resamples, seed))

    def bounds(self, level: float) -> tuple[float, float]:
        """Return the lower and the upper bound, each wrong with probability ``level``.

        Infinite where the resamples cannot tell so rare an event: as a test this
        errs on the safe side (Phipson and Smyth 2010).
        """
        rank = int(np.ceil((self.spread.size + 1) * (1 - 2 * level)))
        if self.error and not 1 <= rank <= self.spread.size:
            return -np.inf, np.inf
        reach = float(self.spread[rank - 1]) * self.error if self.error else 0.0
        return self.value - reach, self.value + reach


def _spread(influence: Floats, resamples: int, seed: int) -> Floats:
    """Return the sorted |t| of resamples in which no group has an influence."""
    count = influence.size
    scaled = influence / np.abs(influence).max()
    found: list[Floats] = []
    at_once = max(1, _CELLS_AT_ONCE // count)
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        weights, squared = _weights(size, count, seed + start)
        sums, squares = weights @ scaled, squared @ scaled**2
        variance = np.maximum(squares - sums**2 / count, 1e-12) * count / (count - 1)
        found.append(np.abs(sums) / np.sqrt(variance))
    return np.sort(np.concatenate(found))


@lru_cache(maxsize=16)
def _weights(resamples: int, groups: int, seed: int) -> tuple[Floats, Floats]:
    """Draw the weights of every group in every resample, and their squares.

    The gates of one decision resample the same groups, so what was drawn is kept.
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(0, 6, (resamples, groups), dtype=np.uint8)
    return _WEBB_WEIGHTS[drawn], (_WEBB_WEIGHTS**2)[drawn]
