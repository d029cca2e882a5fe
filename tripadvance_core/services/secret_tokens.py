"""Secrets that are handed out once and kept as digests only."""

import hashlib
import secrets


def new_token() -> str:
    """Return 256 random bits as text that fits into an address or a cookie."""
    return secrets.token_urlsafe(32)


def digest(text: str) -> str:
    """Return what is kept in place of a secret."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
