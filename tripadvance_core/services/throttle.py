"""How often something may be tried, for all processes together."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.errors import Refused
from tripadvance_core.services.secret_tokens import digest
from tripadvance_core.storage.database import Database

THROTTLE_WINDOW = timedelta(minutes=15)


class Attempt(StrEnum):
    """What is tried."""

    LOGIN = "login"
    REGISTRATION = "registration"
    RESET = "reset"


@dataclass(frozen=True)
class _Limits:
    """How often it may be tried in a window: for one account, from one address."""

    account: int
    address: int


_LIMITS = {
    Attempt.LOGIN: _Limits(account=5, address=20),
    Attempt.REGISTRATION: _Limits(account=5, address=10),
    Attempt.RESET: _Limits(account=3, address=10),
}


class Throttle:
    """Counts attempts in the database.

    An attempt is recorded before anything is checked, so that attempts at once
    cannot slip past the limit; one that is refused here does not prolong the lock.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def admit(self, kind: Attempt, email: str, address: str) -> None:
        """Count an attempt.

        Raises
        ------
        Refused
            ``LOGIN_LOCKED`` where there were too many.
        """
        now = self._clock()
        ended = {"at": {"$lt": to_text(now - THROTTLE_WINDOW)}}
        self._database.delete("login_attempts", ended)
        attempt = {
            "_id": secrets.token_hex(16),
            "kind": kind,
            "account": digest(email),
            "address": address,
            "at": to_text(now),
        }
        self._database.insert("login_attempts", attempt)
        limits = _LIMITS[kind]
        if (
            self._attempts(kind, account=digest(email)) > limits.account
            or self._attempts(kind, address=address) > limits.address
        ):
            self._database.delete("login_attempts", {"_id": attempt["_id"]})
            minutes = int(THROTTLE_WINDOW.total_seconds() / 60)
            raise Refused("LOGIN_LOCKED", minutes=minutes)

    def forgive(self, kind: Attempt, email: str) -> None:
        """Forget the attempts on an account."""
        of_account = {"kind": kind, "account": digest(email)}
        self._database.delete("login_attempts", of_account)

    def _attempts(self, kind: Attempt, **where: str) -> int:
        return self._database.count("login_attempts", {"kind": kind, **where})
