"""Passwords: what is accepted, and what is kept of it (OWASP ASVS 5.0, 6.2)."""

import unicodedata

import bcrypt
from zxcvbn import zxcvbn

from tripadvance_core.errors import Refused
from tripadvance_core.services.secret_tokens import digest

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256

BCRYPT_ROUNDS = 12

_LEAST_SCORE = 3
"""Of zxcvbn's 0 to 4: to be found in no fewer than 10^8 guesses."""
_LOOKED_AT = 72  # characters; zxcvbn refuses longer texts, for their sake of time

# zxcvbn knows the common passwords of the English-speaking world; these are the first
# that anybody would try here.
_COMMON_HERE = (
    "administrador",
    "administrator",
    "brasil",
    "flamengo",
    "corinthians",
    "mudar",
    "mudarsenha",
    "minhasenha",
    "palmeiras",
    "saopaulo",
    "segredo",
    "senha",
    "teste",
    "trocar",
    "tripadvance",
    "viagem",
)


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return bcrypt.hashpw(
        _bcrypt_input(password), bcrypt.gensalt(BCRYPT_ROUNDS)
    ).decode()


def matches(password: str, password_hash: str) -> bool:
    """Tell whether this is the password that was hashed."""
    return bcrypt.checkpw(_bcrypt_input(password), password_hash.encode())


def is_outdated(password_hash: str) -> bool:
    """Tell whether a hash was made with fewer or more rounds than are made now."""
    return int(password_hash.split("$")[2]) != BCRYPT_ROUNDS


def decoy_hash() -> str:
    """Return a hash that no password has and that costs as much to check as any."""
    return f"$2b${BCRYPT_ROUNDS:02}$" + "." * 53


def checked_password(password: str, *about_the_user: str) -> str:
    """Return a password that is good enough.

    Parameters
    ----------
    about_the_user
        What else than common passwords would be tried, such as e-mail and name.

    Raises
    ------
    Refused
        ``PASSWORD_TOO_SHORT``, ``PASSWORD_TOO_LONG``, ``PASSWORD_TOO_OBVIOUS``.
    """
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Refused("PASSWORD_TOO_SHORT", minimum=MIN_PASSWORD_LENGTH)
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Refused("PASSWORD_TOO_LONG", maximum=MAX_PASSWORD_LENGTH)
    known = [*_COMMON_HERE, *about_the_user]
    known += [part for text in about_the_user for part in text.split("@")]
    guessed = zxcvbn(password.strip()[:_LOOKED_AT], user_inputs=known)
    if guessed["score"] < _LEAST_SCORE:
        raise Refused("PASSWORD_TOO_OBVIOUS")
    return password


def _bcrypt_input(password: str) -> bytes:
    """Digest a password, for bcrypt takes 72 bytes at most.

    It is normalised first, for keyboards write accents in two ways (NIST SP 800-63B).
    """
    return digest(unicodedata.normalize("NFKC", password)).encode()
