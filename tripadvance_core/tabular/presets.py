"""Files of a known kind, told by their headers: nobody has to map them."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.texts import fold


@dataclass(frozen=True)
class Preset:
    """A kind of file.

    ``headers`` has, for each form of its header, the header of each canonical column;
    ``currency`` is that of its prices (ISO 4217), ``may_lack`` the compulsory columns
    that it does without.
    """

    name: str
    currency: str
    may_lack: frozenset[str]
    headers: tuple[dict[str, str], ...]

    def mapping(
        self, texts: Sequence[str], declared: ColumnMapping
    ) -> ColumnMapping | None:
        """Return how a header is to be read; None where it is not of this kind.

        What the owner has declared goes before what the preset says.
        """
        found = {fold(text) for text in texts}
        for headers in self.headers:
            if found.issuperset(map(fold, headers.values())):
                return declared.model_copy(
                    update={
                        "headers": headers | declared.headers,
                        "currency": declared.currency or self.currency,
                    }
                )
        return None


@cache
def presets() -> tuple[Preset, ...]:
    """Return every preset of the table beside this module."""
    table = files("tripadvance_core.tabular").joinpath("tables", "presets.toml")
    return tuple(
        Preset(
            name=preset["name"],
            currency=preset["currency"],
            may_lack=frozenset(preset["may_lack"]),
            headers=tuple(preset["headers"]),
        )
        for preset in tomllib.loads(table.read_text(encoding="utf-8"))["preset"]
    )
