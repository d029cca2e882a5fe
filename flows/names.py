"""What the flow, its deployment, its runs and our events are called in Prefect."""

FLOW = "nightly-training"
DEPLOYMENT = "nightly"
TAG = "tripadvance"
UPLOAD = "tripadvance.upload"
UPLOAD_PENDING = f"{UPLOAD}.pending"
MAY_START = "tripadvance.night.may-start"


def state_name(outcome: str) -> str:
    """Give an outcome of a run a state of its own in the Prefect UI: OutsideWindow."""
    return outcome.title().replace("_", "")
