"""What users change and learn of their own accounts."""

from typing import Any

from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused
from tripadvance_core.messages import Language
from tripadvance_core.services.api_tokens import ApiToken, ApiTokens, Scope
from tripadvance_core.services.audit import AuditLog, Event
from tripadvance_core.services.erasure import Erasure, Names
from tripadvance_core.services.links import Links
from tripadvance_core.services.passwords import checked_password, hashed
from tripadvance_core.services.people import People, checked_email, checked_name
from tripadvance_core.services.proof import Proof
from tripadvance_core.services.sessions import Sessions
from tripadvance_core.services.throttle import Throttle
from tripadvance_core.storage.database import Database


class OwnAccount:
    """Changes what a signed-in user may change of their own.

    What matters asks for the password once more: a browser that somebody left open
    must not be enough. Each such method raises ``Refused``: ``PASSWORD_WRONG``, or
    ``LOGIN_LOCKED`` after too many wrong ones.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._people = People(database, clock)
        self._sessions = Sessions(database, clock)
        self._links = Links(database, clock)
        self._tokens = ApiTokens(database, clock)
        self._audit = AuditLog(database, clock)
        self._names = Names(database)
        self._erasure = Erasure(database, clock)
        throttle = Throttle(database, clock)
        self._proof = Proof(self._people, throttle, self._audit)

    def change_name(self, user: User, name: str) -> None:
        """Set the name; ``Refused`` (``NAME_INVALID``)."""
        self._people.change(user.id, name=checked_name(name))
        self._audit.record(Event.NAME_CHANGED, user.id)

    def choose_language(self, user: User, language: Language) -> None:
        """Set the language of pages and e-mails."""
        self._people.change(user.id, language=language)

    def change_email(self, user: User, email: str, password: str, address: str) -> None:
        """Set the e-mail, also where it names the user elsewhere.

        Raises
        ------
        Refused
            ``EMAIL_INVALID``, ``EMAIL_TAKEN``.
        """
        email = checked_email(email)
        self._prove(user, password, address)
        self._people.change(user.id, email=email)
        self._names.rename(user.email, email)
        self._audit.record(Event.EMAIL_CHANGED, user.id, address=address)

    def change_password(
        self, user: User, former: str, password: str, address: str, *, session: str
    ) -> None:
        """Set the password and end every session but one.

        Parameters
        ----------
        session
            The token of the session that goes on.

        Raises
        ------
        Refused
            ``PASSWORD_TOO_SHORT``, ``PASSWORD_TOO_LONG``, ``PASSWORD_TOO_OBVIOUS``.
        """
        self._prove(user, former, address)
        checked_password(password, user.email, user.name)
        self._people.change(user.id, password_hash=hashed(password))
        self._sessions.end_all(user.id, but=session)
        self._links.withdraw_resets(user.id)
        self._audit.record(Event.PASSWORD_CHANGED, user.id, address=address)

    # Tokens of programs

    def tokens(self, user: User) -> list[ApiToken]:
        """Return the user's tokens, the oldest first."""
        return self._tokens.of_user(user.id)

    def make_token(
        self, user: User, name: str, scope: Scope, days: int, address: str
    ) -> str:
        """Return a new token, which cannot be shown again.

        Raises
        ------
        Refused
            ``TOKEN_NAME_INVALID``, ``TOKEN_DAYS_INVALID``, ``TOKENS_TOO_MANY``.
        """
        token = self._tokens.make(user.id, name, scope, days)
        self._audit.record(Event.TOKEN_CREATED, user.id, address=address)
        return token

    def revoke_token(self, user: User, token_id: str, address: str) -> None:
        """Let a token work no more; ``NotFound`` (``TOKEN_NOT_FOUND``)."""
        self._tokens.revoke(user.id, token_id)
        self._audit.record(Event.TOKEN_REVOKED, user.id, address=address)

    # What is kept of a user

    def data(self, user: User, address: str) -> dict[str, Any]:
        """Return all that is kept of the user, ready for JSON; no secrets."""
        self._audit.record(Event.DATA_EXPORTED, user.id, address=address)
        return {
            "account": user.to_document(),
            "sessions": [
                session.model_dump(mode="json", exclude={"id"})
                for session in self._sessions.of_user(user.id)
            ],
            "api_tokens": [
                token.model_dump(mode="json", exclude={"digest"})
                for token in self._tokens.of_user(user.id)
            ],
            "audit_log": [
                entry.to_document() for entry in self._audit.of_user(user.id)
            ],
            **self._names.where(user),
        }

    def erase(self, user: User, password: str, address: str) -> None:
        """Remove the account and all that tells of the person.

        Raises
        ------
        Refused
            ``LAST_ADMINISTRATOR``.
        """
        self._prove(user, password, address)
        self._erasure.erase(user.id)
        self._audit.record(Event.ACCOUNT_ERASED, user.id)

    def _prove(self, user: User, password: str, address: str) -> None:
        if self._proof.of(user.email, password, address) is None:
            raise Refused("PASSWORD_WRONG")
