"""What administrators do: they let people in, and decide what each may do."""

from collections.abc import Iterable

from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import NotFound
from tripadvance_core.services.audit import Actor, AuditLog, Event
from tripadvance_core.services.erasure import Erasure
from tripadvance_core.services.links import Link, Links, Purpose
from tripadvance_core.services.people import People
from tripadvance_core.services.sessions import Sessions
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Page


class Administration:
    """Manages users; ``by`` is the administrator.

    Each method that names a user raises ``NotFound`` (``USER_NOT_FOUND``); what would
    leave nobody to administer raises ``Refused`` (``LAST_ADMINISTRATOR``).
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._people = People(database, clock)
        self._sessions = Sessions(database, clock)
        self._links = Links(database, clock)
        self._audit = AuditLog(database, clock)
        self._erasure = Erasure(database, clock)

    def users(self, number: int, size: int) -> Page[User]:
        """Return one page of the users, by e-mail."""
        return self._people.page(number, size)

    def emails(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Return the e-mails of those of the users who are still there."""
        return self._people.emails(user_ids)

    def invitations(self) -> list[Link]:
        """Return the invitations that were not used yet, the oldest first."""
        return self._links.invitations()

    def invite(self, role: Role, by: Actor) -> str:
        """Return the token of an invitation, with which somebody gets that role."""
        token = self._links.make(Purpose.INVITATION, role=role, made_by=by.user.id)
        self._audit.record(
            Event.USER_INVITED, by.user.id, address=by.address, role=role
        )
        return token

    def withdraw_invitation(self, link_id: str, by: Actor) -> None:
        """Take an invitation back; ``NotFound`` (``INVITATION_NOT_FOUND``)."""
        if not self._links.withdraw_invitation(link_id):
            raise NotFound("INVITATION_NOT_FOUND")
        self._audit.record(Event.INVITATION_WITHDRAWN, by.user.id, address=by.address)

    def change_role(self, user_id: str, role: Role, by: Actor) -> None:
        """Give a user another role, which holds from the next request on."""
        self._people.change_access(self._people.get(user_id), role=role)
        self._note(Event.ROLE_CHANGED, user_id, by, role=role)

    def disable(self, user_id: str, by: Actor) -> None:
        """Let a user in no more, until enabled again."""
        self._people.change_access(self._people.get(user_id), disabled=True)
        self._sessions.end_all(user_id)
        self._links.withdraw_resets(user_id)
        self._note(Event.USER_DISABLED, user_id, by)

    def enable(self, user_id: str, by: Actor) -> None:
        """Let a disabled user in again."""
        self._people.change(self._people.get(user_id).id, disabled=False)
        self._note(Event.USER_ENABLED, user_id, by)

    def delete(self, user_id: str, by: Actor) -> None:
        """Remove a user with all that tells of the person."""
        self._erasure.erase(user_id)
        self._note(Event.USER_DELETED, user_id, by)

    def reset_link(self, user_id: str, by: Actor) -> str:
        """Return the token of a link by which the user sets a new password."""
        self._people.get(user_id)
        token = self._links.make(Purpose.RESET, user_id=user_id, made_by=by.user.id)
        self._note(Event.RESET_LINK_MADE, user_id, by)
        return token

    def _note(self, event: Event, user_id: str, by: Actor, **details: str) -> None:
        self._audit.record(
            event, by.user.id, subject_id=user_id, address=by.address, **details
        )
