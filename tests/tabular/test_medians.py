"""Medians of groups: what pandas finds, however many values are sorted at once."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.tabular import medians
from tripadvance_core.tabular.medians import group_medians

VALUES = st.lists(
    st.tuples(st.integers(0, 6), st.floats(-1e6, 1e6) | st.just(float("nan"))),
    max_size=60,
)


@given(VALUES)
def test_medians_are_those_of_each_group(values: list[tuple[int, float]]) -> None:
    table = pd.DataFrame(values, columns=["group", "value"])
    groups, numbers = (table[name].to_numpy() for name in table)
    expected = table.astype(float).groupby("group")["value"].median().reindex(range(7))
    with pytest.MonkeyPatch.context() as patch:
        for at_once in (1_000, 5):
            patch.setattr(medians, "_VALUES_AT_ONCE", at_once)
            found = group_medians(groups.astype(int), numbers.astype(float), 7)
            np.testing.assert_array_equal(found, expected)
