"""What is remembered of an open page: its own values, and no more."""

import asyncio
import gc
import sys

import gradio as gr
import pytest

from ui.open_pages import OpenPages


class Shown:
    """Two components, and what is remembered of pages that show them."""

    def __init__(self) -> None:
        with gr.Blocks() as pages:
            self.text = gr.Textbox("asked")
            self.state = gr.State([1])
        self.pages = OpenPages()  # type: ignore[no-untyped-call]
        self.pages.set_blocks(pages)


@pytest.fixture(scope="module")
def shown() -> Shown:
    # Blocks leave event loops open, which else some later test would be told of.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "unraisablehook", lambda _: None)
        made = Shown()
        asyncio.set_event_loop(None)  # one of them is the thread's own
        gc.collect()
    return made


def test_no_component_is_described(shown: Shown) -> None:
    page = shown.pages["tab"]
    page._update_config(shown.text._id)
    page._update_value_in_config(shown.text._id, "answered")
    assert page.config_values == {}
    assert "tab" in shown.pages


def test_part_of_a_page_is_found(shown: Shown) -> None:
    assert shown.pages["tab"][shown.text._id] is shown.text


def test_each_page_has_values_of_its_own(shown: Shown) -> None:
    state = shown.state._id
    shown.pages["one"][state].append(2)
    assert shown.pages["one"][state] == [1, 2]
    assert shown.pages["other"][state] == [1]
