"""Files of a known kind are told by their headers; what the owner says goes before."""

import pytest

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.tabular.columns import CORE, OPTIONAL
from tripadvance_core.tabular.presets import Preset, presets

PLAIN = ColumnMapping()


def anac() -> Preset:
    return next(preset for preset in presets() if preset.name == "anac")


@pytest.mark.parametrize("headers", anac().headers)
def test_each_header_of_a_kind_is_known_in_any_case_and_order(
    headers: dict[str, str],
) -> None:
    texts = ["beside", *(text.swapcase() for text in reversed(headers.values()))]
    mapping = anac().mapping(texts, PLAIN)
    assert mapping is not None
    assert (mapping.headers, mapping.currency) == (headers, "BRL")


def test_header_that_lacks_one_column_is_of_another_kind() -> None:
    texts = list(anac().headers[0].values())
    assert anac().mapping(texts[:-1], PLAIN) is None


def test_owner_is_believed_before_the_preset() -> None:
    declared = ColumnMapping(headers={"price": "beside"}, currency="USD")
    texts = ["beside", *anac().headers[0].values()]
    mapping = anac().mapping(texts, declared)
    assert mapping is not None
    assert (mapping.headers["price"], mapping.currency) == ("beside", "USD")


def test_presets_name_columns_of_ours() -> None:
    for preset in presets():
        named = {name for headers in preset.headers for name in headers}
        assert named | preset.may_lack <= {*CORE, *OPTIONAL}
