"""A name for each request, in its answer and in all that is logged because of it."""

import secrets
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tripadvance_core.logs import keep_ids

HEADER = "x-request-id"


class RequestIds:
    """Names every request anew; a name that a client brings along is not believed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request as an ASGI application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        keep_ids(request_id=request_id)  # the server has a task for each request

        async def naming(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self._app(scope, receive, naming)


def ids_of(request: Any) -> dict[str, str]:
    """Return what to log with what an event of Gradio's has caused.

    Its queue works in tasks that are older than the request.
    """
    state = getattr(getattr(request, "request", None), "state", None)
    request_id = getattr(state, "request_id", None)
    return {} if request_id is None else {"request_id": request_id}
