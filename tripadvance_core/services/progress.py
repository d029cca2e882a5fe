"""How far a run is, written where everybody can read it, and whether to stop."""

import time
from collections.abc import Callable

from tripadvance_core.domain.entities import RunStatus, TrainingRun
from tripadvance_core.errors import WindowClosed
from tripadvance_core.storage.repository import Repositories

RECORD_EVERY_SECONDS = 2.0

OnRound = Callable[[int, int], None]
"""Told after every boosting round: how many are done, of how many."""


def untold(_done: int, _of: int) -> None:
    """Tell nobody."""


class RoundsRecorder:
    """Records boosting rounds in the run's document, seldom enough to cost nothing.

    With each record it looks whether a person has stopped the run. ``token`` is its own
    holder's: the run may by now have been read with that of a later one.
    """

    def __init__(
        self, store: Repositories, run: TrainingRun, token: str, tell: OnRound
    ) -> None:
        self._store = store
        self._run = run
        self._token = token
        self._tell = tell
        self._recorded_at = -RECORD_EVERY_SECONDS
        self.asked_to_stop = run.stopped_by is not None

    def stop_if_asked(self) -> None:
        """Raise ``WindowClosed`` (``TRAINING_STOPPED_BY_HAND``) if a person said so."""
        if self.asked_to_stop:
            raise WindowClosed("TRAINING_STOPPED_BY_HAND", by=self._run.stopped_by)

    def __call__(self, done: int, of: int) -> None:
        """Tell of a finished round, and record it if the last record is old."""
        self._tell(done, of)
        now = time.monotonic()
        if now - self._recorded_at < RECORD_EVERY_SECONDS:
            return
        self._recorded_at = now
        self._store.runs.change(
            {"_id": self._run.id, "token": self._token, "status": RunStatus.OPEN},
            {"under_way.rounds_done": done, "under_way.rounds": of},
        )
        self.asked_to_stop = self._store.runs.get(self._run.id).stopped_by is not None
