"""The trained model: prices with ranges and doubts, to files and back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import xgboost as xgb
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.metrics import Floats
from tripadvance_core.errors import Outdated
from tripadvance_core.learning.intervals import LEVELS, Band, Reach
from tripadvance_core.learning.matrices import feature_types
from tripadvance_core.learning.trees import ONE_THREAD, StoredTrees, predicted
from tripadvance_core.learning.trial import Recipe
from tripadvance_core.tabular.features import (
    Columns,
    FeatureEncoder,
    FeatureType,
    columns_of,
)
from tripadvance_core.tabular.former_fares import FEATURES, FormerFares

FAR_DAYS: Final = 60
"""A flight so many days beyond all that were learned from is outside the domain."""

DOUBTS: Final[dict[str, str]] = {
    "start_city": "UNSEEN_START_CITY",
    "end_city": "UNSEEN_END_CITY",
    "airline": "UNSEEN_AIRLINE",
}
FAR_DATE: Final = "FAR_DATE"

_LOG_FILE = "model.ubj.zst"
_PLAIN_FILE = "plain.ubj.zst"
_BAND_FILE = "band.ubj.zst"
_FORMER_FILE = "former.parquet"
_DESCRIPTION_FILE = "model.json"
_CODEC = "zstd"

# The booster of plain prices knows no bounds; that of log prices is never below 0.
_PLAIN_WITHIN = 3.0

FORMAT: Final = 3
"""Counts changes of the form in which models are stored."""


class _Description(Value):
    """Everything of a model but its trees."""

    format: int = FORMAT
    encoder: FeatureEncoder
    parameters: dict[str, Any]
    recipe: Recipe
    price_scale: float
    sizes: dict[str, int]
    stretch: dict[int, float] | None
    later_stretch: dict[int, float] | None
    longest_gap: int | None


class Prices(NamedTuple):
    """Predictions for n rows, in the base currency; every array has shape (n,).

    The ranges are NaN where none is known. ``doubts`` are codes, joined by spaces.
    """

    price: Floats
    low: Floats
    high: Floats
    low_95: Floats
    high_95: Floats
    doubts: NDArray[np.object_]


class Estimate(NamedTuple):
    """What the trees say of n rows, before ranges are drawn; shape (n,) each.

    ``later`` and ``unseen`` rows have wider ranges and none.
    """

    price: Floats
    logs: Floats
    reach: Reach
    later: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    doubts: NDArray[np.object_]

    def part(self, mine: NDArray[np.bool_]) -> Self:
        """Return what is said of some of the rows."""
        parts = {
            name: getattr(self, name)[mine] for name in self._fields if name != "reach"
        }
        reach = Reach(self.reach.low[mine], self.reach.high[mine])
        return self._replace(reach=reach, **parts)


@dataclass(frozen=True)
class FareModel:
    """Trees that predict a price, and how to read rows for them.

    Attributes
    ----------
    booster
        The trees of log prices.
    plain
        The trees of prices divided by ``price_scale``; None where they add nothing.
    parameters
        What the trees were trained with, ready for JSON.
    recipe
        What the trial found.
    former
        Former fares, where they are features.
    """

    booster: xgb.Booster
    encoder: FeatureEncoder
    parameters: Mapping[str, Any]
    recipe: Recipe
    plain: xgb.Booster | None = None
    price_scale: float = 1.0
    band: Band = field(default_factory=Band)
    former: FormerFares | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in the order in which the trees number them."""
        return (*self.encoder.names, *(FEATURES if self.former else ()))

    @property
    def types(self) -> list[FeatureType]:
        """The features' types as XGBoost names them, in the same order."""
        return feature_types(self.encoder, self.former)

    def prices(self, rows: pd.DataFrame | Columns) -> Prices:
        """Predict n rows: a frame, or one array a column.

        Columns that the rows lack count as missing. Beyond the days learned from the
        range is as much wider as the trial was worse there; for a city or an airline
        that was never seen there is none.
        """
        return self.prices_from(self.estimate(rows))

    def estimate(self, rows: pd.DataFrame | Columns) -> Estimate:
        """Ask the trees about n rows, once for prices, ranges and calibration."""
        columns = columns_of(rows)
        matrix = self.encoded(columns)
        price = self.price_of(matrix)
        logs = np.log(price)
        unseen, doubts = self._doubts(columns, matrix)
        return Estimate(
            price=price,
            logs=logs,
            reach=self.band.reach(matrix, logs),
            later=self.encoder.is_later(columns),
            unseen=unseen,
            doubts=doubts,
        )

    def prices_from(self, estimate: Estimate) -> Prices:
        """Draw the ranges around what the trees said."""
        low, high, low_95, high_95 = (
            np.where(estimate.unseen, np.nan, np.exp(end))
            for level in LEVELS
            for end in self.band.around(
                estimate.reach, estimate.logs, estimate.later, level
            )
        )
        return Prices(estimate.price, low, high, low_95, high_95, estimate.doubts)

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``prices`` as columns on the frame's index.

        ``predicted_price``, ``low`` and ``high`` (80 %), ``low_95`` and ``high_95``,
        ``doubts``.
        """
        prices = self.prices(frame)._asdict()
        prices = {"predicted_price": prices.pop("price")} | prices
        return pd.DataFrame(prices, index=frame.index)

    def encoded(self, rows: pd.DataFrame | Columns) -> NDArray[np.float32]:
        """Return the features of n rows as the trees take them, shape (n, features)."""
        columns = columns_of(rows)
        matrix = self.encoder.transform(columns)
        if self.former is None:
            return matrix
        return np.hstack([matrix, self.former.known_to(columns)])

    def price_of(self, matrix: NDArray[np.float32]) -> Floats:
        """Return the prices of encoded rows, shape (n,)."""
        ours = np.exp(predicted(self.booster, matrix))
        if self.plain is None:
            return ours
        share = self.recipe.log_share
        return share * ours + (1 - share) * self.plain_price_of(matrix, ours)

    def plain_price_of(self, matrix: NDArray[np.float32], ours: Floats) -> Floats:
        """Return the prices of the plain trees, held within thrice those of the others."""
        if self.plain is None:
            return ours
        plain = self.price_scale * predicted(self.plain, matrix)
        return np.clip(plain, ours / _PLAIN_WITHIN, ours * _PLAIN_WITHIN)

    def calibrated(self, holdout_frame: pd.DataFrame) -> Self:
        """Return this model with ranges measured on rows it never trained on."""
        if holdout_frame.empty:
            return replace(self, band=replace(self.band, stretch=None))
        actual = holdout_frame["price"].to_numpy(np.float64)
        return self.calibrated_on(self.estimate(holdout_frame), actual)

    def calibrated_on(self, estimate: Estimate, actual: Floats) -> Self:
        """Return ``calibrated`` from what the trees said of rows and true prices."""
        missed = np.log(actual) - estimate.logs
        return replace(self, band=self.band.calibrated(estimate.reach, missed))

    def to_files(self) -> dict[str, bytes]:
        """Return the model's files by name; equal models give equal bytes."""
        boosters = {
            _LOG_FILE: self.booster,
            _PLAIN_FILE: self.plain,
            _BAND_FILE: self.band.booster,
        }
        trees = {
            name: bytes(booster.save_raw("ubj"))
            for name, booster in boosters.items()
            if booster is not None
        }
        description = _Description(
            encoder=self.encoder,
            parameters=dict(self.parameters),
            recipe=self.recipe,
            price_scale=self.price_scale,
            sizes={name: len(raw) for name, raw in trees.items()},
            stretch=self.band.stretch and dict(self.band.stretch),
            later_stretch=self.band.later_stretch and dict(self.band.later_stretch),
            longest_gap=self.former and self.former.longest_gap,
        )
        files = {name: _packed(raw) for name, raw in trees.items()}
        if self.former is not None:
            files[_FORMER_FILE] = self.former.to_bytes()
        return files | {_DESCRIPTION_FILE: description.model_dump_json().encode()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """Read a model back from what ``to_files`` returned.

        Raises
        ------
        Outdated
            ``MODEL_OF_OTHER_VERSION`` where another version has made it.
        """
        described = files[_DESCRIPTION_FILE]
        if json.loads(described)["format"] != FORMAT:
            raise Outdated("MODEL_OF_OTHER_VERSION")
        description = _Description.model_validate_json(described)
        boosters = {
            name: _BOOSTERS[name](_unpacked(files[name], size))
            for name, size in description.sizes.items()
        }
        gap = description.longest_gap
        return cls(
            booster=boosters[_LOG_FILE],
            encoder=description.encoder,
            parameters=description.parameters,
            recipe=description.recipe,
            plain=boosters.get(_PLAIN_FILE),
            price_scale=description.price_scale,
            band=Band(
                boosters.get(_BAND_FILE),
                description.stretch,
                description.later_stretch,
            ),
            former=None
            if gap is None
            else FormerFares.from_bytes(files[_FORMER_FILE], gap),
        )

    def _doubts(
        self, columns: Columns, matrix: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.object_]]:
        """Return which rows name something unseen, and every row's doubts as codes."""
        codes = {
            code: np.isnan(matrix[:, self.encoder.names.index(name)])
            for name, code in DOUBTS.items()
        }
        unseen = np.logical_or.reduce(list(codes.values()))
        codes[FAR_DATE] = self.encoder.days_beyond(columns) > FAR_DAYS
        doubts = np.full(unseen.size, "", dtype=object)
        for code, doubtful in codes.items():
            doubts[doubtful] += f"{code} "
        doubtful = np.logical_or.reduce(list(codes.values()))
        doubts[doubtful] = [codes.strip() for codes in doubts[doubtful]]
        return unseen, doubts


def _packed(raw: bytes) -> bytes:
    return bytes(pa.compress(raw, codec=_CODEC, asbytes=True))


def _unpacked(packed: bytes, size: int) -> bytearray:
    return bytearray(pa.decompress(packed, decompressed_size=size, codec=_CODEC))


def _band(raw: bytearray) -> xgb.Booster:
    return xgb.Booster(ONE_THREAD, model_file=raw)


_BOOSTERS: Final[dict[str, Callable[[bytearray], xgb.Booster]]] = {
    _LOG_FILE: StoredTrees,
    _PLAIN_FILE: StoredTrees,
    _BAND_FILE: _band,
}
