"""The status page: MASTER, what waits for the night, how the last training went."""

from typing import Any

import gradio as gr

from tripadvance_core.bootstrap import Services
from ui.rendering import Words, chosen_language, render

REFRESH_SECONDS = 30
FILES_SHOWN = 5

# Private, else a handler is an API endpoint of its own.
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


def build(services: Services) -> gr.Blocks:
    """Return the page; it reads the overview when it loads and then by itself."""
    settings = services.settings

    def words_for(request: gr.Request) -> Words:
        language = chosen_language(request.cookies, settings.language)
        return Words(language, settings.zone)

    def show_header(request: gr.Request) -> str:
        return render("header.html", words_for(request), user=request.username)

    def show_status(request: gr.Request) -> str:
        return render(
            "status.html",
            words_for(request),
            overview=services.overview.read(),
            settings=settings,
            files_shown=FILES_SHOWN,
        )

    def show_failure(request: gr.Request) -> str:
        return render("failure.html", words_for(request))

    page = gr.Blocks(title="TripAdvance", analytics_enabled=False)
    with page:
        header, status = _html("header"), _html("status")
        timer = gr.Timer(REFRESH_SECONDS)
        page.load(show_header, outputs=header, **_QUIET)
        shown = gr.on([page.load, timer.tick], show_status, outputs=status, **_QUIET)
        shown.failure(show_failure, outputs=status, **_QUIET)
    return page


def _html(name: str) -> gr.HTML:
    return gr.HTML(elem_id=name, js_on_load=None, apply_default_css=False)
