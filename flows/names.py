"""What the flow, its deployment and its runs are called in Prefect."""

FLOW = "nightly-training"
DEPLOYMENT = "nightly"
TAG = "tripadvance"
