"""One rival on one split; runs in the environment that fare_model.py makes.

Reads ``training.parquet`` and ``later.parquet`` (features and ``price``) in a folder
and writes what it predicts, and its CPU seconds, beside them::

    python rival.py FOLDER NAME THREADS [SECONDS]

AutoGluon stops to add models after so many seconds.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

PRICE = "price"

Frame = pd.DataFrame


def main(folder: Path, name: str, threads: int, seconds: int | None) -> None:
    training = pd.read_parquet(folder / "training.parquet")
    later = pd.read_parquet(folder / "later.parquet")
    bound = {"seconds": seconds} if name == "autogluon" else {}
    start = cpu_seconds()
    predicted = RIVALS[name](training, later, threads, **bound)
    spent = cpu_seconds() - start
    np.save(folder / f"{name}.npy", np.asarray(predicted, dtype=float))
    (folder / f"{name}.json").write_text(json.dumps({"cpu_seconds": spent}))


def cpu_seconds() -> float:
    """Return the seconds of this process and of all its children."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def autogluon(training: Frame, later: Frame, threads: int, seconds: int | None) -> Any:
    from autogluon.tabular import TabularPredictor

    predictor = TabularPredictor(label=PRICE, verbosity=0, path="autogluon")
    predictor.fit(
        training, presets="medium_quality", num_cpus=threads, time_limit=seconds
    )
    return predictor.predict(later.drop(columns=PRICE))


def lightgbm(training: Frame, later: Frame, threads: int) -> Any:
    from lightgbm import LGBMRegressor

    return plain(LGBMRegressor(n_jobs=threads, verbose=-1), training, later, "category")


def xgboost(training: Frame, later: Frame, threads: int) -> Any:
    from xgboost import XGBRegressor

    model = XGBRegressor(n_jobs=threads, enable_categorical=True)
    return plain(model, training, later, "category")


def random_forest(training: Frame, later: Frame, threads: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return plain(RandomForestRegressor(n_jobs=threads), training, later, "codes")


def catboost(training: Frame, later: Frame, threads: int) -> Any:
    from catboost import CatBoostRegressor

    texts = texts_in(training)
    model = CatBoostRegressor(
        thread_count=threads,
        verbose=0,
        cat_features=texts,
        allow_writing_files=False,
    )
    return plain(model, training, later, "text")


def original(training: Frame, later: Frame, _threads: int) -> Any:
    """What the original project did: a tree of depth 5 on the duration alone."""
    from sklearn.tree import DecisionTreeRegressor

    columns = ["duration_minutes"]
    model = DecisionTreeRegressor(max_depth=5)
    model.fit(training[columns].fillna(-1), training[PRICE])
    return model.predict(later[columns].fillna(-1))


def plain(model: Any, training: Frame, later: Frame, texts_as: str) -> Any:
    """Fit a model with its defaults on all columns, text as it can take it."""
    seen, new = training.drop(columns=PRICE), later.drop(columns=PRICE)
    for name in texts_in(training):
        known = pd.Index(seen[name].dropna().unique())
        if texts_as == "text":
            seen[name] = seen[name].astype(object).where(seen[name].notna(), "?")
            new[name] = new[name].astype(object).where(new[name].notna(), "?")
        elif texts_as == "category":
            kind = pd.CategoricalDtype(known)
            seen[name], new[name] = seen[name].astype(kind), new[name].astype(kind)
        else:
            seen[name], new[name] = (known.get_indexer(f[name]) for f in (seen, new))
    model.fit(seen, training[PRICE])
    return model.predict(new)


def texts_in(frame: Frame) -> list[str]:
    return [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]


RIVALS: dict[str, Callable[..., Any]] = {
    "autogluon": autogluon,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "xgboost": xgboost,
    "random_forest": random_forest,
    "original": original,
}

if __name__ == "__main__":
    limit = int(sys.argv[4]) if len(sys.argv) > 4 else None
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), limit)
