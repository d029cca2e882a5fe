"""What would run in a spreadsheet program is text there, and itself again here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.tabular.formulas import as_inert_text, from_inert_text

starts = st.sampled_from(["", "'", "''", " ", "=", "+", "-", "@", "\t", "＝", "x"])


@given(st.lists(starts, max_size=4).map("".join), st.text(max_size=5))
def test_text_is_read_back_as_it_was(start: str, rest: str) -> None:
    assert from_inert_text(as_inert_text(start + rest)) == start + rest


@pytest.mark.parametrize("text", ["=1+1", " =1", "+x", "@x", "\tx", "＝1", "'=1"])
def test_what_would_run_begins_with_an_apostrophe(text: str) -> None:
    assert as_inert_text(text) == "'" + text


@pytest.mark.parametrize("text", ["-1.5", "+5", "-91,2", "Recife", "'tis", "a=b", ""])
def test_numbers_and_plain_text_stand_as_they_are(text: str) -> None:
    assert as_inert_text(text) == text
    assert from_inert_text(text) == text
