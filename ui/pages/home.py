"""The status page: MASTER, what waits for the night, how the last training went."""

import gradio as gr

from tripadvance_core.bootstrap import Services
from tripadvance_core.services.overview import Overview
from tripadvance_core.settings import Settings
from ui.rendering import Words, chosen_language, render

REFRESH_SECONDS = 30
FILES_SHOWN = 5


def build(services: Services) -> gr.Blocks:
    """Return the page; it reads the overview when it loads and then by itself."""
    settings = services.settings

    def words_for(request: gr.Request) -> Words:
        language = chosen_language(request.cookies, settings.language)
        return Words(language, settings.zone)

    def show_header(request: gr.Request) -> str:
        return render("header.html", words_for(request), user=request.username)

    def show_status(request: gr.Request) -> str:
        return status_html(services.overview.read(), settings, words_for(request))

    def show_failure(request: gr.Request) -> str:
        return render("failure.html", words_for(request))

    page = gr.Blocks(title="TripAdvance", analytics_enabled=False)
    with page:
        header, status = _html("header"), _html("status")
        timer = gr.Timer(REFRESH_SECONDS)
        # Private: else each handler is an API endpoint of its own.
        page.load(
            show_header,
            outputs=header,
            api_visibility="private",
            show_progress="hidden",
        )
        shown = gr.on(
            [page.load, timer.tick],
            show_status,
            outputs=status,
            api_visibility="private",
            show_progress="hidden",
        )
        shown.failure(
            show_failure,
            outputs=status,
            api_visibility="private",
            show_progress="hidden",
        )
    return page


def _html(name: str) -> gr.HTML:
    return gr.HTML(elem_id=name, js_on_load=None, apply_default_css=False)


def status_html(overview: Overview, settings: Settings, words: Words) -> str:
    """Return the body of the page."""
    return render(
        "status.html",
        words,
        overview=overview,
        settings=settings,
        files_shown=FILES_SHOWN,
    )
