"""What the flow, its deployment and its runs are called in Prefect."""

FLOW = "nightly-training"
DEPLOYMENT = "nightly"
TAG = "tripadvance"


def state_name(outcome: str) -> str:
    """Give an outcome of a run a state of its own in the Prefect UI: OutsideWindow."""
    return outcome.title().replace("_", "")
