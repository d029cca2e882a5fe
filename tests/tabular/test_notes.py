"""Notes and refusals are stored as codes and spoken as sentences."""

import pytest

from tripadvance_core.messages import LANGUAGES, Language
from tripadvance_core.tabular.notes import Note


@pytest.mark.parametrize("note", [Note("duplicate_rows", 3), Note("unnamed_column")])
def test_note_is_read_back_from_its_text(note: Note) -> None:
    assert Note.parse(str(note)) == note


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "text",
    [
        "duplicate_rows:3",
        "durations_maybe_hours",
        "hidden_rows:2",
        "hidden_sheets:1",
        "replacement_characters",
        "unnamed_column",
    ],
)
def test_note_has_a_sentence(text: str, language: Language) -> None:
    sentence = Note.parse(text).sentence(language)
    assert text.partition(":")[2] in sentence
    assert "{" not in sentence
