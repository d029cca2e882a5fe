"""What a password must withstand, and what is kept of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.errors import Refused
from tripadvance_core.services import passwords
from tripadvance_core.services.passwords import (
    checked_password,
    hashed,
    is_outdated,
    matches,
)


@pytest.mark.parametrize(
    "password",
    [
        "password123",
        "Password1234",
        "qwertyuiop",
        "1234567890",
        "Senha12345",
        "senha123456",
        "mudar12345",
        "MudarSenha1",
        "flamengo2019",
        "brasil2026",
        "administrador",
        "aaaaaaaaaaaa",
        "abcdefghijkl",
        "ana.lima@exemplo.com",
        "ana.lima2026",
        "AnaLima12345",
    ],
)
def test_password_that_is_soon_guessed_is_refused(password: str) -> None:
    with pytest.raises(Refused, match="PASSWORD_TOO_OBVIOUS"):
        checked_password(password, "ana.lima@exemplo.com", "AnaLima")


@pytest.mark.parametrize(
    "password",
    ["uma frase bem longa", "três tigres tristes", "kX9#mQ2$vL"],
)
def test_phrase_or_random_password_is_taken(password: str) -> None:
    assert checked_password(password, "ana@exemplo.com", "Ana") == password


def test_sixty_four_characters_of_many_bytes_are_taken_to_the_last() -> None:
    password = "ação é emoção; coração não é razão, irmão — só ilusão e paixão já"
    assert len(password) >= 64
    assert len(password.encode()) > 72
    assert checked_password(password, "ana@exemplo.com", "Ana") == password


@given(st.text(min_size=10, max_size=256))
def test_any_text_is_taken_or_refused(password: str) -> None:
    try:
        checked_password(password, "ana@exemplo.com", "Ana")
    except Refused as refusal:
        assert refusal.code == "PASSWORD_TOO_OBVIOUS"  # noqa: PT017


def test_hash_of_other_cost_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "BCRYPT_ROUNDS", 4)
    kept = hashed("uma frase bem longa")
    assert matches("uma frase bem longa", kept)
    assert not is_outdated(kept)
    monkeypatch.setattr(passwords, "BCRYPT_ROUNDS", 5)
    assert is_outdated(kept)
