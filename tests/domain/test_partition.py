"""Which waiting files make a partition: oldest first, until there are enough."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tripadvance_core.domain.entities import (
    ColumnMapping,
    StoredFile,
    Upload,
    UploadStatus,
)
from tripadvance_core.domain.partition import PartitionPolicy, choose, partition_id

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
POLICY = PartitionPolicy(
    min_bytes=100, max_wait=timedelta(days=3), settle=timedelta(minutes=10)
)


def upload(name: str, size: int, age: timedelta = timedelta(hours=1)) -> Upload:
    return Upload(
        id=name,
        name=f"{name}.csv",
        owner="ana",
        raw=StoredFile(key=f"raw/{name}", sha256="0" * 64, size_bytes=size),
        mapping=ColumnMapping(),
        status=UploadStatus.PENDING,
        uploaded_at=NOW - age,
    )


def chosen_names(*waiting: Upload, policy: PartitionPolicy = POLICY) -> list[str]:
    return [u.id for u in choose(waiting, policy, NOW).uploads]


def test_oldest_files_are_taken_until_the_minimum_is_reached() -> None:
    waiting = upload("a", 60), upload("b", 40), upload("c", 500)
    assert chosen_names(*waiting) == ["a", "b"]


def test_one_byte_below_the_minimum_takes_nothing_and_says_what_is_missing() -> None:
    choice = choose([upload("a", 60), upload("b", 39)], POLICY, NOW)
    assert choice.uploads == ()
    assert choice.missing_bytes == 1
    assert choice.waiting_files == 2


def test_file_that_waited_too_long_waits_no_longer() -> None:
    old = upload("a", 10, age=timedelta(days=3, seconds=1))
    assert chosen_names(old, upload("b", 10)) == ["a", "b"]


def test_file_that_waited_exactly_the_limit_still_waits() -> None:
    assert chosen_names(upload("a", 10, age=timedelta(days=3))) == []


def test_young_files_are_left_alone() -> None:
    young = upload("b", 500, age=timedelta(minutes=9))
    choice = choose([upload("a", 60), young], POLICY, NOW)
    assert choice.uploads == ()
    assert choice.settling_files == 1
    assert choice.missing_bytes == 40


def test_nothing_waiting_takes_nothing() -> None:
    assert chosen_names() == []


@given(sizes=st.lists(st.integers(1, 120), max_size=12))
def test_partition_is_the_shortest_beginning_that_suffices(sizes: list[int]) -> None:
    waiting = [upload(f"u{i:02}", size) for i, size in enumerate(sizes)]
    taken = len(chosen_names(*waiting))
    if sum(sizes) < POLICY.min_bytes:
        assert taken == 0
    else:
        assert sum(sizes[:taken]) >= POLICY.min_bytes > sum(sizes[: taken - 1])


def test_partition_is_named_after_its_files_in_any_order() -> None:
    assert partition_id(["b", "a"]) == partition_id(["a", "b"])
    assert partition_id(["a", "b"]) != partition_id(["ab"])
