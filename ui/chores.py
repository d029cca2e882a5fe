"""What the web app does again and again while it serves."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tripadvance_core.errors import TripAdvanceError

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chore:
    """Some work, done at once and then after each pause, on a thread."""

    do: Callable[[], None]
    pause: timedelta


def doing(*chores: Chore) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return the lifespan of an application that does its chores all along."""

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(_all_along(chore)) for chore in chores]
        yield
        for task in tasks:
            task.cancel()

    return lifespan


async def _all_along(chore: Chore) -> None:
    while True:
        try:
            await asyncio.to_thread(chore.do)
        except TripAdvanceError as error:
            _LOG.warning("%s", error)  # the next time may do better
        await asyncio.sleep(chore.pause.total_seconds())
