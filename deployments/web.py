"""Serve the web app: ``python -m deployments.web``."""

import gc
import os
import sys

import uvicorn

from deployments.prefect_environment import announcer, lead_to_server
from deployments.privacy import keep_files_private
from flows.scheduler import PrefectScheduler
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.logs import keep_logs
from tripadvance_core.settings import Settings, load_settings
from ui.files import gradio_folder

GRACE_SECONDS = 2
"""How long unfinished requests may go on after SIGTERM."""


def main() -> None:
    """Serve until stopped; exit 1 with a sentence if it cannot start."""
    keep_files_private()
    try:
        _serve(load_settings())
    except TripAdvanceError as error:
        sys.exit(str(error))


def _serve(settings: Settings) -> None:
    _prepare_gradio(settings)
    lead_to_server(settings)
    from ui.app import create_app  # after its environment is set

    with opened_services(settings, announcer=announcer(settings)) as services:
        keep_logs(settings, "web")
        app = create_app(services, PrefectScheduler())
        gc.freeze()  # else each full collection goes through all that was imported
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.web_port,
            log_config=None,  # its loggers hand on to those that are kept
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )


def _prepare_gradio(settings: Settings) -> None:
    """Keep Gradio's files in the data folder, and Gradio from calling anybody.

    Also from counting over all its last 10,000 events after each of them.
    """
    os.environ |= {
        "GRADIO_TEMP_DIR": str(gradio_folder(settings)),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(sys.maxsize),
        "GRADIO_ANALYTICS_MAX_EVENTS": "1",
        "HF_HUB_OFFLINE": "1",
    }


if __name__ == "__main__":
    main()
