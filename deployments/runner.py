"""Serve the nightly deployment: ``python -m deployments.runner``.

For the one machine that runs everything: no other runner may serve beside it.
"""

from prefect import serve

from deployments.privacy import keep_files_private
from flows.control import reap
from flows.deployment import nightly_deployment
from flows.zombies import crash_silent_runs
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.logs import keep_logs
from tripadvance_core.settings import load_settings

POLL_SECONDS = 2


def main() -> None:
    """Mend what a dead runner left, then serve until stopped; one run at a time."""
    keep_files_private()
    settings = load_settings()
    with opened_services(settings) as services:
        keep_logs(settings, "runner")
        reap()
        crash_silent_runs()
        night = services.night_settings.current()
    serve(
        nightly_deployment(night, start_on_upload=settings.start_on_upload),
        pause_on_shutdown=False,  # a stop for the day must not cancel the night
        print_starting_message=False,
        limit=1,
        query_seconds=POLL_SECONDS,
    )


if __name__ == "__main__":
    main()
