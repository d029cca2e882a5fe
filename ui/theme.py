"""Gradio's own parts in the colours of ``static/app.css``, with local fonts only."""

import gradio as gr

_FONT = ["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONOSPACE = ["ui-monospace", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Return the theme of every Gradio page."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        font=_FONT,
        font_mono=_MONOSPACE,
    )
