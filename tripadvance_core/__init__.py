"""The TripAdvance domain library: knows neither Prefect nor Gradio."""

import os

# Read when NumPy is first imported. Our products of matrices are small: more threads
# spend most of their time waiting for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
