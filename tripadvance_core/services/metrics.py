"""How good the models are, read from their stored predictions and their cards.

No model is loaded for it: what a model said of the rows that nobody trains on is kept
since the night it was trained.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd

from tripadvance_core.domain.entities import ModelVersion, StoredFile
from tripadvance_core.domain.metrics import Floats, RegressionMetrics
from tripadvance_core.domain.promotion import (
    Metric,
    Panel,
    PromotionPolicy,
    errors_of,
    measure_gain,
)
from tripadvance_core.domain.resampling import GroupRatio, Groups
from tripadvance_core.errors import Conflict, NotFound
from tripadvance_core.services.promotion import Promoter
from tripadvance_core.services.registry import Registry
from tripadvance_core.storage.objects import ObjectStore, load_file
from tripadvance_core.tabular.jobs import from_parquet
from tripadvance_core.tabular.joining import ROW_HASH

Subject = Literal["model", "master", "baseline"]

METRIC_NAMES: Final = (
    "mean_absolute_percentage_error",
    "accuracy_10_percent",
    "mean_absolute_error",
    "root_mean_squared_error",
    "mean_squared_error",
    "r2_score",
)
"""The six figures of ``RegressionMetrics``, what people ask for first ahead."""
MOST_POINTS: Final = 2_000
MOST_SEGMENTS: Final = 15
MOST_MONTHS: Final = 24
DAY: Final = "date"
"""The column that predictions lack which were stored before it was kept."""

_GAINS: Final[tuple[Metric, ...]] = ("MAPE", "MAE", "RMSE")
_QUANTILES: Final = {
    "lowest": 0.05,
    "lower": 0.25,
    "middle": 0.5,
    "upper": 0.75,
    "highest": 0.95,
}
_RANGE_LEVEL: Final = 0.025
_RANGE_RESAMPLES: Final = 399
_SEED: Final = 7


class Measured(NamedTuple):
    """A figure with the range that holds it with 95 % confidence.

    The range is infinite where there are too few groups to know any.
    """

    value: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Errors:
    """Where a model errs, on the rows of its own comparison.

    Attributes
    ----------
    points
        At most ``MOST_POINTS`` rows: ``actual``, ``predicted``, ``low`` and ``high``.
    by_route, by_airline, by_month
        By segment: ``segment``, ``rows``, ``error`` (MAPE in per cent), and the
        quantiles ``lowest`` (5 %), ``lower``, ``middle``, ``upper`` and ``highest``
        (95 %) of the predicted less the true price, in per cent of it. The
        ``MOST_SEGMENTS`` routes and airlines with most rows; the newest
        ``MOST_MONTHS`` months by their first days, or None for predictions that were
        stored without their days.
    """

    points: pd.DataFrame
    by_route: pd.DataFrame
    by_airline: pd.DataFrame
    by_month: pd.DataFrame | None


@dataclass(frozen=True)
class Gain:
    """The share of the rival's error that a model saves, with the bounds of the rule.

    A bound is infinite where the resamples cannot tell it.
    """

    metric: Metric
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class SideBySide:
    """Two models on the rows for which the predictions of both are stored.

    Attributes
    ----------
    gains
        What ``first`` saves of the error of ``second``, each bound wrong with the
        probability ``level``.
    nearer
        The share of the rows to whose true price ``first`` is nearer.
    points
        At most ``MOST_POINTS`` rows: the absolute errors ``first`` and ``second``, in
        per cent of the true price.
    """

    first: ModelVersion
    second: ModelVersion
    rows: int
    groups: int
    first_metrics: RegressionMetrics
    second_metrics: RegressionMetrics
    gains: tuple[Gain, ...]
    level: float
    nearer: float
    points: pd.DataFrame


class ModelMetrics:
    """Reads and reckons the figures of models."""

    def __init__(
        self, registry: Registry, objects: ObjectStore, promoter: Promoter
    ) -> None:
        self._registry = registry
        self._objects = objects
        self._promoter = promoter
        # Stored predictions never change, and the bootstrap of many rows takes seconds.
        self._ranges_of = lru_cache(maxsize=256)(self._resampled)
        self._compared = lru_cache(maxsize=64)(self._compare)

    def over_time(self, most: int = 200) -> pd.DataFrame:
        """Return the six metrics of the newest models that were scored, oldest first.

        Returns
        -------
        DataFrame
            Per model one row for itself, one for the MASTER that reigned where there
            was one, and one for the route median, all on the same rows of that model's
            night: ``number``, ``at``, ``reigned`` (whether it ever was MASTER),
            ``currency``, ``subject`` (``model``, ``master`` or ``baseline``), ``rows``
            and one column a metric.
        """
        reigned = {switch.model_id for switch in self._registry.history()}
        records = [
            {
                "number": model.number,
                "at": model.created_at,
                "reigned": model.id in reigned,
                "currency": model.currency,
                "subject": subject,
                **metrics.model_dump(),
            }
            for model in reversed(self._registry.newest(most))
            for subject, metrics in _scores(model)
        ]
        first = ["number", "at", "reigned", "currency", "subject", "rows"]
        return pd.DataFrame(records, columns=[*first, *METRIC_NAMES])

    def measured(self, model: ModelVersion) -> dict[str, Measured]:
        """Return the six metrics of a model with their ranges; empty without rows.

        The ranges are of the cluster bootstrap by route × ISO week (``resampling``).
        """
        if model.metrics is None:
            return {}
        ranges = self._ranges_of(model.predictions)
        return {
            name: Measured(getattr(model.metrics, name), *ranges[name])
            for name in METRIC_NAMES
        }

    def errors(self, model: ModelVersion) -> Errors:
        """Return where a model errs, by route, airline and month."""
        table = self._predictions(model.predictions)
        points = _sample(table)[["actual", "challenger", "low", "high"]]
        months = None
        if DAY in table:
            first_days = table[DAY].dt.to_period("M").dt.start_time
            months = _residuals(table, first_days).tail(MOST_MONTHS)
        return Errors(
            points=points.rename(columns={"challenger": "predicted"}),
            by_route=_largest(_residuals(table, table["route"])),
            by_airline=_largest(_residuals(table, table["airline"])),
            by_month=months,
        )

    def side_by_side(self, first: str, second: str) -> SideBySide:
        """Compare any two models, by id or number, on the rows that both predicted.

        Raises
        ------
        NotFound
            ``MODEL_NOT_FOUND``; ``NO_COMMON_ROWS`` where none were predicted by both.
        Conflict
            ``SAME_MODEL_TWICE``; ``CURRENCIES_DIFFER`` where their prices are not in
            one currency.
        """
        ours, theirs = self._registry.version(first), self._registry.version(second)
        if ours.id == theirs.id:
            raise Conflict("SAME_MODEL_TWICE", number=ours.number)
        if ours.currency != theirs.currency:
            raise Conflict("CURRENCIES_DIFFER", first=ours.number, second=theirs.number)
        return self._compared(ours.id, theirs.id)

    def _resampled(self, file: StoredFile) -> dict[str, tuple[float, float]]:
        table = self._predictions(file)
        return _ranges(
            table["actual"].to_numpy(np.float64),
            table["challenger"].to_numpy(np.float64),
            table["group"].to_numpy(np.int64),
            table["weight"].to_numpy(np.float64),
        )

    def _compare(self, first_id: str, second_id: str) -> SideBySide:
        first, second = map(self._registry.version, (first_id, second_id))
        table = self._common_rows(first, second)
        if table.empty:
            raise NotFound("NO_COMMON_ROWS", first=first.number, second=second.number)
        panel = Panel(
            actual=table["actual"].to_numpy(np.float64),
            challenger=table["first"].to_numpy(np.float64),
            rival=table["second"].to_numpy(np.float64),
            groups=table["group"].to_numpy(np.int64),
            weights=table["weight"].to_numpy(np.float64),
        )
        policy = self._promoter.current_policy
        errors = pd.DataFrame(
            {
                "first": 100 * errors_of("MAPE", panel.actual, panel.challenger),
                "second": 100 * errors_of("MAPE", panel.actual, panel.rival),
            }
        )
        return SideBySide(
            first=first,
            second=second,
            rows=len(table),
            groups=int(table["group"].nunique()),
            first_metrics=RegressionMetrics.of(
                panel.actual, panel.challenger, panel.weights
            ),
            second_metrics=RegressionMetrics.of(
                panel.actual, panel.rival, panel.weights
            ),
            gains=tuple(_gain(panel, policy, metric) for metric in _GAINS),
            level=policy.level,
            nearer=float((errors["first"] < errors["second"]).mean()),
            points=_sample(errors),
        )

    def _common_rows(self, first: ModelVersion, second: ModelVersion) -> pd.DataFrame:
        """Return each row once that both have predicted: in their own nights, or in one.

        A MASTER has predicted all rows of the nights of those that challenged it.
        """
        ours = self._predictions(first.predictions)
        theirs = self._predictions(second.predictions)
        found = [
            ours.rename(columns={"challenger": "first"}).merge(
                theirs[[ROW_HASH, "challenger"]].rename(
                    columns={"challenger": "second"}
                ),
                on=ROW_HASH,
            )
        ]
        if first.rival_id == second.id:
            names = {"challenger": "first", "rival": "second"}
            found.append(ours.rename(columns=names))
        if second.rival_id == first.id:
            names = {"challenger": "second", "rival": "first"}
            found.append(theirs.rename(columns=names))
        columns = [ROW_HASH, "group", "actual", "weight", "first", "second"]
        table = pd.concat([part[columns] for part in found], ignore_index=True)
        return table.drop_duplicates(ROW_HASH, ignore_index=True)

    def _predictions(self, file: StoredFile) -> pd.DataFrame:
        return from_parquet(load_file(self._objects, file))


def _scores(model: ModelVersion) -> Iterator[tuple[Subject, RegressionMetrics]]:
    """Give what was scored on the rows of a model's night."""
    scored: Sequence[tuple[Subject, RegressionMetrics | None]] = (
        ("model", model.metrics),
        ("master", model.rival_metrics if model.rival_id else None),
        ("baseline", model.baseline_metrics),
    )
    for subject, metrics in scored:
        if metrics is not None:
            yield subject, metrics


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same rows every time, few enough to draw."""
    count = min(len(table), MOST_POINTS)
    return table.sample(count, random_state=_SEED).reset_index(drop=True)


def _residuals(table: pd.DataFrame, segments: "pd.Series[Any]") -> pd.DataFrame:
    """Return the quantiles of the relative errors by segment, in its order."""
    relative = 100 * (table["challenger"] / table["actual"] - 1)
    segments = segments.rename("segment")
    grouped = relative.groupby(segments)
    found = grouped.quantile(np.array([*_QUANTILES.values()])).unstack()
    found.columns = pd.Index(_QUANTILES)
    found.insert(0, "rows", grouped.size())
    found.insert(1, "error", relative.abs().groupby(segments).mean())
    return found.reset_index()


def _largest(residuals: pd.DataFrame) -> pd.DataFrame:
    return residuals.nlargest(MOST_SEGMENTS, "rows").reset_index(drop=True)


def _gain(panel: Panel, policy: PromotionPolicy, metric: Metric) -> Gain:
    ratio = measure_gain(panel, policy, metric)
    low, high = ratio.bounds(policy.level)
    return Gain(metric, ratio.value, low, high)


def _ranges(
    actual: Floats, predicted: Floats, groups: Groups, weights: Floats
) -> dict[str, tuple[float, float]]:
    """Return the range of every metric; each is a ratio of two sums, or made of one."""
    error = np.abs(predicted - actual)
    mean = np.average(actual, weights=weights)

    def bounds(numerator: Floats, denominator: Floats) -> tuple[float, float]:
        return GroupRatio.of(
            weights * numerator,
            weights * denominator,
            groups,
            resamples=_RANGE_RESAMPLES,
            seed=_SEED,
        ).bounds(_RANGE_LEVEL)

    ones = np.ones(actual.size)

    squared = bounds(error**2, ones)
    unexplained = bounds(error**2, (actual - mean) ** 2)
    root = np.sqrt(np.maximum(squared, 0.0))
    within = (error / actual <= 0.10).astype(np.float64)
    return {
        "mean_absolute_error": bounds(error, ones),
        "mean_squared_error": squared,
        "root_mean_squared_error": (float(root[0]), float(root[1])),
        "r2_score": (1 - unexplained[1], 1 - unexplained[0]),
        "mean_absolute_percentage_error": bounds(100 * error / actual, ones),
        "accuracy_10_percent": bounds(100 * within, ones),
    }
