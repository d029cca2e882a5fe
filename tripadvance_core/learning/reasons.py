"""Why a price is what it is, by causes that people know."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from tripadvance_core.domain.trips import Reason
from tripadvance_core.learning.explanation import contributions
from tripadvance_core.learning.model import FareModel
from tripadvance_core.tabular.features import (
    AIRLINE_ROUTE,
    DURATION,
    LEAD_DAYS,
    QUOTE_DAY,
    ROUTE,
    Columns,
)
from tripadvance_core.tabular.former_fares import FEATURES as FORMER_FARES

_CAUSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(FORMER_FARES, "WHY_FORMER_FARES"),
    LEAD_DAYS: "WHY_LEAD_TIME",
    QUOTE_DAY: "WHY_QUOTE_DAY",
    DURATION: "WHY_DURATION",
    "start_city": "WHY_ROUTE",
    "end_city": "WHY_ROUTE",
    "start_airport": "WHY_ROUTE",
    "end_airport": "WHY_ROUTE",
    ROUTE: "WHY_ROUTE",
    "airline": "WHY_AIRLINE",
    AIRLINE_ROUTE: "WHY_AIRLINE",
}
_DAY: Final = "date."
_CENTS: Final = 100


class Explained(NamedTuple):
    """What the price of a trip starts from, and what each cause adds to it.

    In whole cents of the base currency, which add up to the price in whole cents. The
    weightiest reason comes first.
    """

    base: float
    reasons: tuple[Reason, ...]


def explained(model: FareModel, rows: Columns) -> list[Explained]:
    """Explain the prices of n rows."""
    found = contributions(model, rows)
    causes = [_cause(feature) for feature in found.features]
    return [
        _explained(causes, values, price)
        for values, price in zip(
            found.values.tolist(), found.price.tolist(), strict=True
        )
    ]


def _explained(
    causes: Sequence[tuple[str, str | None]], values: Sequence[float], price: float
) -> Explained:
    amounts: dict[tuple[str, str | None], float] = {}
    for cause, amount in zip(causes, values, strict=True):
        amounts[cause] = amounts.get(cause, 0.0) + amount
    cents = {cause: round(_CENTS * amount) for cause, amount in amounts.items()}
    base = round(_CENTS * price) - sum(cents.values())
    ranked = sorted(cents.items(), key=lambda item: -abs(item[1]))
    return Explained(
        base / _CENTS,
        tuple(
            Reason(code=code, column=column, amount=amount / _CENTS)
            for (code, column), amount in ranked
            if amount
        ),
    )


def _cause(feature: str) -> tuple[str, str | None]:
    if feature.startswith(_DAY):
        return "WHY_DAY", None
    if feature in _CAUSES:
        return _CAUSES[feature], None
    return "WHY_FURTHER", feature
