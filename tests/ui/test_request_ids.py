"""A request has a name of its own, in its answer and in the log."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

from tripadvance_core.logs import for_programs
from ui.request_ids import RequestIds


@pytest.fixture
def app() -> Any:
    app = FastAPI()
    app.add_middleware(RequestIds)

    @app.get("/logs")
    async def logs() -> None:
        await run_in_threadpool(logging.getLogger("ui.test").warning, "heard")

    return app


def ask(app: Any, times: int, **headers: str) -> list[str]:
    async def get() -> list[str]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://test"
        ) as client:
            tasks = [client.get("/logs", headers=headers) for _ in range(times)]
            answers = await asyncio.gather(*map(asyncio.create_task, tasks))
            return [answer.headers["x-request-id"] for answer in answers]

    return asyncio.run(get())


def test_each_request_has_a_name_that_no_client_chooses(app: Any) -> None:
    names = ask(app, 5, **{"x-request-id": "chosen"})
    assert len(set(names)) == 5
    assert "chosen" not in names


def test_what_a_request_logs_bears_its_name(app: Any) -> None:
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    kept = for_programs(Kept())
    logging.getLogger("ui.test").addHandler(kept)
    try:
        names = ask(app, 3)
    finally:
        logging.getLogger("ui.test").removeHandler(kept)
    assert sorted(record.request_id for record in records) == sorted(names)  # type: ignore[attr-defined]
