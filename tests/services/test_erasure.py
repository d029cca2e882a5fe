"""Everywhere that a person is named is known, so that the name can be taken out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from tripadvance_core.services.erasure import NAMED_IN
from tripadvance_core.storage.repository import Repositories, Repository
from tripadvance_core.storage.sqlite import SqliteDatabase

NAMES = {"by", "owner"}


def naming_fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Give every field, dotted for nested ones, that is named as people are."""
    for name, field in model.model_fields.items():
        kinds = {field.annotation, *get_args(field.annotation)}
        is_text = str in kinds and tuple not in {
            getattr(field.annotation, "__origin__", None)
        }
        if is_text and (name in NAMES or name.endswith("_by")):
            yield prefix + name
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from naming_fields(kind, f"{prefix}{name}.")


def test_every_field_that_names_a_person_is_known(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "x.db")
    kept: list[Any] = list(vars(Repositories(database)).values())
    found = {
        (repository._collection, field)
        for repository in kept
        if isinstance(repository, Repository)
        for field in naming_fields(repository._entity)
    }
    database.close()
    assert found == set(NAMED_IN)
