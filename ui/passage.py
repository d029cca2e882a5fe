"""How requests pass on to Gradio: looked through, within limits, to their owners only."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Send

from tripadvance_core.domain.users import User
from tripadvance_core.errors import Refused
from ui.bodies import body_within, files_may_be_had, json_object, replaying
from ui.files import Owners
from ui.streams import ending_with
from ui.upload_route import Uploads

MAX_FORM_BYTES = 64 * 1024
MAX_EVENT_BYTES = 8 * 2**20
MAX_TABS = 100_000


class Passage:
    """Lets requests of one user through; what is another's is ``WEB_NOT_FOUND``."""

    def __init__(self, app: ASGIApp, owners: Owners) -> None:
        self._app = app
        self._owners = owners
        self._tabs = _Tabs()
        self._uploads = Uploads(app, owners)

    async def form(self, request: Request, send: Send) -> None:
        """Pass on what is small, and nobody's in particular."""
        body = await body_within(MAX_FORM_BYTES, request)
        await self._app(request.scope, replaying(body, request.receive), send)

    async def look_through(
        self, request: Request, user: User
    ) -> tuple[dict[str, Any], bytes]:
        """Return the event that a request holds, and its body, to be passed on then."""
        body = await body_within(MAX_EVENT_BYTES, request)
        event = await run_in_threadpool(json_object, body)
        self._tabs.check(event.get("session_hash"), user)
        if not await run_in_threadpool(self._has_all_files, event, user):
            raise Refused("WEB_NOT_FOUND")
        return event, body

    async def event(self, body: bytes, request: Request, send: Send) -> None:
        """Pass an event on to its handler, once it was looked through."""
        await self._app(request.scope, replaying(body, request.receive), send)

    async def upload(self, request: Request, user: User, send: Send) -> None:
        """Pass files on; how far they are is told under an id, as on an open page."""
        self._tabs.check(request.query_params.get("upload_id"), user)
        await self._uploads.take(request, user, send)

    async def file(self, path: str, request: Request, user: User, send: Send) -> None:
        """Serve a file."""
        if not await run_in_threadpool(self._owners.may_have, path, user.id):
            raise Refused("WEB_NOT_FOUND")
        await self.form(request, send)

    async def stream(
        self,
        tab: str | None,
        is_signed_in: Callable[[], Awaitable[bool]],
        request: Request,
        user: User,
        send: Send,
    ) -> None:
        """Serve what happens on an open page, until its user is signed out."""
        self._tabs.check(tab, user)
        scope, receive = request.scope, request.receive
        await ending_with(is_signed_in, self._app, scope, receive, send)

    def _has_all_files(self, event: dict[str, Any], user: User) -> bool:
        return files_may_be_had(
            event, lambda path: self._owners.may_have(path, user.id)
        )


class _Tabs:
    """Knows whose each open page is, by the name that Gradio's front end gave it.

    The name is short and made in the browser, but whoever knows it reads the answers.
    """

    def __init__(self) -> None:
        self._users: OrderedDict[str, str] = OrderedDict()

    def check(self, tab: Any, user: User) -> None:
        """Give the page to its first user; ``WEB_NOT_FOUND`` if it is another's."""
        if tab is None:
            return
        if not isinstance(tab, str):
            raise Refused("WEB_REQUEST_INVALID")
        if self._users.setdefault(tab, user.id) != user.id:
            raise Refused("WEB_NOT_FOUND")
        self._users.move_to_end(tab)
        if len(self._users) > MAX_TABS:
            self._users.popitem(last=False)
