"""What is shown of the fares that were taken in."""

from typing import Any

import pytest

from tripadvance_core.services import explore


def test_nothing_is_found_before_the_first_file(house: Any) -> None:
    assert house.services.explorer.explore() is None


def test_fares_of_all_files_in_use_are_summed_up(house: Any) -> None:
    house.upload(rows=200)
    second = house.upload(rows=100)
    found = house.services.explorer.explore()
    assert (found.files, found.all_files, found.fares) == (2, 2, 300)
    assert found.routes["fares"].sum() == found.months["fares"].sum() == 300
    house.services.uploads.withdraw(second.id, by="ana", reason="wrong")
    assert house.services.explorer.explore().fares == 200


def test_chosen_route_narrows_the_months_and_not_the_routes(house: Any) -> None:
    house.upload(rows=200)
    everything = house.services.explorer.explore()
    route = everything.routes.iloc[0]
    found = house.services.explorer.explore(route["start_city"], route["end_city"])
    assert found.months["fares"].sum() == route["fares"] < 200
    assert len(found.routes) == len(everything.routes)
    assert everything.has(route["start_city"], route["end_city"])
    assert not everything.has("Atlantis", "Recife")


def test_only_the_newest_files_are_read(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore, "MOST_ROWS", 150)
    house.upload(rows=200)
    house.upload(rows=100)
    found = house.services.explorer.explore()
    assert (found.files, found.all_files, found.fares) == (1, 2, 100)


def test_file_larger_than_what_is_read_is_shown_all_the_same(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explore, "MOST_ROWS", 50)
    house.upload(rows=100)
    assert house.services.explorer.explore().fares == 100
