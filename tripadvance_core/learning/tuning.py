"""A search, within a budget of time, for parameters that serve better than the settings.

The rows of a trial judge. What the settings say is tried first and what a former search
has found next, so what comes out is never worse there than either.
"""

import time
from collections.abc import Callable
from typing import Final

import optuna
from pydantic import Field

from tripadvance_core.domain.entities import Value
from tripadvance_core.errors import WindowClosed
from tripadvance_core.learning.boosting import Progress, TrainingParameters
from tripadvance_core.learning.matrices import EncodedFares
from tripadvance_core.learning.trial import MIN_ROWS, Contest
from tripadvance_core.tabular.features import FeatureEncoder
from tripadvance_core.tabular.joining import FareRows

Clock = Callable[[], float]
"""Seconds that only grow."""

_UNBOUNDED: Final = 2**31
_FEWEST_LEAVES: Final = 16
# A slower rate costs as many times more rounds in the end, too.
_RATE_FACTOR: Final = 2.0
_FASTEST: Final = 0.9
_COLUMNS: Final = (0.3, 1.0)
_LEAVES_OF: Final = (0.5, 20.0)

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Tuned(Value):
    """What a search has found.

    Attributes
    ----------
    learning_rate, colsample_bynode, max_leaves, leaf
        See ``TrainingParameters``.
    error
        Mean absolute error of log prices on the rows that judge.
    error_of_settings
        The same of the settings.
    tries
        How many sets of parameters were tried to their end.
    seconds
        The budget that they were tried in.
    """

    learning_rate: float
    colsample_bynode: float
    max_leaves: int
    leaf: float
    error: float = Field(ge=0)
    error_of_settings: float = Field(ge=0)
    tries: int
    seconds: float

    def applied_to(self, parameters: TrainingParameters) -> TrainingParameters:
        """Return parameters with what was found; slower learning has more rounds."""
        found = self.model_dump(include={"colsample_bynode", "max_leaves", "leaf"})
        return parameters.at_rate(self.learning_rate).model_copy(update=found)


def tune(
    rows: FareRows,
    parameters: TrainingParameters,
    *,
    seconds: float,
    former: Tuned | None = None,
    clock: Clock = time.monotonic,
) -> Tuned | None:
    """Search by TPE (Bergstra et al. 2011) until the budget is spent.

    None where rows are too few to choose by, or not even the settings were tried in
    time.

    Parameters
    ----------
    rows
        Those that the model will train on, none of them reserved.
    seconds
        The budget; the try that it ends in does not count.
    former
        What an earlier search has found; the new one starts from it.
    """
    if len(rows) < MIN_ROWS:
        return None
    end = clock() + seconds
    progress = Progress(_UNBOUNDED, lambda: clock() >= end, lambda _done, _of: None)
    fares = EncodedFares(FeatureEncoder.fit(rows), rows)
    search = _Search(Contest.of(rows, fares, parameters, progress), parameters)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=parameters.seed)
    )
    study.enqueue_trial(search.of_settings())
    if former is not None:
        study.enqueue_trial(search.within(former))
    study.optimize(search.error_of)
    return search.found(study, seconds)


class _Search:
    """The space around the settings, and what a contest says of its points."""

    def __init__(self, contest: Contest, parameters: TrainingParameters) -> None:
        self._contest = contest
        self._parameters = parameters
        self._settings = {
            "learning_rate": parameters.learning_rate,
            "colsample_bynode": parameters.colsample_bynode,
            "max_leaves": parameters.max_leaves,
            "leaf": parameters.leaf,
        }
        most = parameters.max_leaves
        self._space = {
            name: (min(low, self._settings[name]), max(high, self._settings[name]))
            for name, (low, high) in {
                "learning_rate": (
                    parameters.learning_rate / _RATE_FACTOR,
                    min(_FASTEST, parameters.learning_rate * _RATE_FACTOR),
                ),
                "colsample_bynode": _COLUMNS,
                "max_leaves": (min(_FEWEST_LEAVES, most), most),
                "leaf": _LEAVES_OF,
            }.items()
        }

    def of_settings(self) -> dict[str, float]:
        """Return the point of the settings."""
        return self._settings

    def within(self, former: Tuned) -> dict[str, float]:
        """Return what was found before, moved into the space where it lies outside."""
        return {
            name: min(max(getattr(former, name), low), high)
            for name, (low, high) in self._space.items()
        }

    def error_of(self, trial: optuna.Trial) -> float:
        """Try a point; the try in which the budget is spent ends the search."""
        try:
            return self._contest.error_of(self._at(self._suggested(trial)))
        except WindowClosed:
            trial.study.stop()
            raise optuna.TrialPruned from None

    def found(self, study: optuna.Study, seconds: float) -> Tuned | None:
        """Return the best of what was tried to its end."""
        states = (optuna.trial.TrialState.COMPLETE,)
        done = study.get_trials(deepcopy=False, states=states)
        if not done or done[0].value is None or study.best_trial.value is None:
            return None
        return Tuned(
            **study.best_trial.params,
            error=study.best_trial.value,
            error_of_settings=done[0].value,
            tries=len(done),
            seconds=seconds,
        )

    def _suggested(self, trial: optuna.Trial) -> dict[str, float]:
        return {
            name: trial.suggest_int(name, int(low), int(high), log=True)
            if name == "max_leaves"
            else trial.suggest_float(name, low, high, log=name != "colsample_bynode")
            for name, (low, high) in self._space.items()
        }

    def _at(self, point: dict[str, float]) -> TrainingParameters:
        found = point | {"max_leaves": int(point["max_leaves"])}
        rate = found.pop("learning_rate")
        return self._parameters.at_rate(rate).model_copy(update=found)
