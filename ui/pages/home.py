"""The start page: MASTER, what waits for the night, how the last training went."""

import gradio as gr

from ui.desk import Desk, Reader
from ui.parts import html

REFRESH_SECONDS = 30
FILES_SHOWN = 5


def build(desk: Desk) -> None:
    """Add the page; it reads the overview when it loads and then by itself."""
    services = desk.services

    def show_status(reader: Reader) -> str:
        return reader.render(
            "status.html",
            overview=services.overview.read(),
            settings=services.settings,
            files_shown=FILES_SHOWN,
        )

    status = html("status")
    desk.fill(status, show_status, gr.Timer(REFRESH_SECONDS).tick)
