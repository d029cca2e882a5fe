"""Links that work once: they let their holder in to do one thing."""

from datetime import timedelta
from enum import StrEnum

from tripadvance_core.domain.entities import Entity
from tripadvance_core.domain.times import Clock, Moment, to_text
from tripadvance_core.domain.users import Role
from tripadvance_core.services.secret_tokens import digest, new_token
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository


class Purpose(StrEnum):
    """What a link is for."""

    FIRST_ADMIN = "first_admin"
    INVITATION = "invitation"
    RESET = "reset"


LIFETIMES = {
    Purpose.FIRST_ADMIN: timedelta(hours=24),
    Purpose.INVITATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
}


class Link(Entity):
    """A link that was not used yet; its id is the digest of the token in it.

    ``role`` is what an invitation gives; ``user_id`` whose password a reset changes;
    ``made_by`` the id of the user who made the link, if anybody did.
    """

    purpose: Purpose
    expires_at: Moment
    role: Role | None = None
    user_id: str | None = None
    made_by: str | None = None


class Links:
    """Makes links and takes them back."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._links = Repository(database, "links", Link)
        self._clock = clock

    def make(
        self,
        purpose: Purpose,
        *,
        role: Role | None = None,
        user_id: str | None = None,
        made_by: str | None = None,
    ) -> str:
        """Return the token of a new link; only its digest is stored.

        It replaces any former one for the same user; invitations stand side by side.
        """
        now = self._clock()
        self._links.remove({"expires_at": {"$lte": to_text(now)}})
        if purpose is not Purpose.INVITATION:
            self._links.remove({"purpose": purpose, "user_id": user_id})
        token = new_token()
        self._links.add(
            Link(
                id=digest(token),
                purpose=purpose,
                expires_at=now + LIFETIMES[purpose],
                role=role,
                user_id=user_id,
                made_by=made_by,
            )
        )
        return token

    def look(self, purpose: Purpose, token: str) -> Link | None:
        """Return the link of a token, or None if it was used or has expired."""
        links = self._links.select(self._usable(purpose) | {"_id": digest(token)})
        return next(iter(links), None)

    def take(self, link: Link) -> bool:
        """Use a link up; of two who take it at once one gets True."""
        return self._links.remove({"_id": link.id}) > 0

    def invitations(self) -> list[Link]:
        """Return the invitations that were not used yet, the oldest first."""
        return self._links.select(
            self._usable(Purpose.INVITATION), order=[("expires_at", 1)]
        )

    def withdraw_invitation(self, link_id: str) -> bool:
        """Take an invitation back; tell whether there was one."""
        where = {"_id": link_id, "purpose": Purpose.INVITATION}
        return self._links.remove(where) > 0

    def withdraw_resets(self, user_id: str) -> None:
        """Let no link change the password of a user any more."""
        self._links.remove({"purpose": Purpose.RESET, "user_id": user_id})

    def forget_user(self, user_id: str) -> None:
        """Remove the links that are for a user, or that the user made."""
        self._links.remove({"user_id": user_id})
        self._links.remove({"made_by": user_id})

    def _usable(self, purpose: Purpose) -> dict[str, object]:
        return {"purpose": purpose, "expires_at": {"$gt": to_text(self._clock())}}
