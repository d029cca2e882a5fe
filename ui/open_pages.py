"""What Gradio remembers of each open page."""

from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from gradio.blocks import Blocks
from gradio.routes import App
from gradio.state_holder import SessionState, StateHolder
from starlette.routing import Mount


class _Undescribed(SessionState):
    """Remembers the values of an open page, and describes none of its components."""

    def __init__(self, blocks: Blocks) -> None:
        bare = SimpleNamespace(default_config=blocks.default_config, blocks={})
        super().__init__(cast(Blocks, bare))

    def _update_config(self, key: int) -> None:
        """Leave out what only a deep link would tell."""

    def _update_value_in_config(self, key: int, value: Any) -> None:
        """Leave that out too."""


class OpenPages(StateHolder):
    """Remembers little of each open page.

    Gradio's own would describe every component of all pages anew for each page that
    somebody opens. That took half of the processor time of a page, and is read only
    where one's page is shared by a deep link, which is not offered here.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        """Return what is remembered of a page, or begin with it."""
        if session_id not in self.session_data:
            self.session_data[session_id] = _Undescribed(self.blocks)
        return super().__getitem__(session_id)


def remember_less(app: FastAPI, pages: Blocks) -> None:
    """Put ``OpenPages`` in the place of what Gradio came with."""
    mounted = next(
        route.app
        for route in app.routes
        if isinstance(route, Mount) and isinstance(route.app, App)
    )
    mounted.state_holder = OpenPages()  # type: ignore[no-untyped-call]
    mounted.state_holder.set_blocks(pages)
