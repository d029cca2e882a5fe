"""Uploads to Gradio: within limits, and each with its owner before its path is told."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.types import ASGIApp, Message, Send

from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused
from ui.bodies import limited, refuse_larger, uncompressed
from ui.files import Owners

MAX_UPLOAD_BYTES = 201 * 2**20
"""200 MB of files, all files of one request together, and the form around them."""
UPLOADS_AT_ONCE = 2

_TOO_LARGE = 413


class Uploads:
    """Lets uploads through to Gradio, and notes whose they are."""

    def __init__(self, app: ASGIApp, owners: Owners) -> None:
        self._app = app
        self._owners = owners
        self._under_way: Counter[str] = Counter()

    async def take(self, request: Request, user: User, send: Send) -> None:
        """Have Gradio take one request with files.

        Raises
        ------
        Refused
            ``WEB_TOO_LARGE``, ``WEB_UPLOADS_AT_ONCE``, or ``WEB_REQUEST_INVALID`` for
            what is no form with files.
        """
        refuse_larger(MAX_UPLOAD_BYTES, request)
        with self._one_more(user):
            receive = limited(request.receive, MAX_UPLOAD_BYTES)
            held: list[Message] = []

            async def hold(message: Message) -> None:
                held.append(message)

            await self._app(uncompressed(request.scope), receive, hold)
        self._claim(held, user)
        for message in held:
            await send(message)

    @contextmanager
    def _one_more(self, user: User) -> Iterator[None]:
        if self._under_way[user.id] >= UPLOADS_AT_ONCE:
            raise Refused("WEB_UPLOADS_AT_ONCE", limit=UPLOADS_AT_ONCE)
        self._under_way[user.id] += 1
        try:
            yield
        finally:
            self._under_way[user.id] -= 1

    def _claim(self, answer: list[Message], user: User) -> None:
        status = answer[0]["status"]
        if status == _TOO_LARGE:
            raise Refused("WEB_TOO_LARGE")
        if status != 200:
            raise Refused("WEB_REQUEST_INVALID")
        body = b"".join(message.get("body", b"") for message in answer)
        for path in json.loads(body):
            self._owners.claim(path, user.id)
