"""What the web app does all along goes on, whatever it meets."""

import asyncio
from datetime import timedelta

from tripadvance_core.errors import Unavailable
from ui.chores import Chore, doing


def test_chore_goes_on_after_an_outage() -> None:
    calls = []

    async def serve() -> None:
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            calls.append(len(calls))
            if len(calls) == 1:
                raise Unavailable("DATABASE_UNAVAILABLE", address="x", problem="y")
            loop.call_soon_threadsafe(done.set)

        async with doing(Chore(work, timedelta(milliseconds=1)))(None):
            await asyncio.wait_for(done.wait(), 20)

    asyncio.run(serve())
    assert len(calls) >= 2


def test_chores_end_with_the_application() -> None:
    async def serve() -> int:
        async with doing(Chore(lambda: None, timedelta(hours=1)))(None):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(serve()) == 1
