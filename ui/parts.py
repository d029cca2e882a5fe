"""Parts that several pages are made of."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from tripadvance_core.domain.users import Role
from tripadvance_core.errors import Refused
from ui.desk import Desk, Reader
from ui.labels import label
from ui.places import Place


def html(name: str, *, waits: bool = True) -> gr.HTML:
    """Return a place for HTML that a handler renders.

    Parameters
    ----------
    waits
        Whether it is filled when the page opens, and says so until then.
    """
    return gr.HTML(
        label("UI_LOADING") if waits else "",
        elem_id=name,
        elem_classes="ta-loading",
        js_on_load=None,
        apply_default_css=False,
    )


class Confirmation:
    """Asks for a reason and for certainty before something is done.

    ``done`` is the event after which the deed is done, which takes the reader, the
    reason and the values of ``inputs``.
    """

    def __init__(
        self,
        desk: Desk,
        button: gr.Button,
        question: str,
        deed: Callable[..., None],
        least: Role,
        *inputs: Any,
    ) -> None:
        name = button.elem_id
        with gr.Group(visible=False, elem_id=f"{name}-sure") as asking:
            gr.HTML(label(question), elem_classes="ta-heading")
            reason = gr.Textbox(
                label=label("UI_REASON"),
                info=label("UI_REASON_INFO"),
                max_length=500,
                elem_id=f"{name}-reason",
            )
            with gr.Row():
                no = gr.Button(label("UI_CANCEL"), elem_id=f"{name}-no")
                yes = gr.Button(
                    label("UI_CONFIRM"), variant="stop", elem_id=f"{name}-yes"
                )

        def ask(_reader: Reader) -> gr.Group:
            return gr.Group(visible=True)

        def leave(_reader: Reader) -> list[Any]:
            return [gr.Group(visible=False), ""]

        def act(reader: Reader, reason: str, *values: Any) -> list[Any]:
            if not reason.strip():
                raise Refused("REASON_REQUIRED")
            deed(reader, reason.strip(), *values)
            return leave(reader)

        desk.on(button.click, ask, None, asking, least=least)
        desk.on(no.click, leave, None, [asking, reason], least=least)
        given = [reason, *inputs]
        acted = desk.on(yes.click, act, given, [asking, reason], least=least)
        self.done = acted.success


def then_open(event: Any, place: Place) -> None:
    """Have the browser open a page after an event of Gradio's."""
    # Gradio ends its stream in the same breath, and would complain.
    script = f"() => {{ setTimeout(() => location.assign('{place.path}')) }}"
    event(None, None, None, js=script, api_visibility="private")


class Chart:
    """A place for a figure under its heading, and for its numbers as a table.

    It is hidden until it is shown; ``outputs`` are what a handler fills with the values
    that ``shown`` or ``hidden`` return.
    """

    def __init__(self, name: str, code: str) -> None:
        with gr.Column(visible=False, min_width=340) as column:
            place = plot(name, code)
            numbers = html(f"{name}-numbers", waits=False)
        self.outputs = [column, place, numbers]

    @staticmethod
    def shown(figure: Any, numbers: str) -> list[Any]:
        """Return the values that show a figure with the HTML of its numbers."""
        return [gr.Column(visible=True), figure, numbers]

    @staticmethod
    def hidden() -> list[Any]:
        """Return the values that leave it as it was when the page opened."""
        return [gr.skip()] * 3


def plot(name: str, code: str) -> gr.Plot:
    """Return an empty place for a figure under a heading of the catalogue."""
    gr.HTML(label(code), elem_classes="ta-heading", apply_default_css=False)
    return gr.Plot(show_label=False, elem_id=name)
