"""Answers that go on for as long as a page is open, and end with its session."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

CHECK_SECONDS = 5.0
"""How long a stream may outlive its session."""


async def ending_with(
    is_signed_in: Callable[[], Awaitable[bool]],
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Let the application answer until it is done or nobody is signed in any more."""
    last: Message = {}

    async def noting(message: Message) -> None:
        nonlocal last
        last = message
        await send(message)

    async def sign_out() -> None:
        while await is_signed_in():
            await asyncio.sleep(CHECK_SECONDS)

    tasks = [
        asyncio.ensure_future(app(scope, receive, noting)),
        asyncio.ensure_future(sign_out()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    if last and (last["type"] == "http.response.start" or last.get("more_body")):
        await send({"type": "http.response.body", "body": b""})
