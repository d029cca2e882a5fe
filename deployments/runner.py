"""Serve the nightly deployment: ``python -m deployments.runner``.

For the one machine that runs everything: no other runner may serve beside it.
"""

import os

from prefect import serve

from flows.control import reap
from flows.deployment import nightly_deployment
from tripadvance_core.bootstrap import opened_services
from tripadvance_core.logs import keep_logs
from tripadvance_core.settings import load_settings

POLL_SECONDS = 2


def main() -> None:
    """Mend what a dead runner left, then serve until stopped; one run at a time."""
    os.umask(0o077)  # what is written, by the runs too, is for its owner alone
    settings = load_settings()
    with opened_services(settings) as services:
        keep_logs(settings, "runner")
        reap()
        night = services.night_settings.current()
    serve(
        nightly_deployment(night),
        pause_on_shutdown=False,  # a stop for the day must not cancel the night
        print_starting_message=False,
        limit=1,
        query_seconds=POLL_SECONDS,
    )


if __name__ == "__main__":
    main()
