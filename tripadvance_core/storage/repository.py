"""Entities kept in a database: one repository a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tripadvance_core.domain.entities import (
    ColumnAlias,
    DecisionRecord,
    Entity,
    FareSample,
    MasterPointer,
    ModelVersion,
    Promotion,
    SettingsVersion,
    Shadow,
    StandingPanel,
    TrainingRun,
    Upload,
)
from tripadvance_core.errors import NotFound
from tripadvance_core.storage.database import Database, Order, Where

E = TypeVar("E", bound=Entity)
T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of many things: which page it is, of how many pages, of how many things."""

    items: tuple[T, ...]
    number: int
    last: int
    total: int

    @classmethod
    def of(cls, everything: Sequence[T], number: int, size: int) -> "Page[T]":
        """Return one page of what is all at hand; pages count from 1."""
        number, last = _page_within(number, size, len(everything))
        shown = everything[(number - 1) * size : number * size]
        return cls(tuple(shown), number, last, len(everything))


def _page_within(number: int, size: int, total: int) -> tuple[int, int]:
    """Return the page that there is next to the one asked for, and the last one."""
    last = max(1, -(-total // size))
    return min(max(number, 1), last), last


class Repository(Generic[E]):
    """The entities of one collection."""

    def __init__(self, database: Database, collection: str, entity: type[E]) -> None:
        self._database = database
        self._collection = collection
        self._entity = entity

    def add(self, entity: E) -> None:
        """Add a new entity; ``AlreadyExists`` if its id is taken."""
        self._database.insert(self._collection, entity.to_document())

    def find(self, entity_id: str) -> E | None:
        """Return the entity of that id, or None."""
        document = self._database.get(self._collection, entity_id)
        return None if document is None else self._entity.from_document(document)

    def get(self, entity_id: str) -> E:
        """Return the entity of that id; ``NotFound`` if there is none."""
        entity = self.find(entity_id)
        if entity is None:
            raise NotFound("NOT_FOUND", kind=self._collection, id=entity_id)
        return entity

    def select(
        self,
        where: Where | None = None,
        *,
        order: Order = (),
        skip: int = 0,
        limit: int | None = None,
    ) -> list[E]:
        """Return the entities that match, in order."""
        documents = self._database.find(
            self._collection, where, order=order, skip=skip, limit=limit
        )
        return [self._entity.from_document(document) for document in documents]

    def count(self, where: Where | None = None) -> int:
        """Return how many entities match."""
        return self._database.count(self._collection, where)

    def total(self, field: str, where: Where | None = None) -> int:
        """Return the sum of a field of whole numbers over the entities that match."""
        return self._database.total(self._collection, field, where)

    def page(
        self, number: int, size: int, where: Where | None = None, *, order: Order
    ) -> Page[E]:
        """Return one page of the entities that match; pages count from 1."""
        total = self.count(where)
        number, last = _page_within(number, size, total)
        shown = self.select(where, order=order, skip=(number - 1) * size, limit=size)
        return Page(tuple(shown), number, last, total)

    def change(self, where: Where, changes: Mapping[str, Any]) -> int:
        """Set fields of all that match, in JSON form; return how many matched."""
        return self._database.update(self._collection, where, changes)

    def remove(self, where: Where) -> int:
        """Remove all that match; return how many."""
        return self._database.delete(self._collection, where)


class Repositories:
    """Every repository on one database."""

    def __init__(self, database: Database) -> None:
        self.uploads = Repository(database, "uploaded_files", Upload)
        self.runs = Repository(database, "training_runs", TrainingRun)
        self.models = Repository(database, "models", ModelVersion)
        self.samples = Repository(database, "fare_samples", FareSample)
        self.pointers = Repository(database, "pointers", MasterPointer)
        self.aliases = Repository(database, "column_aliases", ColumnAlias)
        self.promotions = Repository(database, "promotions", Promotion)
        self.decisions = Repository(database, "decisions", DecisionRecord)
        self.panels = Repository(database, "panels", StandingPanel)
        self.shadows = Repository(database, "shadows", Shadow)
        self.night_settings = Repository(database, "night_settings", SettingsVersion)
