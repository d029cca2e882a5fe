"""What those who look after an installation are told of, without having asked.

A fact becomes an entry of an outbox in the database, one for each address, and is
delivered after it, by whoever comes next: the run that ends, the web app all along. An
entry is named after its fact, so whoever meets the fact again, after a crash, adds
nothing. Delivered twice is what was delivered just before a crash.
"""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tripadvance_core.domain.entities import (
    Entity,
    ModelVersion,
    Promotion,
    TrainingRun,
    Upload,
)
from tripadvance_core.domain.times import Clock, Moment, to_text
from tripadvance_core.errors import AlreadyExists, ClusterLost, Unavailable
from tripadvance_core.messages import Language, sentence
from tripadvance_core.services.destinations import deliver
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository

_LOG = logging.getLogger(__name__)

CUT_OFF = "RUN_CUT_OFF"
"""The failure of a run whose process ended without a word."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""How long to wait after each failed delivery; after one more it is given up."""

_COLLECTION = "alerts"
_UNDER_DELIVERY = timedelta(minutes=2)
_SECONDS_AT_ONCE = 10.0
_REASON_LENGTH = 200


class AlertStatus(StrEnum):
    """Where an alert stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Alert(Entity):
    """One message to one address; ``destination`` is its position in the setting.

    While it is being delivered ``next_try_at`` lies ahead, so that nobody else tries.
    """

    code: str
    text: str
    destination: int
    noted_at: Moment
    next_try_at: Moment
    tries: int = 0
    status: AlertStatus = AlertStatus.WAITING


@dataclass(frozen=True)
class Attempt:
    """What became of a message to one address; ``problem`` is None where it arrived."""

    destination: int
    problem: Unavailable | None


class Alerts:
    """Notes what is worth telling, and delivers it; without addresses it does nothing.

    Alerts hold ids, codes and the reasons that people gave; no rows and no secrets.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._addresses = settings.alert_addresses
        self._database = database
        self._outbox = Repository(database, _COLLECTION, Alert)
        self._clock = clock

    @property
    def language(self) -> Language:
        """The language of every alert."""
        return self._settings.language

    @property
    def is_set_up(self) -> bool:
        """Whether the settings name an address."""
        return bool(self._addresses)

    def run_failed(self, run: TrainingRun, failure: str) -> None:
        """Tell that a night's run has failed; of an experiment its page tells."""
        if run.experiment is None:
            self._note(
                f"run-failed-{_begun(run)}-{run.attempts}",
                "ALERT_RUN_FAILED",
                f"/training?run={run.number}",
                number=run.number,
                attempts=run.attempts,
                most=self._settings.max_attempts,
                failure=failure,
            )

    def night_failed(self, flow_run_id: str, failure: str) -> None:
        """Tell that a night's flow failed where no run of ours tells of it."""
        self._note(
            f"night-failed-{flow_run_id}",
            "ALERT_NIGHT_FAILED",
            "/training",
            failure=failure,
        )

    def run_set_aside(self, run: TrainingRun) -> None:
        """Tell that a run has failed too often, so that its files are held."""
        self._note(
            f"run-set-aside-{_begun(run)}",
            "ALERT_RUN_SET_ASIDE",
            f"/training?run={run.number}",
            number=run.number,
            attempts=run.attempts,
            files=len(run.upload_ids),
        )

    def upload_held(self, upload: Upload, reason: str) -> None:
        """Tell that somebody has to look at a file."""
        self._note(
            f"upload-held-{upload.id}-{reason}-{to_text(upload.uploaded_at)}",
            "ALERT_UPLOAD_HELD",
            f"/file?id={upload.id}",
            upload=upload.id[:8],
            reason=reason,
        )

    def cluster_lost(self, run: TrainingRun, failure: ClusterLost) -> None:
        """Tell that a night works on one machine, for its Dask cluster does not."""
        self._note(
            f"cluster-lost-{_begun(run)}-{run.attempts}",
            "ALERT_CLUSTER_LOST",
            f"/training?run={run.number}",
            number=run.number,
            problem=failure.sentence(self.language),
        )

    def new_master(self, switch: Promotion, number: int, reason: str) -> None:
        """Tell that MASTER has moved, and why."""
        self._note(
            f"new-master-{switch.id}",
            "ALERT_NEW_MASTER",
            f"/models?model=v{number}",
            number=number,
            reason=_on_one_line(reason),
        )

    def challenger_held(self, challenger: ModelVersion, reason: str) -> None:
        """Tell that an administrator may decide on a challenger."""
        self._note(
            f"challenger-held-{challenger.id}",
            "ALERT_CHALLENGER_HELD",
            f"/models?model=v{challenger.number}",
            number=challenger.number,
            reason=sentence(reason, self.language),
        )

    def deliver_due(self) -> None:
        """Deliver what is due, for some seconds at most; whatever fails is only logged.

        Anybody may call this at any time, several at once too.
        """
        if not self.is_set_up:
            return
        give_up_at = time.monotonic() + _SECONDS_AT_ONCE
        try:
            while time.monotonic() < give_up_at and (alert := self._take_next()):
                self._deliver(alert)
        except Unavailable as error:
            _LOG.warning("alerts wait: %s", error.code)

    def undelivered(self) -> int:
        """Return how many messages have not arrived, those that are given up too."""
        return self._outbox.count({"status": {"$ne": AlertStatus.DELIVERED}})

    def send_test(self) -> list[Attempt]:
        """Send a message to every address now, past the outbox."""
        text = sentence("ALERT_TEST", self.language)
        attempts = []
        for destination in range(len(self._addresses)):
            try:
                self._send(destination, f"{text} {self._settings.address_for_people}/")
            except Unavailable as problem:
                attempts.append(Attempt(destination, problem))
            else:
                attempts.append(Attempt(destination, None))
        return attempts

    def _note(self, fact: str, code: str, page: str, **details: str | int) -> None:
        link = f"{self._settings.address_for_people}{page}"
        text = f"{sentence(code, self.language, **details)} {link}"
        now = self._clock()
        for destination in range(len(self._addresses)):
            with suppress(AlreadyExists):
                self._outbox.add(
                    Alert(
                        id=f"{fact}-{destination}",
                        code=code,
                        text=text,
                        destination=destination,
                        noted_at=now,
                        next_try_at=now,
                    )
                )

    def _take_next(self) -> Alert | None:
        now = self._clock()
        due = {"status": AlertStatus.WAITING, "next_try_at": {"$lte": to_text(now)}}
        taken = {"next_try_at": to_text(now + _UNDER_DELIVERY)}
        document = self._database.update_first(
            _COLLECTION, due, taken, order=[("next_try_at", 1)]
        )
        return None if document is None else Alert.from_document(document)

    def _deliver(self, alert: Alert) -> None:
        tries = alert.tries + 1
        try:
            self._send(alert.destination, alert.text)
        except Unavailable as problem:
            _LOG.warning("alert %s, try %d: %s", alert.id, tries, problem.code)
            changes = self._after_failure(tries)
        else:
            changes = {"status": AlertStatus.DELIVERED}
        self._outbox.change({"_id": alert.id}, changes | {"tries": tries})

    def _after_failure(self, tries: int) -> dict[str, str]:
        if tries > len(PAUSES):
            return {"status": AlertStatus.GIVEN_UP}
        return {"next_try_at": to_text(self._clock() + PAUSES[tries - 1])}

    def _send(self, destination: int, text: str) -> None:
        if destination >= len(self._addresses):  # the setting has become shorter
            raise Unavailable("ALERT_NOT_TAKEN")
        deliver(self._addresses[destination], "TripAdvance", text)


def _begun(run: TrainingRun) -> str:
    """Name one beginning of a run: the same files may be trained on afresh."""
    return f"{run.id}-{to_text(run.started_at)}"


def _on_one_line(reason: str) -> str:
    return " ".join(reason.split())[:_REASON_LENGTH]
