"""The headers that a person has mapped once and need not map again."""

from hashlib import sha256

from tripadvance_core.domain.entities import ColumnAlias, ColumnMapping
from tripadvance_core.errors import AlreadyExists
from tripadvance_core.storage.database import Database
from tripadvance_core.storage.repository import Repositories
from tripadvance_core.tabular.texts import fold


class Aliases:
    """Remembers for each person which header means which column."""

    def __init__(self, database: Database) -> None:
        self._store = Repositories(database)

    def added_to(self, mapping: ColumnMapping, owner: str) -> ColumnMapping:
        """Return a mapping with what its owner has mapped in earlier files."""
        known = self._store.aliases.select({"owner": owner}, order=[("header", 1)])
        aliases = {alias.header: alias.column for alias in known}
        return mapping.model_copy(update={"aliases": aliases | mapping.aliases})

    def remember(self, mapping: ColumnMapping, owner: str) -> None:
        """Keep what a file was mapped by; the latest meaning of a header counts."""
        for column, header in mapping.headers.items():
            name = fold(header)
            alias = ColumnAlias(
                id=sha256(f"{owner}\n{name}".encode()).hexdigest()[:32],
                owner=owner,
                header=name,
                column=column,
            )
            try:
                self._store.aliases.add(alias)
            except AlreadyExists:
                self._store.aliases.change({"_id": alias.id}, {"column": column})
