"""Rows that earlier files have are told; how often is counted as in training."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.entities import ColumnMapping
from tripadvance_core.services import overlap
from tripadvance_core.services.history import load_rows
from tripadvance_core.services.overlap import count_known
from tripadvance_core.tabular.joining import FareRows

PLAIN = ColumnMapping()
hashes = st.lists(st.integers(0, 5), max_size=12).map(
    lambda numbers: np.array(numbers, dtype=np.uint64)
)


def warnings_of(house: Any, content: bytes, name: str = "b.csv") -> set[str]:
    check = house.services.uploads.check(content, name, PLAIN, owner="ana")
    return {str(warning) for warning in check.fares.warnings}


def lines_of(content: bytes) -> tuple[bytes, list[bytes]]:
    header, *lines = content.splitlines()
    return header, lines


def test_rows_of_an_earlier_file_are_told(house: Any) -> None:
    content = house.make_fares(40, seed=1)
    house.upload(rows=40)
    header, lines = lines_of(content)
    half = b"\n".join([header, *lines[:20], *lines_of(house.make_fares(20, 7))[1]])
    assert "rows_known:20" in warnings_of(house, half)


def test_told_rows_are_those_that_add_nothing_to_training(house: Any) -> None:
    services = house.services
    house.upload(rows=40)
    header, lines = lines_of(house.make_fares(40, seed=1))
    more = b"\n".join([header, *lines[:10], *lines[:10], *lines[30:]])
    upload, _ = services.uploads.ingest(more, "b.csv", PLAIN, owner="ana")
    (told,) = [w for w in upload.warnings if w.startswith("rows_known")]
    both = [load_rows(services.objects, one) for one in services.uploads.all()]
    assert len(FareRows.distinct(both)) == 40 + upload.rows_kept - int(
        told.split(":")[1]
    )


def test_withdrawn_files_are_not_compared_with(house: Any) -> None:
    upload = house.upload(rows=40)
    house.services.uploads.withdraw(upload.id, by="ana", reason="wrong")
    header, lines = lines_of(house.make_fares(40, seed=1))
    again = b"\n".join([header, *lines[:39]])
    assert not any(w.startswith("rows_known") for w in warnings_of(house, again))


def test_file_is_not_compared_with_itself(house: Any) -> None:
    house.upload(rows=40)
    same = house.make_fares(40, seed=1)
    assert not any(w.startswith("rows_known") for w in warnings_of(house, same))


def test_files_that_could_not_be_compared_with_are_told(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = house.make_fares(40, seed=1)
    house.upload(rows=40)
    header, lines = lines_of(content)
    again = b"\n".join([header, *lines[:30]])
    monkeypatch.setattr(overlap, "FILES_LOOKED_AT", 1)
    assert "rows_known:30" in warnings_of(house, again)
    house.upload(rows=20)
    house.services.uploads.ingest(
        b"\n".join([header, *lines[:10]]), "c.csv", PLAIN, owner="ana"
    )
    assert "rows_known_at_least:10" in warnings_of(house, again)


def test_damaged_earlier_file_does_not_stop_a_new_one(house: Any) -> None:
    damaged = house.upload(rows=300)
    house.run()
    header, lines = lines_of(house.make_fares(300, seed=1))
    house.services.uploads.ingest(
        b"\n".join([header, *lines[:10]]), "c.csv", PLAIN, owner="ana"
    )
    house.services.objects.put(damaged.cleaned.key, b"damaged")
    again = b"\n".join([header, *lines[:30]])
    assert "rows_known_at_least:10" in warnings_of(house, again)


@given(hashes, st.lists(hashes, max_size=3))
def test_known_rows_are_counted_as_often_as_in_the_fullest_file(
    ours: Any, others: list[Any]
) -> None:
    expected = sum(
        min(
            int((ours == value).sum()),
            max((int((other == value).sum()) for other in others), default=0),
        )
        for value in np.unique(ours)
    )
    assert count_known(ours, others) == expected
