"""Texts of Gradio's components, translated in the browser by its own catalogue."""

import gradio as gr
from gradio.i18n import I18nData

from tripadvance_core.messages import LANGUAGES, catalogue

LABELS = "UI_"
"""How codes begin that name a component; their sentences have no places to fill."""


def label(code: str) -> I18nData:
    """Return the text of a component, in the language of whoever opens the page."""
    return I18nData(code)


def labels() -> gr.I18n:
    """Return every label in every language, for Gradio to choose from."""
    return gr.I18n(
        **{
            language: {
                code: text
                for code, text in catalogue(language).items()
                if code.startswith(LABELS)
            }
            for language in LANGUAGES
        }
    )
