"""The start page: MASTER, what waits for the night, how the last training went."""

import gradio as gr

from tripadvance_core.bootstrap import Services
from tripadvance_core.domain.users import Role
from ui.desk import Desk, Reader
from ui.parts import html

REFRESH_SECONDS = 30
FILES_SHOWN = 5


def build(desk: Desk) -> None:
    """Add the page; it reads the overview when it loads and then by itself."""
    services = desk.services

    def show_status(reader: Reader) -> str:
        night = services.night_settings.current()
        (next_start,) = night.starts_after(services.clock(), 1)
        return reader.render(
            "status.html",
            overview=services.overview.read(),
            night=night,
            next_start=next_start,
            settings=services.settings,
            files_shown=FILES_SHOWN,
            alone=reader.may(Role.ADMINISTRATOR) and _is_alone(services),
        )

    status = html("status")
    desk.fill(status, show_status, gr.Timer(REFRESH_SECONDS).tick)


def _is_alone(services: Services) -> bool:
    """Tell whether nobody but the first administrator was let in yet."""
    administration = services.administration
    alone = administration.users(1, 1).total < 2
    return alone and not administration.invitations()
