"""Serve the nightly deployment: ``python -m deployments.runner``."""

from prefect import serve

from flows.deployment import nightly_deployment
from tripadvance_core.settings import load_settings

POLL_SECONDS = 2


def main() -> None:
    """Serve until stopped; one run at a time in this process."""
    serve(
        nightly_deployment(load_settings()),
        pause_on_shutdown=False,  # a stop for the day must not cancel the night
        print_starting_message=False,
        limit=1,
        query_seconds=POLL_SECONDS,
    )


if __name__ == "__main__":
    main()
