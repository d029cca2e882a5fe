"""What is said about a table: why rows were refused, and what is worth knowing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tripadvance_core.messages import Language, sentence


@dataclass(frozen=True)
class RefusedRow:
    """A row that cannot be used, and why.

    ``row`` is the row of the sheet; ``column`` is canonical, None where the row as a
    whole is at fault; ``code`` is a message code and ``details`` are its values;
    ``sheet`` is None where only one sheet was read.
    """

    row: int
    column: str | None
    code: str
    details: Mapping[str, Any]
    sheet: str | None = None

    def sentence(self, language: Language) -> str:
        """Say what is wrong and what to do about it."""
        return sentence(self.code, language, **self.details)


@dataclass(frozen=True)
class Note:
    """Something about a file that is kept all the same; ``count`` where there is one.

    >>> str(Note("duplicate_rows", 3))
    'duplicate_rows:3'
    """

    code: str
    count: int | None = None

    def __str__(self) -> str:
        return self.code if self.count is None else f"{self.code}:{self.count}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note back from its text."""
        code, _, count = text.partition(":")
        return cls(code, int(count) if count else None)

    def sentence(self, language: Language) -> str:
        """Say what was noticed and what to do about it."""
        return sentence(self.code.upper(), language, count=self.count)
