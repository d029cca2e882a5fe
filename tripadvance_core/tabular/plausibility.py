"""Whether the rows of a file fit the fares that are known.

A file may be well formed and wrong: in cents, in another currency, in hours, shuffled,
copied a thousand times. Each test below needs enough rows to speak, looks at medians
and other robust figures, and gives the figures on which a person can judge.
"""

import math
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tripadvance_core.domain.entities import Evidence, Value
from tripadvance_core.tabular.features import routes, routes_of
from tripadvance_core.tabular.joining import FareRows
from tripadvance_core.tabular.medians import group_medians

_Floats = NDArray[np.floating[Any]]

_ROUTES_KEPT: Final = 5_000
_ROWS_TO_SPEAK: Final = 20
_ROUTES_TO_SPEAK: Final = 3

# A season or a sale changes fares by half; twice the level is another kind of fare,
# and where the history itself holds several kinds, its spread says how far they lie.
_LEVEL: Final = math.log(2)
_SPREADS_OF_LEVEL: Final = 3
_MINUTES: Final = math.log(2.5)
_OUTLIER: Final = math.log(4)
_SPREADS_OF_OUTLIER: Final = 6
_OUTLIERS_SHARE: Final = 0.02
_OUTLIERS: Final = 5
_COPIES_SHARE: Final = 0.5
_COPIES: Final = 100
_SAME_PRICE_SHARE: Final = 0.9
# Airlines sell a year ahead.
_AHEAD: Final = timedelta(days=550)
_AHEAD_SHARE: Final = 0.2
_SHUFFLED_ROWS: Final = 100
_SHUFFLED_ROUTES: Final = 8

# A median absolute deviation of normal errors is this share of their deviation.
_NORMAL: Final = 1.4826


class RouteLevel(Value):
    """The usual fare and flight time of a route, as logarithms."""

    price: float
    minutes: float | None


class Profile(Value):
    """What a history of fares looks like.

    ``price_spread`` and ``minutes_spread`` are robust deviations of logarithms from the
    level of their route; ``outliers`` is the share of rows far from it.
    """

    rows: int
    routes: dict[str, RouteLevel]
    price_spread: float
    minutes_spread: float
    outliers: float
    last_day: date

    @classmethod
    def of(cls, rows: FareRows) -> Self:
        """Describe cleaned rows, n > 0; ``duration_minutes`` may be missing."""
        places, names = routes_of(rows)
        counts = np.bincount(places, minlength=len(names))
        common = np.argsort(-counts, kind="stable")[:_ROUTES_KEPT].tolist()
        price_levels, price = _levelled(rows.column("price"), places, len(names))
        spread, outliers = _spread(price), float(np.mean(_far(price, _spread(price))))
        minutes_levels, minutes = _levelled(
            rows.column("duration_minutes"), places, len(names)
        )
        return cls(
            rows=len(rows),
            routes={
                names[place]: RouteLevel(
                    price=price_levels[place],
                    minutes=None
                    if math.isnan(minutes_levels[place])
                    else minutes_levels[place],
                )
                for place in common
            },
            price_spread=spread,
            minutes_spread=_spread(minutes),
            outliers=outliers,
            last_day=rows.column("date").max().astype("datetime64[D]").item(),
        )


class _Compared(NamedTuple):
    """The rows on known routes: deviations of logarithms from the routes' levels."""

    price: _Floats
    minutes: _Floats
    level: _Floats
    routes: int


def contradictions(
    rows: pd.DataFrame, history: Profile | None, today: date
) -> tuple[Evidence, ...]:
    """Return what speaks against cleaned rows; nothing where too little is known."""
    found = [*_within_itself(rows), *_in_time(rows, history, today)]
    if history is not None:
        compared = _compared(rows, history)
        enough = len(compared.price) >= _ROWS_TO_SPEAK
        if enough and compared.routes >= _ROUTES_TO_SPEAK:
            found += _against(compared, history)
    return tuple(found)


def _within_itself(rows: pd.DataFrame) -> Iterator[Evidence]:
    core = ["date", "start_city", "end_city", "airline", "duration_minutes", "price"]
    copies = int(rows.groupby(core, dropna=False).size().max())
    if copies >= _COPIES and copies > _COPIES_SHARE * len(rows):
        yield Evidence(
            code="ROWS_COPIED", details={"copies": copies, "rows": len(rows)}
        )
        return
    same = int(rows["price"].value_counts().iloc[0])
    several = routes(rows).nunique() >= _ROUTES_TO_SPEAK
    enough = len(rows) >= _ROWS_TO_SPEAK and several
    if enough and same > _SAME_PRICE_SHARE * len(rows):
        yield Evidence(code="PRICE_CONSTANT", details={"same": same, "rows": len(rows)})


def _in_time(
    rows: pd.DataFrame, history: Profile | None, today: date
) -> Iterator[Evidence]:
    latest = max(today, history.last_day) if history else today
    far = rows["date"] > pd.Timestamp(latest + _AHEAD)
    if far.mean() > _AHEAD_SHARE:
        yield Evidence(
            code="DATES_FAR_AHEAD",
            details={"far": int(far.sum()), "rows": len(rows)},
        )


def _against(compared: _Compared, history: Profile) -> Iterator[Evidence]:
    shift = float(np.median(compared.price))
    if abs(shift) > max(_LEVEL, _SPREADS_OF_LEVEL * history.price_spread):
        yield _shifted("PRICES_OFF_LEVEL", shift, compared.price)
    minutes = compared.minutes[~np.isnan(compared.minutes)]
    if len(minutes) >= _ROWS_TO_SPEAK:
        slower = float(np.median(minutes))
        if abs(slower) > max(_MINUTES, _SPREADS_OF_LEVEL * history.minutes_spread):
            yield _shifted("DURATIONS_OFF_LEVEL", slower, minutes)
    far = _far(compared.price - shift, history.price_spread)
    usual = 3 * history.outliers + _OUTLIERS_SHARE
    if far.sum() >= _OUTLIERS and far.mean() > usual:
        yield Evidence(
            code="PRICES_FAR_OUT",
            details={"far": int(far.sum()), "rows": len(far)},
        )
    if _ignores_routes(compared, history):
        yield Evidence(
            code="PRICES_IGNORE_ROUTES", details={"rows": len(compared.price)}
        )


def _shifted(code: str, shift: float, rows: _Floats) -> Evidence:
    ratio = float(f"{math.exp(shift):.3g}")
    return Evidence(code=code, details={"ratio": ratio, "rows": len(rows)})


def _ignores_routes(compared: _Compared, history: Profile) -> bool:
    """Whether dear routes are no dearer here: the mark of shuffled prices.

    The slope of the fares on the known level of their route is 1 in an honest file
    and 0 in a shuffled one; three standard errors tell them apart.
    """
    if len(compared.price) < _SHUFFLED_ROWS or compared.routes < _SHUFFLED_ROUTES:
        return False
    known = compared.level - compared.level.mean()
    # Routes that hardly differ cannot tell.
    if known.std() < history.price_spread / 2:
        return False
    fares = compared.price + compared.level
    slope = float((known @ (fares - fares.mean())) / (known @ known))
    errors = fares - fares.mean() - slope * known
    deviation = float(errors.std() / (known.std() * math.sqrt(len(known))))
    return slope + 3 * deviation < 0.5


def _compared(rows: pd.DataFrame, history: Profile) -> _Compared:
    logs = _logs(rows)
    known = logs[logs["route"].isin(list(history.routes))]
    price = {name: level.price for name, level in history.routes.items()}
    minutes = {name: level.minutes for name, level in history.routes.items()}
    level = np.asarray(known["route"].map(price), dtype=np.float64)
    usual = known["route"].map(minutes).to_numpy(np.float64)
    return _Compared(
        price=known["price"].to_numpy(np.float64) - level,
        minutes=known["minutes"].to_numpy(np.float64) - usual,
        level=level,
        routes=known["route"].nunique(),
    )


def _levelled(
    values: NDArray[Any], places: NDArray[np.integer[Any]], count: int
) -> tuple[list[float], _Floats]:
    """Return the level of each route, and how far from it each row is, as logarithms."""
    # Factors are compared: half the digits do, in half the memory.
    logs = np.log(values.astype(np.float32))
    levels = group_medians(places, logs, count)
    return levels.tolist(), logs - levels.astype(np.float32)[places]


def _logs(rows: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "route": routes(rows),
        "price": np.log(rows["price"]),
        "minutes": np.log(rows["duration_minutes"]),
    }
    return pd.DataFrame(columns)


def _spread(deviations: _Floats) -> float:
    """Return a robust standard deviation; 0 where there is nothing to measure."""
    known = deviations[~np.isnan(deviations)]
    return float(_NORMAL * np.median(np.abs(known))) if len(known) else 0.0


def _far(deviations: _Floats, spread: float) -> NDArray[np.bool_]:
    return np.abs(deviations) > max(_OUTLIER, _SPREADS_OF_OUTLIER * spread)
