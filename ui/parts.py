"""Parts that several pages are made of."""

import gradio as gr

from ui.labels import label


def html(name: str) -> gr.HTML:
    """Return an empty place for HTML that a handler renders."""
    return gr.HTML(elem_id=name, js_on_load=None, apply_default_css=False)


def plot(name: str, code: str) -> gr.Plot:
    """Return an empty place for a figure under a heading of the catalogue."""
    gr.HTML(label(code), elem_classes="ta-heading", apply_default_css=False)
    return gr.Plot(show_label=False, elem_id=name)
