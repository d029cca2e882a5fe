"""Sessions: who is signed in, in which browser (OWASP ASVS 5.0, 7)."""

from datetime import timedelta

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Clock, Moment, to_text
from tripadvance_core.services.secret_tokens import digest, new_token
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository

IDLE_LIMIT = timedelta(minutes=30)
ABSOLUTE_LIMIT = timedelta(hours=12)

_SEEN_PRECISION = timedelta(minutes=1)


class Session(Entity):
    """One signed-in browser; its id is the digest of the token in the cookie."""

    user_id: str
    created_at: Moment
    seen_at: Moment


class Sessions:
    """Opens and ends sessions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._sessions = Repository(database, "sessions", Session)
        self._clock = clock

    def open(self, user_id: str) -> str:
        """Return the token of a new session of a user who has proven who they are."""
        now = self._clock()
        self._sessions.remove({"created_at": {"$lt": to_text(now - ABSOLUTE_LIMIT)}})
        token = new_token()
        session = Session(
            id=digest(token), user_id=user_id, created_at=now, seen_at=now
        )
        self._sessions.add(session)
        return token

    def user_id_of(self, token: str, *, active: bool) -> str | None:
        """Return whose session it is, or None if it is unknown or has ended.

        Parameters
        ----------
        active
            Whether the user is doing something, which keeps the session from ending
            for idleness.
        """
        session = self._sessions.find(digest(token))
        if session is None:
            return None
        now = self._clock()
        idle = now - session.seen_at
        if idle > IDLE_LIMIT or now - session.created_at > ABSOLUTE_LIMIT:
            self.end(token)
            return None
        if active and idle > _SEEN_PRECISION:
            self._sessions.change({"_id": session.id}, {"seen_at": to_text(now)})
        return session.user_id

    def of_user(self, user_id: str) -> list[Session]:
        """Return the sessions of a user, the oldest first."""
        return self._sessions.select({"user_id": user_id}, order=[("created_at", 1)])

    def end(self, token: str) -> None:
        """End the session of that token, if there is one."""
        self._sessions.remove({"_id": digest(token)})

    def end_all(self, user_id: str, *, but: str = "") -> None:
        """End all sessions of a user, except for that of the token ``but``."""
        self._sessions.remove({"user_id": user_id, "_id": {"$ne": digest(but)}})
