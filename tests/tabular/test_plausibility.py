"""A file that contradicts the fares that are known is found; an honest one is not."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.stored import stored
from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.intake import read_fares
from tripadvance_core.tabular.plausibility import Profile, contradictions

TODAY = date(2026, 11, 24)
HOSTILE = Path(__file__).parents[2] / "../shared/hostile/files"


def fares(rows: int, seed: int) -> pd.DataFrame:
    """Return fares whose level is the route's, with noise and a season."""
    rng = np.random.default_rng(seed)
    cities = np.array(["Salvador", "Recife", "Natal", "Belém", "Curitiba", "Vitória"])
    start = rng.integers(0, len(cities), rows)
    end = (start + rng.integers(1, len(cities), rows)) % len(cities)
    level = 100 * (1 + start) * (1 + end % 3)
    return pd.DataFrame(
        {
            "date": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 365, rows), unit="D"),
            "start_city": cities[start],
            "end_city": cities[end],
            "airline": rng.choice(["Gol", "Azul", "LATAM"], rows),
            "duration_minutes": 40.0 + 30 * np.abs(start - end) + rng.integers(0, 9),
            "price": level * rng.lognormal(0, 0.2, rows),
        }
    )


HISTORY = Profile.of(stored(fares(3_000, seed=0)))


def codes(rows: pd.DataFrame, history: Profile | None = HISTORY) -> set[str]:
    found = contradictions(rows, history, TODAY)
    assert all(evidence.sentence("pt-BR") for evidence in found)
    return {evidence.code for evidence in found}


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize(
    ("poisoned", "code"),
    [
        (lambda f: f.assign(price=f.price * 1000), "PRICES_OFF_LEVEL"),
        (lambda f: f.assign(price=f.price * 100), "PRICES_OFF_LEVEL"),
        (lambda f: f.assign(price=f.price * 5.4), "PRICES_OFF_LEVEL"),
        (lambda f: f.assign(price=f.price / 5.4), "PRICES_OFF_LEVEL"),
        (
            lambda f: f.assign(duration_minutes=f.duration_minutes / 60),
            "DURATIONS_OFF_LEVEL",
        ),
        (
            lambda f: f.assign(duration_minutes=f.duration_minutes * 60),
            "DURATIONS_OFF_LEVEL",
        ),
        (
            lambda f: f.assign(price=f.price.sample(frac=1, random_state=1).to_numpy()),
            "PRICES_IGNORE_ROUTES",
        ),
        (
            lambda f: f.assign(price=f.price.where(f.index % 20 > 0, f.price * 50)),
            "PRICES_FAR_OUT",
        ),
        (lambda f: f.assign(price=99.0), "PRICE_CONSTANT"),
        (lambda f: f.assign(date=pd.Timestamp("2045-03-04")), "DATES_FAR_AHEAD"),
        (lambda f: pd.concat([f, *[f[:1]] * 900]), "ROWS_COPIED"),
    ],
)
def test_poison_is_found(
    poisoned: Callable[[pd.DataFrame], pd.DataFrame], code: str, seed: int
) -> None:
    assert code in codes(poisoned(fares(600, seed)))


@pytest.mark.parametrize("rows", [1, 10, 30, 100, 600, 3_000])
def test_honest_follow_up_is_not_held(rows: int) -> None:
    assert [codes(fares(rows, seed)) for seed in range(1, 11)] == [set()] * 10


@pytest.mark.parametrize(
    "honest",
    [
        lambda f: f.assign(price=f.price * 1.4),
        lambda f: f.assign(airline="New Air"),
        lambda f: f.assign(start_city="Lima", price=f.price * 20),
        lambda f: pd.concat([f, f[:100]]),
    ],
)
def test_honest_change_is_not_held(
    honest: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    assert codes(honest(fares(600, seed=7))) == set()


def test_first_file_is_judged_by_itself_alone() -> None:
    assert codes(fares(600, seed=1), history=None) == set()
    assert codes(fares(600, seed=1).assign(price=99.0), None) == {"PRICE_CONSTANT"}


def test_durations_may_be_missing() -> None:
    without = fares(600, seed=1).assign(duration_minutes=np.nan)
    assert codes(without, Profile.of(stored(without))) == set()


def test_profile_is_the_same_after_it_was_stored() -> None:
    assert Profile.model_validate_json(HISTORY.model_dump_json()) == HISTORY


@pytest.mark.skipif(not HOSTILE.exists(), reason="the corpus is not here")
@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("poi_control_clean", False),
        ("poi_currency_brl", True),
        ("poi_constant_price", True),
        ("poi_five_percent_outliers", True),
        ("poi_row_flood", True),
        ("poi_far_future", True),
        ("poi_contradict_history", True),
    ],
)
def test_poison_of_the_corpus_is_held(name: str, held: bool) -> None:
    history = Profile.of(stored(rows_of("poi_reference_clean")))
    assert bool(codes(rows_of(name), history)) is held


def rows_of(name: str) -> pd.DataFrame:
    content = (HOSTILE / f"{name}.csv").read_bytes()
    return read_fares(content, "a.csv", ColumnMapping(), "USD").rows
