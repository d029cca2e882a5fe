"""The fields in which people change settings of the nights."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, get_args
from zoneinfo import available_timezones

import gradio as gr

from tripadvance_core import formats
from tripadvance_core.domain.night_settings import NightSettings
from tripadvance_core.errors import SettingRefused
from tripadvance_core.messages import Language
from tripadvance_core.settings import PromotionMetric
from ui.desk import Reader
from ui.labels import label

CHOICES: Final = {
    "time_zone": sorted(available_timezones()),
    "promotion_metric": list(get_args(PromotionMetric)),
}
_TEXTS: Final = {"window_start", "window_end", "cron"}


Group = tuple[str, Sequence[str]]
"""The code of a heading, and the names of the settings below it."""


class NightForm:
    """A field for each of some settings, by groups.

    ``inputs`` are in the order of ``names``.
    """

    def __init__(self, *groups: Group) -> None:
        self.names = [name for _, names in groups for name in names]
        self.inputs = list(_fields(groups))

    def values(self, texts: Sequence[Any], language: Language) -> dict[str, Any]:
        """Return the settings that the fields say; the service judges them."""
        return {
            name: text if name in _TEXTS or name in CHOICES else _number(text, language)
            for name, text in zip(self.names, texts, strict=True)
        }

    def shown(self, settings: NightSettings, language: Language) -> list[str]:
        """Return what the fields show of settings."""
        return [written(getattr(settings, name), language) for name in self.names]


def named(name: str) -> str:
    """Return the code of a setting's name."""
    return f"UI_NIGHT_{name.upper()}"


def written(value: Any, language: Language) -> str:
    """Write the value of a setting."""
    if isinstance(value, int | float):
        return formats.exact(value, language)
    return value if isinstance(value, str) else f"{value:%H:%M}"


def told(reader: Reader, refusal: SettingRefused) -> str:
    """Say which setting cannot be used, and why."""
    details = {
        name: written(value, reader.language) for name, value in refusal.details.items()
    }
    name = reader.say(named(refusal.details["setting"]))
    return f"{name}: {reader.say(refusal.code, **details)}"


def _fields(groups: Sequence[Group]) -> Iterator[Any]:
    for title, names in groups:
        gr.HTML(label(title), elem_classes="ta-heading")
        with gr.Row():
            for name in names:
                yield _field(name)


def _field(name: str) -> Any:
    code = named(name)
    labelled: dict[str, Any] = {
        "label": label(code),
        "info": label(f"{code}_INFO"),
        "elem_id": f"night-{name.replace('_', '-')}",
        "min_width": 240,
    }
    if name in CHOICES:
        return gr.Dropdown(choices=CHOICES[name], value=None, **labelled)
    return gr.Textbox(max_length=40, **labelled)


def _number(text: Any, language: Language) -> Any:
    """Return a number where it is one, else the text itself, to be refused."""
    number = formats.read_number(text or "", language)
    return text if number is None else number
