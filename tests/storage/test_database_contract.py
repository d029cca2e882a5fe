"""The rules of database.py, which every database keeps alike."""

import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tripadvance_core.errors import AlreadyExists, Refused
from tripadvance_core.storage.database import Database, Document, Order, Where
from tripadvance_core.storage.walking import every_document

PROJECT = Path(__file__).parents[2]
OTHER_PROCESS = [sys.executable, str(Path(__file__).with_name("other_process.py"))]

RUNNERS = 8
DOCUMENTS = 50

# One database serves all examples: each replaces the documents of the former.
on_one_database = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def ids(documents: list[Document]) -> list[str]:
    return [document["_id"] for document in documents]


def fill(database: Database, *documents: Document, collection: str = "things") -> None:
    database.delete(collection, {})
    for document in documents:
        database.insert(collection, document)


def other_process(command: str, name: str, address: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*OTHER_PROCESS, command, name, *address],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(PROJECT)},
    )


def at_once(work: Callable[[int], Any], workers: int) -> list[Any]:
    """Let workers begin together; return what each one's work gave."""
    together = Barrier(workers)

    def begin(worker: int) -> Any:
        together.wait()
        return work(worker)

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(begin, range(workers)))


# Documents

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
keys = st.from_regex("[A-Za-z_][A-Za-z0-9_ -]{0,8}", fullmatch=True)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
objects = st.recursive(
    st.dictionaries(keys, scalars | st.lists(scalars, max_size=3), max_size=4),
    # FerretDB knows no list right inside a list, so none is drawn.
    lambda inner: st.dictionaries(
        keys, inner | st.lists(inner, max_size=3), max_size=3
    ),
    max_leaves=8,
)


@on_one_database
@given(content=objects)
def test_document_comes_back_as_it_was(database: Database, content: Document) -> None:
    document = {**content, "_id": "the one"}
    database.put("things", document)
    assert database.get("things", "the one") == document


def test_booleans_and_numbers_stay_apart(database: Database) -> None:
    fill(database, {"_id": "1", "flag": True, "number": 1, "share": 1.0})
    found = database.get("things", "1")
    assert found is not None
    assert [type(found[name]) for name in ("flag", "number", "share")] == [
        bool,
        int,
        float,
    ]


def test_fields_keep_their_order_and_numbers_their_kind(database: Database) -> None:
    """All but the place of the id, so that a hash of the rest proves a copy."""
    document = {"_id": "1", "z": 1.0, "a": {"y": 2**53 + 1, "b": [1, 1.0, 1e22]}}
    fill(database, document)
    (found,) = every_document(database, "things")
    assert repr({"_id": found["_id"], **found}) == repr(document)


@pytest.mark.parametrize("text", ["a\0b", "half \ud83d"])
def test_text_that_cannot_be_stored_is_refused(database: Database, text: str) -> None:
    with pytest.raises(Refused, match="TEXT_NOT_STORABLE"):
        database.insert("things", {"_id": "1", "names": [text]})
    with pytest.raises(Refused, match="TEXT_NOT_STORABLE"):
        database.find("things", {"name": text})
    with pytest.raises(Refused, match="TEXT_NOT_STORABLE"):
        database.get("things", text)
    assert database.count("things") == 0


def test_unknown_id_gives_none(database: Database) -> None:
    assert database.get("things", "1") is None


def test_id_is_taken_once(database: Database) -> None:
    fill(database, {"_id": "1", "kept": True})
    with pytest.raises(AlreadyExists, match="DOCUMENT_EXISTS"):
        database.insert("things", {"_id": "1"})
    assert database.get("things", "1") == {"_id": "1", "kept": True}


def test_same_id_in_two_collections_is_two_documents(database: Database) -> None:
    database.insert("things", {"_id": "1", "kind": "thing"})
    database.insert("others", {"_id": "1", "kind": "other"})
    assert database.get("things", "1") == {"_id": "1", "kind": "thing"}


def test_put_replaces_the_whole_document(database: Database) -> None:
    database.put("things", {"_id": "1", "old": 1})
    database.put("things", {"_id": "1", "new": 1})
    assert database.find("things") == [{"_id": "1", "new": 1}]


# Filters


class Status(StrEnum):
    OPEN = "open"


def test_nested_field_is_found_by_its_dotted_name(database: Database) -> None:
    fill(database, {"_id": "1", "claim": {"token": "a"}}, {"_id": "2", "claim": None})
    assert ids(database.find("things", {"claim.token": "a"})) == ["1"]
    assert ids(database.find("things", {"claim.token": None})) == ["2"]


def test_member_of_an_enumeration_is_its_text(database: Database) -> None:
    fill(database, {"_id": "1", "status": Status.OPEN})
    assert database.find("things", {"status": "open"}) == [
        {"_id": "1", "status": "open"}
    ]
    assert database.count("things", {"status": {"$in": [Status.OPEN]}}) == 1


def test_thousands_of_choices_are_compared(database: Database) -> None:
    fill(database, {"_id": "4999"}, {"_id": "5001"})
    choices = [str(number) for number in range(5000)]
    assert ids(database.find("things", {"_id": {"$in": choices}})) == ["4999"]


VALUES = [None, True, False, 0, 1, 2.5, -3, "", "1", "true", "é", "z"]
FIELDS = ["a", "b", "c.d"]

values = st.sampled_from(VALUES)
comparable = st.sampled_from([0, 1, 2.5, -3, "", "1", "é", "z"])
tests = st.one_of(
    values,
    st.fixed_dictionaries({"$in": st.lists(values, max_size=3)}),
    st.fixed_dictionaries({"$ne": values}),
    st.dictionaries(
        st.sampled_from(["$lt", "$lte", "$gt", "$gte"]), comparable, min_size=1
    ),
)
plain_filters = st.dictionaries(st.sampled_from(FIELDS), tests, max_size=2)
filters = plain_filters | st.builds(
    lambda alternatives, rest: {**rest, "$or": alternatives},
    st.lists(plain_filters, min_size=1, max_size=3),
    plain_filters,
)
flat_documents = st.lists(
    st.dictionaries(st.sampled_from(["a", "b"]), values).flatmap(
        lambda plain: st.sampled_from(
            [plain, {**plain, "c": None}, *({**plain, "c": {"d": v}} for v in VALUES)]
        )
    ),
    max_size=5,
)


def value_of(document: Document, field: str) -> Any:
    value: Any = document
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else type(value).__name__


def same(left: Any, right: Any) -> bool:
    return kind_of(left) == kind_of(right) and left == right


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda value, choices: any(same(value, choice) for choice in choices),
    "$ne": lambda value, other: not same(value, other),
    "$lt": lambda value, bound: kind_of(value) == kind_of(bound) and value < bound,
    "$lte": lambda value, bound: kind_of(value) == kind_of(bound) and value <= bound,
    "$gt": lambda value, bound: kind_of(value) == kind_of(bound) and value > bound,
    "$gte": lambda value, bound: kind_of(value) == kind_of(bound) and value >= bound,
}


def matches(document: Document, where: Where) -> bool:
    """Say what database.py says of filters, in plain Python."""
    for field, wanted in where.items():
        if field == "$or":
            matched = any(matches(document, alternative) for alternative in wanted)
        elif isinstance(wanted, dict):
            value = value_of(document, field)
            matched = all(OPERATORS[name](value, arg) for name, arg in wanted.items())
        else:
            matched = same(value_of(document, field), wanted)
        if not matched:
            return False
    return True


@on_one_database
@given(contents=flat_documents, where=filters)
def test_filter_finds_what_it_describes(
    database: Database, contents: list[Document], where: dict[str, Any]
) -> None:
    documents = [{"_id": str(i), **content} for i, content in enumerate(contents)]
    fill(database, *documents)
    expected = [document for document in documents if matches(document, where)]
    assert database.find("things", where) == expected
    assert database.count("things", where) == len(expected)
    assert database.delete("things", where) == len(expected)


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"a": {"$regex": ".*"}}, "not an operator"),
        ({"a": {"$gt": "", "$where": "1"}}, "not an operator"),
        ({"a": {"b": 1}}, "not an operator"),
        ({"a": {}}, "empty object"),
        ({"a": {"$ne": {"$gt": ""}}}, "a filter compares"),
        ({"a": {"$in": [{"$gt": ""}]}}, "a filter compares"),
        ({"a": [1]}, "a filter compares"),
        ({"a": {"$in": "text"}}, "a list"),
        ({"a": {"$lt": None}}, "no order"),
        ({"a": {"$gte": True}}, "no order"),
        ({"a": float("nan")}, "not finite"),
        ({"a": 2**63}, "more than 64 bits"),
        ({"a": b"bytes"}, "not JSON"),
        ({"$or": []}, "a list"),
        ({"$or": {"a": 1}}, "a list"),
        ({"$or": [{"a": {"$regex": "x"}}]}, "not an operator"),
        ({"$where": "1"}, "not a field"),
        ({"a') OR 1 --": 1}, "not a field"),
        ({"a.": 1}, "not a field"),
        ({"a..b": 1}, "not a field"),
        ({"": 1}, "not a field"),
    ],
    ids=str,
)
def test_filter_that_is_not_in_the_contract_is_refused(
    database: Database, where: Where, reason: str
) -> None:
    for use in (database.find, database.count, database.delete):
        with pytest.raises(ValueError, match=reason):
            use("things", where)
    with pytest.raises(ValueError, match=reason):
        database.update("things", where, {"b": 1})
    with pytest.raises(ValueError, match=reason):
        database.update_first("things", where, {"b": 1})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "_id must be text"),
        ({"_id": 1}, "_id must be text"),
        ({"_id": "1", "a.b": 1}, "not a key"),
        ({"_id": "1", "$set": 1}, "not a key"),
        ({"_id": "1", "": 1}, "not a key"),
        ({"_id": "1", "a": {1: 1}}, "not a key"),
        ({"_id": "1", "a": [float("inf")]}, "not finite"),
        ({"_id": "1", "a": -(2**63) - 1}, "more than 64 bits"),
        ({"_id": "1", "a": {1, 2}}, "not JSON"),
    ],
    ids=str,
)
def test_document_that_is_not_json_is_refused(
    database: Database, document: Document, reason: str
) -> None:
    for write in (database.insert, database.put):
        with pytest.raises(ValueError, match=reason):
            write("things", document)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"_id": "2"}, "_id never changes"),
        ({"a": {"$b": 1}}, "not a key"),
        ({"a b": 1}, "not a field"),
    ],
    ids=str,
)
def test_change_that_is_not_in_the_contract_is_refused(
    database: Database, changes: dict[str, Any], reason: str
) -> None:
    fill(database, {"_id": "1"})
    with pytest.raises(ValueError, match=reason):
        database.update("things", {}, changes)
    assert database.find("things") == [{"_id": "1"}]


@pytest.mark.parametrize("name", ["", "a b", 'x"; DROP TABLE y; --', "system.users"])
def test_collection_has_a_plain_name(database: Database, name: str) -> None:
    with pytest.raises(ValueError, match="not a collection"):
        database.find(name)


# Order and limit


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((), ["1", "2", "3", "4"]),
        ([("at", 1)], ["4", "1", "3", "2"]),
        ([("at", -1)], ["2", "1", "3", "4"]),
        ([("at", 1), ("_id", -1)], ["4", "3", "1", "2"]),
        ([("_id", -1)], ["4", "3", "2", "1"]),
        ([("in.number", -1)], ["3", "1", "2", "4"]),
    ],
    ids=str,
)
def test_documents_come_in_order_and_ties_fall_by_id(
    database: Database, order: Order, expected: list[str]
) -> None:
    fill(
        database,
        {"_id": "3", "at": "2026-01-01", "in": {"number": 10}},
        {"_id": "2", "at": "2026-01-02", "in": {"number": 9}},
        {"_id": "1", "at": "2026-01-01", "in": {"number": 9.5}},
        {"_id": "4"},
    )
    assert ids(database.find("things", order=order)) == expected
    assert ids(database.find("things", order=order, limit=2)) == expected[:2]


def test_skip_leaves_out_the_first(database: Database) -> None:
    for number in range(5):
        database.insert("things", {"_id": str(number)})
    assert ids(database.find("things", skip=3)) == ["3", "4"]
    assert ids(database.find("things", skip=1, limit=2)) == ["1", "2"]
    assert database.find("things", skip=9) == []


def test_limit_of_zero_gives_nothing(database: Database) -> None:
    fill(database, {"_id": "1"})
    assert database.find("things", limit=0) == []


@pytest.mark.parametrize("batch", [1, 2, 5, 6])
def test_walk_gives_every_document_once_by_id(database: Database, batch: int) -> None:
    fill(database, *({"_id": name} for name in ("b", "é", "a", "B", "10")))
    expected = ["10", "B", "a", "b", "é"]
    assert ids(list(every_document(database, "things", batch))) == expected


def test_walk_goes_on_while_documents_come_and_go(database: Database) -> None:
    fill(database, *({"_id": name} for name in "bdf"))
    walked = every_document(database, "things", 1)
    assert next(walked)["_id"] == "b"
    database.delete("things", {"_id": "b"})
    database.insert("things", {"_id": "a"})
    database.insert("things", {"_id": "e"})
    assert ids(list(walked)) == ["d", "e", "f"]


def test_collections_are_those_that_were_written_to(database: Database) -> None:
    fill(database, {"_id": "1"}, collection="things")
    fill(database, {"_id": "1"}, collection="others")
    assert database.collections() == ["others", "things"]


# Changes


def test_update_sets_fields_of_all_that_match(database: Database) -> None:
    fill(
        database,
        {"_id": "1", "status": "open", "steps": {"train": 1}},
        {"_id": "2", "status": "open"},
        {"_id": "3", "status": "done"},
    )
    changes = {"status": "held", "steps.save": {"key": "x"}}
    assert database.update("things", {"status": "open"}, changes) == 2
    assert database.find("things") == [
        {"_id": "1", "status": "held", "steps": {"train": 1, "save": {"key": "x"}}},
        {"_id": "2", "status": "held", "steps": {"save": {"key": "x"}}},
        {"_id": "3", "status": "done"},
    ]


def test_update_counts_what_matches_even_where_nothing_changes(
    database: Database,
) -> None:
    fill(database, {"_id": "1", "a": 1})
    assert database.update("things", {"_id": "1"}, {"a": 1}) == 1
    assert database.update("things", {"_id": "2"}, {"a": 1}) == 0


@pytest.mark.parametrize("parent", [None, "text", 1])
def test_field_is_set_only_within_an_object(database: Database, parent: Any) -> None:
    fill(database, {"_id": "1", "claim": parent})
    with pytest.raises(ValueError, match="object"):
        database.update("things", {}, {"claim.token": "a"})
    with pytest.raises(ValueError, match="object"):
        database.update_first("things", {}, {"claim.token": "a"})
    assert database.get("things", "1") == {"_id": "1", "claim": parent}


def test_first_in_order_is_updated_and_returned_as_it_is_then(
    database: Database,
) -> None:
    fill(database, {"_id": "1", "at": 2}, {"_id": "2", "at": 1}, {"_id": "3", "at": 1})
    where, changes = {"by": None}, {"by": "me"}
    by_time: Order = [("at", 1)]
    taken = database.update_first("things", where, changes, order=by_time)
    assert taken == {"_id": "2", "at": 1, "by": "me"}
    assert database.count("things", {"by": "me"}) == 1


def test_update_first_of_none_gives_none(database: Database) -> None:
    assert database.update_first("things", {"a": 1}, {"a": 2}) is None


def test_delete_leaves_what_does_not_match(database: Database) -> None:
    fill(database, {"_id": "1", "a": 1}, {"_id": "2", "a": 2})
    assert database.delete("things", {"a": 1}) == 1
    assert ids(database.find("things")) == ["2"]


# Indexes


def test_index_may_be_asked_for_again(database: Database) -> None:
    for _ in range(2):
        database.ensure_index("things", ["status", "claim.token"])
        database.ensure_index("things", ["email"], unique=True)


def test_unique_value_is_taken_once(database: Database) -> None:
    database.ensure_index("users", ["profile.email"], unique=True)
    database.insert("users", {"_id": "1", "profile": {"email": "a@x"}})
    database.insert("users", {"_id": "2", "profile": {"email": "b@x"}})
    with pytest.raises(AlreadyExists):
        database.insert("users", {"_id": "3", "profile": {"email": "a@x"}})
    with pytest.raises(AlreadyExists):
        database.put("users", {"_id": "3", "profile": {"email": "a@x"}})
    assert ids(database.find("users")) == ["1", "2"]


@pytest.mark.usefixtures("beyond_ferretdb")
def test_unique_value_cannot_be_taken_by_a_change(database: Database) -> None:
    database.ensure_index("users", ["email"], unique=True)
    fill(database, {"_id": "1", "email": "a"}, {"_id": "2"}, collection="users")
    with pytest.raises(AlreadyExists):
        database.update("users", {"_id": "2"}, {"email": "a"})
    with pytest.raises(AlreadyExists):
        database.update_first("users", {"_id": "2"}, {"email": "a"})
    assert database.get("users", "2") == {"_id": "2"}


# Races and crashes


def pending(database: Database) -> None:
    for number in range(DOCUMENTS):
        database.insert("uploads", {"_id": f"{number:02}", "status": "pending"})


def test_one_of_many_inserts_of_an_id_wins(database: Database) -> None:
    def insert(worker: int) -> bool:
        try:
            database.insert("things", {"_id": "same", "by": worker})
        except AlreadyExists:
            return False
        return True

    won = at_once(insert, 20)
    assert won.count(True) == 1
    assert database.find("things") == [{"_id": "same", "by": won.index(True)}]


@pytest.mark.usefixtures("beyond_ferretdb")
def test_threads_claim_each_document_once(database: Database) -> None:
    pending(database)

    def claim_all(worker: int) -> list[str]:
        claimed = []
        while document := database.update_first(
            "uploads", {"status": "pending"}, {"status": "claimed", "by": worker}
        ):
            claimed.append(document["_id"])
        return claimed

    claims = [one for claimed in at_once(claim_all, RUNNERS) for one in claimed]
    assert sorted(claims) == [f"{number:02}" for number in range(DOCUMENTS)]


@pytest.mark.usefixtures("beyond_ferretdb")
def test_processes_claim_each_document_once(
    database: Database, address: list[str]
) -> None:
    pending(database)
    runners = [
        other_process("claim", str(number), address) for number in range(RUNNERS)
    ]
    outputs = [runner.communicate()[0] for runner in runners]
    assert [runner.returncode for runner in runners] == [0] * RUNNERS
    claims = [one for output in outputs for one in output.split()]
    assert sorted(claims) == [f"{number:02}" for number in range(DOCUMENTS)]


@pytest.mark.usefixtures("beyond_ferretdb")
def test_one_of_many_compare_and_swaps_wins(database: Database) -> None:
    database.insert("pointers", {"_id": "MASTER", "version": 0})

    def swap(worker: int) -> int:
        at_first = {"_id": "MASTER", "version": 0}
        changes = {"version": 1, "by": worker}
        return database.update("pointers", at_first, changes)

    won = at_once(swap, 20)
    assert sorted(won) == [0] * 19 + [1]
    assert database.get("pointers", "MASTER") == {
        "_id": "MASTER",
        "version": 1,
        "by": won.index(1),
    }


def test_acknowledged_document_outlives_a_killed_process(
    database: Database, address: list[str]
) -> None:
    with other_process("insert", "kept", address) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "inserted\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert ids(database.find("uploads")) == ["kept"]


def test_database_that_answers_pings(database: Database) -> None:
    database.ping()


def test_version_names_the_database(database: Database) -> None:
    name, _, version = database.version().partition(" ")
    assert name in {"SQLite", "MongoDB"}
    assert version[0].isdigit()


def test_total_sums_a_nested_field_of_what_matches(database: Database) -> None:
    assert database.total("things", "raw.size") == 0
    fill(
        database,
        {"_id": "a", "kind": "x", "raw": {"size": 3}},
        {"_id": "b", "kind": "x", "raw": {"size": 2**40}},
        {"_id": "c", "kind": "y", "raw": {"size": 5}},
        {"_id": "d", "kind": "x"},
    )
    assert database.total("things", "raw.size", {"kind": "x"}) == 3 + 2**40
    assert database.total("things", "raw.size") == 8 + 2**40
    assert database.total("things", "raw.size", {"kind": "z"}) == 0
    with pytest.raises(ValueError, match="not a field"):
        database.total("things", "raw size")
