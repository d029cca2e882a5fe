"""Leases: a name that one holder has until it lets go or its time runs out."""

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from tripadvance_core.domain.times import Clock, to_text
from tripadvance_core.errors import AlreadyExists, Unavailable
from tripadvance_core.storage.database import Database

_COLLECTION = "leases"
_RENEWALS_A_LEASE = 4
_JOIN_SECONDS = 10
_LOOK_AGAIN_SECONDS = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lease:
    """A hold on ``name``; ``token`` is new with every hold."""

    name: str
    token: str
    seconds: float


def acquire(
    database: Database, name: str, holder: str, now: datetime, seconds: float
) -> Lease | None:
    """Take a lease that is free or has run out; None if somebody holds it.

    Parameters
    ----------
    holder
        Who takes it, for people who look into the database.
    """
    token = secrets.token_hex(16)
    taken = {
        "token": token,
        "holder": holder,
        "expires_at": to_text(now + timedelta(seconds=seconds)),
    }
    free = {"_id": name, "expires_at": {"$lte": to_text(now)}}
    if database.update_first(_COLLECTION, free, taken) is None:
        try:
            database.insert(_COLLECTION, {"_id": name, **taken})
        except AlreadyExists:
            return None
    return Lease(name, token, seconds)


def wait_for(
    database: Database, name: str, holder: str, clock: Clock, seconds: float
) -> Lease | None:
    """Take a lease, waiting once around; a dead holder's ends in that time."""
    give_up_at = time.monotonic() + seconds + _LOOK_AGAIN_SECONDS
    while True:
        lease = acquire(database, name, holder, clock(), seconds)
        if lease is not None or time.monotonic() >= give_up_at:
            return lease
        time.sleep(_LOOK_AGAIN_SECONDS)


def renew(database: Database, lease: Lease, now: datetime) -> bool:
    """Hold a lease for its full time again; False if it is another's by now."""
    held = {"_id": lease.name, "token": lease.token}
    until = to_text(now + timedelta(seconds=lease.seconds))
    return bool(database.update(_COLLECTION, held, {"expires_at": until}))


def release(database: Database, lease: Lease) -> None:
    """Let a lease go, unless it is another's by now."""
    database.delete(_COLLECTION, {"_id": lease.name, "token": lease.token})


def holder_of(database: Database, name: str, now: datetime) -> str | None:
    """Return the token under which a lease is held, or None where it is free."""
    document = database.get(_COLLECTION, name)
    held = document is not None and document["expires_at"] > to_text(now)
    return str(document["token"]) if document is not None and held else None


@contextmanager
def kept_alive(database: Database, lease: Lease, clock: Clock) -> Iterator[None]:
    """Renew a lease in the background for as long as the work goes on.

    A lease that is lost is only logged: whatever its former holder still commits
    carries the old token and matches nothing.
    """
    done = threading.Event()

    def keep_alive() -> None:
        while not done.wait(lease.seconds / _RENEWALS_A_LEASE):
            try:
                if not renew(database, lease, clock()):
                    log.warning("lease %s was taken over", lease.name)
                    return
            except Unavailable:
                log.warning("lease %s was not renewed", lease.name, exc_info=True)

    thread = threading.Thread(target=keep_alive, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(_JOIN_SECONDS)
