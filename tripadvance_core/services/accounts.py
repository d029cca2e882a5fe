"""Who may come in: signing in, sessions, new accounts, forgotten passwords.

Tokens and passwords are stored as digests only. Limits follow OWASP ASVS 5.0, chapters
6 (authentication) and 7 (sessions).
"""

from tripadvance_core.domain.times import Clock
from tripadvance_core.domain.users import Role, User
from tripadvance_core.errors import Refused
from tripadvance_core.services.api_tokens import ApiToken, ApiTokens
from tripadvance_core.services.audit import AuditLog, Event
from tripadvance_core.services.links import Links, Purpose
from tripadvance_core.services.passwords import checked_password, hashed, is_outdated
from tripadvance_core.services.people import People, normal_email
from tripadvance_core.services.proof import Proof
from tripadvance_core.services.sessions import Sessions
from tripadvance_core.services.throttle import Attempt, Throttle
from tripadvance_core.settings import Settings
from tripadvance_core.storage.database import Database


class AccountService:
    """Signs users in and out, and lets new ones in."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._people = People(database, clock)
        self._sessions = Sessions(database, clock)
        self._links = Links(database, clock)
        self._tokens = ApiTokens(database, clock)
        self._audit = AuditLog(database, clock)
        self._throttle = Throttle(database, clock)
        self._proof = Proof(self._people, self._throttle, self._audit)

    # Signing in and out

    def sign_in(self, email: str, password: str, address: str) -> str:
        """Check a password and open a session; return the session's token.

        An unknown e-mail costs the same work and gives the same answer as a wrong
        password.

        Parameters
        ----------
        address
            Where the attempt comes from, such as an IP address.

        Raises
        ------
        Refused
            ``LOGIN_REFUSED`` for a wrong e-mail or password, ``LOGIN_LOCKED`` after
            too many failures for that account or from that address.
        """
        account = self._proof.of(normal_email(email), password, address)
        if account is None:
            raise Refused("LOGIN_REFUSED")
        if is_outdated(account.password_hash):
            self._people.change(account.id, password_hash=hashed(password))
        self._audit.record(Event.LOGIN, account.id, address=address)
        return self.open_session(account)

    def open_session(self, user: User) -> str:
        """Return the token of a new session of a user who has proven who they are."""
        return self._sessions.open(user.id)

    def user_of(self, token: str, *, active: bool = True) -> User | None:
        """Return who holds a session, or None if it is unknown or has ended.

        Parameters
        ----------
        active
            Whether the user is doing something, which keeps the session from ending
            for idleness.
        """
        user_id = self._sessions.user_id_of(token, active=active)
        return self._active(user_id) if user_id else None

    def user_of_program(self, token: str) -> tuple[User, ApiToken] | None:
        """Return in whose name a program asks, and with which token, or None."""
        known = self._tokens.look(token)
        user = self._active(known.user_id) if known else None
        return (user, known) if known and user else None

    def user_named(self, email: str) -> User | None:
        """Return the user who may sign in with that e-mail, if there is one."""
        account = self._people.by_email(normal_email(email))
        return account.user() if account and not account.disabled else None

    def sign_out(self, token: str) -> None:
        """End the session of that token, if there is one."""
        self._sessions.end(token)

    # New accounts

    def first_admin_token(self) -> str | None:
        """Return a fresh one-time token, or None once there is an administrator.

        The token lets its holder become the first administrator within 24 hours. Only
        its digest is stored; it replaces any former one.
        """
        if self._people.has_administrator():
            return None
        return self._links.make(Purpose.FIRST_ADMIN)

    def create_first_admin(
        self, token: str, email: str, name: str, password: str
    ) -> User:
        """Make the first administrator; the token works once.

        A refused e-mail, name or password leaves the token usable.

        Raises
        ------
        Refused
            ``FIRST_ADMIN_LINK_ENDED``, ``EMAIL_TAKEN``, ``EMAIL_INVALID``,
            ``NAME_INVALID``, ``PASSWORD_TOO_SHORT``, ``PASSWORD_TOO_LONG``,
            ``PASSWORD_TOO_OBVIOUS``.
        """
        link = self._links.look(Purpose.FIRST_ADMIN, token)
        if link is None:
            raise Refused("FIRST_ADMIN_LINK_ENDED")
        account = self._people.new(email, name, password, Role.ADMINISTRATOR)
        if not self._links.take(link) or self._people.has_administrator():
            raise Refused("FIRST_ADMIN_LINK_ENDED")
        self._people.add(account)
        self._audit.record(Event.FIRST_ADMIN_CREATED, account.id)
        return account.user()

    def invited_role(self, token: str) -> Role | None:
        """Return the role that an invitation gives, or None if it does not work."""
        link = self._links.look(Purpose.INVITATION, token)
        return link.role if link else None

    def register(
        self, token: str, email: str, name: str, password: str, address: str
    ) -> User:
        """Make an account, by an invitation or, where that is allowed, without.

        An invitation works once; a refused e-mail, name or password leaves it usable.
        Without one the new user is a viewer.

        Parameters
        ----------
        token
            That of the invitation, or empty.

        Raises
        ------
        Refused
            ``INVITATION_ENDED``, ``REGISTRATION_CLOSED``, ``LOGIN_LOCKED`` after too
            many from that address, and what ``create_first_admin`` raises.
        """
        self._throttle.admit(Attempt.REGISTRATION, normal_email(email), address)
        link = self._links.look(Purpose.INVITATION, token) if token else None
        if token and link is None:
            raise Refused("INVITATION_ENDED")
        if not token and self._settings.registration != "open":
            raise Refused("REGISTRATION_CLOSED")
        role = link.role if link and link.role else Role.VIEWER
        account = self._people.new(email, name, password, role)
        if self._people.by_email(account.email):
            raise Refused("EMAIL_TAKEN")
        if link and not self._links.take(link):
            raise Refused("INVITATION_ENDED")
        self._people.add(account)
        self._audit.record(Event.REGISTERED, account.id, address=address, role=role)
        return account.user()

    # A forgotten password

    def reset_token(self, email: str) -> tuple[User, str] | None:
        """Return a fresh token for a user who has forgotten the password.

        None where nobody may sign in with that e-mail: nobody else may learn that.
        The request is to be admitted with ``admit_reset`` first.
        """
        user = self.user_named(email)
        if user is None:
            return None
        self._audit.record(Event.RESET_REQUESTED, user.id)
        return user, self._links.make(Purpose.RESET, user_id=user.id)

    def admit_reset(self, email: str, address: str) -> None:
        """Count a request for a new password; ``Refused`` (``LOGIN_LOCKED``)."""
        self._throttle.admit(Attempt.RESET, normal_email(email), address)

    def reset_password(self, token: str, password: str, address: str) -> User:
        """Set a new password by a link that works once; end all sessions.

        Raises
        ------
        Refused
            ``RESET_LINK_ENDED``, ``PASSWORD_TOO_SHORT``, ``PASSWORD_TOO_LONG``,
            ``PASSWORD_TOO_OBVIOUS``.
        """
        link = self._links.look(Purpose.RESET, token)
        user = self._active(link.user_id) if link and link.user_id else None
        if link is None or user is None:
            raise Refused("RESET_LINK_ENDED")
        checked_password(password, user.email, user.name)
        if not self._links.take(link):
            raise Refused("RESET_LINK_ENDED")
        self._people.change(user.id, password_hash=hashed(password))
        self._sessions.end_all(user.id)
        self._throttle.forgive(Attempt.LOGIN, user.email)
        self._audit.record(Event.PASSWORD_RESET, user.id, address=address)
        return user

    def _active(self, user_id: str) -> User | None:
        account = self._people.find(user_id)
        return account.user() if account and not account.disabled else None
