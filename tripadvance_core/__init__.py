"""The TripAdvance domain library: knows neither Prefect nor Gradio."""
