"""Work on passwords, which is slow on purpose, beside everything else.

It has threads of its own, no more than there are cores, so that many who sign in at
once keep nobody else waiting.
"""

import os
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from tripadvance_core.errors import Refused

MAX_WAITING = 200

_THREADS = anyio.CapacityLimiter(os.cpu_count() or 1)

T = TypeVar("T")


async def slowly(work: Callable[[], T]) -> T:
    """Do some work when its turn comes; ``Refused`` (``WEB_BUSY``) if too many wait."""
    if _THREADS.statistics().tasks_waiting >= MAX_WAITING:
        raise Refused("WEB_BUSY")
    return await run_sync(work, limiter=_THREADS)
