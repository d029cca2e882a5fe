from datetime import UTC, datetime

import pytest

from tripadvance_core.domain.entities import MasterPointer
from tripadvance_core.errors import AlreadyExists, NotFound
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repository

POINTER = MasterPointer(
    id="MASTER",
    model_id="m1",
    version=1,
    previous_model_id=None,
    reason="BASELINE_BEATEN",
    by="system",
    at=datetime(2026, 1, 1, 3, 4, 5, 678901, tzinfo=UTC),
)


@pytest.fixture
def pointers(database: Database) -> Repository[MasterPointer]:
    return Repository(database, "pointers", MasterPointer)


def test_entity_comes_back_as_it_was(pointers: Repository[MasterPointer]) -> None:
    pointers.add(POINTER)
    assert pointers.get("MASTER") == POINTER
    assert pointers.select({"at": "2026-01-01T03:04:05.678901Z"}) == [POINTER]
    with pytest.raises(AlreadyExists):
        pointers.add(POINTER)


def test_unknown_entity_is_not_found(pointers: Repository[MasterPointer]) -> None:
    assert pointers.find("MASTER") is None
    with pytest.raises(NotFound, match="NOT_FOUND"):
        pointers.get("MASTER")


def test_change_of_an_entity_that_moved_on_changes_nothing(
    pointers: Repository[MasterPointer],
) -> None:
    pointers.add(POINTER)
    assert pointers.change({"_id": "MASTER", "version": 0}, {"model_id": "m2"}) == 0
    assert pointers.change({"_id": "MASTER", "version": 1}, {"model_id": "m2"}) == 1
    assert pointers.get("MASTER").model_id == "m2"
    assert pointers.count({"model_id": "m1"}) == 0


def test_page_shows_its_part_and_a_page_beyond_the_end_is_the_last(
    pointers: Repository[MasterPointer],
) -> None:
    for number in range(5):
        pointers.add(POINTER.model_copy(update={"id": str(number)}))
    second = pointers.page(2, 2, order=[("_id", 1)])
    assert [pointer.id for pointer in second.items] == ["2", "3"]
    assert (second.number, second.last, second.total) == (2, 3, 5)
    assert pointers.page(9, 2, order=[("_id", 1)]).number == 3
    assert pointers.page(0, 2, order=[("_id", 1)]).number == 1


def test_page_of_nothing_is_the_first_of_one(
    pointers: Repository[MasterPointer],
) -> None:
    page = pointers.page(1, 2, order=[("_id", 1)])
    assert (page.items, page.number, page.last, page.total) == ((), 1, 1, 0)
