"""What the command prints: sentences and tables for people, or one JSON document."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape
from rich.table import Table

from tripadvance_core import formats
from tripadvance_core.errors import TripAdvanceError
from tripadvance_core.messages import catalogue, sentence
from tripadvance_core.settings import Settings


class Console:
    """Prints in the settings' language; in JSON mode only documents reach stdout."""

    def __init__(self, settings: Settings, *, as_json: bool = False) -> None:
        self.language = settings.language
        self.as_json = as_json
        self._zone = settings.zone
        self._out = Terminal(highlight=False, soft_wrap=True)

    def sentence(self, code: str, **details: Any) -> str:
        """Return one sentence of the catalogue in the user's language."""
        return sentence(code, self.language, **details)

    def say(self, code: str, **details: Any) -> None:
        """Print one sentence of the catalogue."""
        self.line(self.sentence(code, **details))

    def line(self, text: str = "") -> None:
        """Print a line as it stands, unless the output is JSON."""
        if not self.as_json:
            self._out.print(text, markup=False)

    def document(self, document: Any) -> None:
        """Print a JSON document on one line, if the output is JSON."""
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False))  # noqa: T201

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Print labels with their values."""
        self.table((), facts)

    def table(self, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print rows under header codes; without a header only the rows."""
        if self.as_json:
            return
        titles = [self.sentence(code) for code in header]
        table = Table(show_header=bool(titles), box=None, pad_edge=False)
        for title in titles:
            longest_word = max(map(len, title.split()))
            table.add_column(title, overflow="fold", min_width=longest_word)
        for row in rows:
            table.add_row(*map(escape, row))
        self._out.print(table)

    def moment(self, moment: datetime) -> str:
        """Write a moment for people."""
        return formats.datetime(moment, self._zone, self.language)

    def error(self, error: TripAdvanceError) -> None:
        """Print what went wrong: a document in JSON mode, else a line on stderr."""
        text = explain(error, self)
        self.document({"error": {"code": error.code, "message": text}})
        if not self.as_json:
            Terminal(stderr=True, highlight=False, soft_wrap=True).print(
                f"{text} [{error.code}]", markup=False
            )


def explain(error: TripAdvanceError, console: Console) -> str:
    """Say an error in the user's language, its moments in the user's time zone.

    Where an option of the command answers what a file leaves open, it is named.
    """
    details = {
        name: console.moment(value) if isinstance(value, datetime) else value
        for name, value in error.details.items()
    }
    said = console.sentence(error.code, **details)
    option = f"OPTION_{error.code}"
    if option in catalogue(console.language):
        return f"{said} {console.sentence(option)}"
    return said
