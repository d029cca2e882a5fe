"""What must exist before anything works."""

from typing import Any

import pytest

from tripadvance_core.errors import AlreadyExists


def test_setup_may_be_run_any_number_of_times(house: Any) -> None:
    house.upload()
    house.services.installation.setup()
    house.services.installation.setup()
    assert len(house.services.uploads.all()) == 1


def test_an_email_belongs_to_one_user(house: Any) -> None:
    database = house.services.database
    database.insert("users", {"_id": "1", "email": "ana@exemplo.com"})
    with pytest.raises(AlreadyExists):
        database.insert("users", {"_id": "2", "email": "ana@exemplo.com"})
