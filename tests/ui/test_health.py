"""Ready is who can serve: the process and all that it stands on."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tripadvance_core.errors import Unavailable
from tripadvance_core.storage.folder import FolderStore
from tripadvance_core.storage.sqlite import SqliteDatabase
from ui import health
from ui.health import Readiness


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Any]:
    database = SqliteDatabase(tmp_path / "x.db")
    yield SimpleNamespace(database=database, objects=FolderStore(tmp_path / "objects"))
    database.close()


def ask(services: Any, path: str = "/readyz") -> httpx.Response:
    app = FastAPI()
    app.include_router(health.routes(services))

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.get(f"http://test{path}")

    return asyncio.run(get())


def fails(address: str) -> Any:
    def ping() -> None:
        raise Unavailable("DATABASE_UNAVAILABLE", address=address, problem="refused")

    return SimpleNamespace(ping=ping)


def test_ready_when_database_and_objects_answer(services: Any, tmp_path: Path) -> None:
    answer = ask(services)
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert list((tmp_path / "objects").iterdir()) == []


def test_not_ready_without_the_database_which_is_named_by_its_code_alone(
    services: Any,
) -> None:
    services.database = fails("mongodb.internal.example")
    answer = ask(services)
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "code": "DATABASE_UNAVAILABLE"}
    assert ask(services, "/healthz").status_code == 200


def test_not_ready_without_the_objects(services: Any, tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"no folder")
    answer = ask(services)
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "code": "OBJECTS_UNAVAILABLE"}


def test_part_that_hangs_is_not_waited_for_and_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(health, "KNOWN_FOR_SECONDS", 0)
    release, asked = threading.Event(), []

    def hangs() -> None:
        asked.append(None)
        release.wait(30)

    async def ask_thrice() -> list[str | None]:
        readiness = Readiness({"DATABASE_UNAVAILABLE": hangs})
        problems = [await readiness.problem() for _ in range(3)]
        release.set()
        monkeypatch.setattr(health, "PATIENCE_SECONDS", 30)
        return [*problems, await readiness.problem()]

    *before, after = asyncio.run(ask_thrice())
    assert before == ["DATABASE_UNAVAILABLE"] * 3
    assert after is None
    assert len(asked) == 1


def test_answer_holds_for_a_while_however_many_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "KNOWN_FOR_SECONDS", 600)
    asked: list[None] = []

    async def ask_many() -> list[str | None]:
        readiness = Readiness({"DATABASE_UNAVAILABLE": lambda: asked.append(None)})
        return await asyncio.gather(*(readiness.problem() for _ in range(50)))

    assert asyncio.run(ask_many()) == [None] * 50
    assert len(asked) == 1
