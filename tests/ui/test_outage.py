"""The gate while the database does not answer."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from tripadvance_core.errors import Unavailable
from tripadvance_core.messages import LANGUAGES, Language
from tripadvance_core.settings import load_settings
from ui.files import Owners
from ui.security import Gate

SECRET_ADDRESS = "mongodb.internal.example"


class NoAccounts:
    def user_of(self, token: str, *, active: bool) -> None:
        raise Unavailable(
            "DATABASE_UNAVAILABLE", address=SECRET_ADDRESS, problem="refused"
        )


async def never(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("the gate let a request through")


def answer(language: Language, tmp_path: Path) -> httpx.Response:
    services: Any = SimpleNamespace(
        accounts=NoAccounts(), settings=load_settings(language=language)
    )

    gate = Gate(never, services, Owners(tmp_path), frozenset(), frozenset())

    async def get() -> httpx.Response:
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport) as client:
            cookie = {"cookie": "tripadvance_session=x"}
            return await client.get("http://test/", headers=cookie)

    return asyncio.run(get())


@pytest.mark.parametrize("language", LANGUAGES)
def test_outage_is_told_without_naming_what_is_behind(
    language: Language, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    told = answer(language, tmp_path)
    assert (told.status_code, told.json()["code"]) == (503, "WEB_UNAVAILABLE")
    assert SECRET_ADDRESS not in told.text
    assert SECRET_ADDRESS in caplog.text
