"""A process of its own that works on the database of a test.

other_process.py claim NAME ADDRESS...    claims documents, prints their ids
other_process.py insert NAME ADDRESS...   inserts NAME, says so and waits to be killed
"""

import sys
import time
from pathlib import Path

from tripadvance_core.storage.database import Database
from tripadvance_core.storage.mongodb import MongoDatabase
from tripadvance_core.storage.sqlite import SqliteDatabase


def claim(database: Database, name: str) -> None:
    while claimed := database.update_first(
        "uploads", {"status": "pending"}, {"status": "claimed", "by": name}
    ):
        print(claimed["_id"])  # noqa: T201


def insert(database: Database, name: str) -> None:
    database.insert("uploads", {"_id": name})
    print("inserted", flush=True)  # noqa: T201
    time.sleep(60)


if __name__ == "__main__":
    _, command, name, *address = sys.argv
    on_server = len(address) == 2
    database = MongoDatabase(*address) if on_server else SqliteDatabase(Path(*address))
    {"claim": claim, "insert": insert}[command](database, name)
