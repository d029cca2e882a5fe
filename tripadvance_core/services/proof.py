"""Whether somebody knows the password of an account, and how often they may guess."""

from tripadvance_core.services.audit import AuditLog, Event
from tripadvance_core.services.passwords import decoy_hash, matches
from tripadvance_core.services.people import Account, People
from tripadvance_core.services.throttle import Attempt, Throttle


class Proof:
    """Checks passwords, each as an attempt to sign in."""

    def __init__(self, people: People, throttle: Throttle, audit: AuditLog) -> None:
        self._people = people
        self._throttle = throttle
        self._audit = audit

    def of(self, email: str, password: str, address: str) -> Account | None:
        """Return the account if the password is its own and it may sign in.

        The work is the same where there is no such account, or a disabled one.

        Raises
        ------
        Refused
            ``LOGIN_LOCKED`` after too many failures.
        """
        self._throttle.admit(Attempt.LOGIN, email, address)
        account = self._people.by_email(email)
        known = account.password_hash if account else decoy_hash()
        if not matches(password, known) or account is None or account.disabled:
            user_id = account.id if account else None
            self._audit.record(Event.LOGIN_FAILED, user_id, address=address)
            return None
        self._throttle.forgive(Attempt.LOGIN, email)
        return account
