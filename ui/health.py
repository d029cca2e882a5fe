"""Whether this process, and what it stands on, can serve; asked by those who watch."""

import asyncio
import logging
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tripadvance_core.bootstrap import Services
from tripadvance_core.storage.objects import ObjectStore

PATIENCE_SECONDS = 2.0
"""How long database and object store may take to answer."""
KNOWN_FOR_SECONDS = 1.0
"""How long an answer holds, so that nobody can keep them busy by asking."""

_PROBE = "ready"
_LOG = logging.getLogger(__name__)


def routes(services: Services) -> APIRouter:
    """Return ``/healthz`` (the process answers) and ``/readyz`` (so does its storage).

    Where a part does not answer, its code is all that is told.
    """
    router = APIRouter()
    readiness = Readiness(
        {
            "DATABASE_UNAVAILABLE": services.database.ping,
            "OBJECTS_UNAVAILABLE": lambda: _write_and_delete(services.objects),
        }
    )

    @router.get("/healthz")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        code = await readiness.problem()
        if code is None:
            return JSONResponse({"ok": True})
        return JSONResponse({"ok": False, "code": code}, 503)

    return router


class Readiness:
    """Asks each part, by the code of what is wrong if it does not answer.

    A question that is still open is waited for once more and not asked again, so that
    no number of them holds up the threads of the process.
    """

    def __init__(self, parts: dict[str, Callable[[], None]]) -> None:
        self._parts = parts
        self._open: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._answered_at: float | None = None
        self._problem: str | None = None

    async def problem(self) -> str | None:
        """Return the code of the first part that does not answer, None if all do."""
        async with self._one_at_a_time:
            now = asyncio.get_running_loop().time
            at = self._answered_at
            if at is None or now() - at >= KNOWN_FOR_SECONDS:
                former, self._problem = self._problem, await self._ask()
                self._answered_at = now()
                if self._problem != former:
                    _LOG.warning("readiness: %s", self._problem or "all answer")
            return self._problem

    async def _ask(self) -> str | None:
        for code, ask in self._parts.items():
            if code not in self._open:
                self._open[code] = asyncio.create_task(asyncio.to_thread(ask))
        done, _ = await asyncio.wait(self._open.values(), timeout=PATIENCE_SECONDS)
        problem = None
        for code, task in list(self._open.items()):
            if task in done:
                del self._open[code]
            if task not in done or task.exception() is not None:
                problem = problem or code
        return problem


def _write_and_delete(objects: ObjectStore) -> None:
    objects.put(_PROBE, b"can be written")
    objects.delete(_PROBE)
