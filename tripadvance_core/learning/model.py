"""The trained model: prices with an interval, to files and back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import xgboost as xgb

from tripadvance_core.domain.entities import Value
from tripadvance_core.domain.metrics import Floats
from tripadvance_core.tabular.features import FeatureEncoder

INTERVAL_PERCENT = 80
"""How many of 100 true prices the interval is to hold."""

_BOOSTER_FILE = "model.ubj"
_DESCRIPTION_FILE = "model.json"


class _Description(Value):
    """Everything of a model but its trees; ``format`` counts changes of the form."""

    format: Literal[1] = 1
    encoder: FeatureEncoder
    parameters: dict[str, Any]
    half_width: float | None


@dataclass(frozen=True)
class FareModel:
    """Trees that predict the logarithm of a price, and how to read a frame for them.

    Attributes
    ----------
    parameters
        What the trees were trained with, ready for JSON.
    half_width
        Half the width of the interval, in log price; None until calibrated.
    """

    booster: xgb.Booster
    encoder: FeatureEncoder
    parameters: Mapping[str, Any]
    half_width: float | None = None

    @property
    def features(self) -> tuple[str, ...]:
        """The features, in the order in which the trees number them."""
        return self.encoder.names

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return ``predicted_price``, ``low`` and ``high`` on the frame's index.

        Prices are in the base currency. ``low`` and ``high`` are NaN for a model that
        is not calibrated. Further columns that the frame lacks count as missing.
        """
        logs = self._log_prices(frame)
        half_width = np.nan if self.half_width is None else self.half_width
        prices = {
            "predicted_price": np.exp(logs),
            "low": np.exp(logs - half_width),
            "high": np.exp(logs + half_width),
        }
        return pd.DataFrame(prices, index=frame.index)

    def calibrated(self, holdout_frame: pd.DataFrame) -> Self:
        """Return this model with an interval measured on rows it never trained on.

        Split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman
        2018, "Distribution-Free Predictive Inference for Regression", algorithm 2):
        the half-width is the finite-sample quantile of the absolute residuals. The
        residuals are of log prices, so a dear fare has a wide interval. Too few rows
        for the quantile leave the model without an interval.
        """
        logs = self._log_prices(holdout_frame)
        residuals = np.abs(np.log(holdout_frame["price"].to_numpy(float)) - logs)
        return replace(self, half_width=_conformal_quantile(residuals))

    def to_files(self) -> dict[str, bytes]:
        """Return the model's files by name; equal models give equal bytes."""
        description = _Description(
            encoder=self.encoder,
            parameters=dict(self.parameters),
            half_width=self.half_width,
        )
        return {
            _BOOSTER_FILE: bytes(self.booster.save_raw("ubj")),
            _DESCRIPTION_FILE: description.model_dump_json().encode(),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """Read a model back from what ``to_files`` returned."""
        description = _Description.model_validate_json(files[_DESCRIPTION_FILE])
        return cls(
            booster=xgb.Booster(model_file=bytearray(files[_BOOSTER_FILE])),
            encoder=description.encoder,
            parameters=description.parameters,
            half_width=description.half_width,
        )

    def _log_prices(self, frame: pd.DataFrame) -> Floats:
        if frame.empty:
            return np.empty(0)
        matrix = self.encoder.transform(frame)
        return np.asarray(self.booster.inplace_predict(matrix), dtype=np.float64)


def _conformal_quantile(residuals: Floats) -> float | None:
    """Return the ⌈(n + 1) · coverage⌉-th smallest residual, None if n is too small."""
    rank = -(-(residuals.size + 1) * INTERVAL_PERCENT // 100)
    if rank > residuals.size:
        return None
    return float(np.sort(residuals)[rank - 1])
