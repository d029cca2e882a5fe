import pytest

from tripadvance_core.storage.keys import check_key, check_prefix

GOOD = ["a", "raw/0f3.xlsx", "models/7/model.ubj", "0/a_b-c.d"]
BAD = [
    "",
    "/a",
    "a/",
    "a//b",
    "..",
    "a/../b",
    "a/..",
    "./a",
    "a/.hidden",
    "A",
    "a b",
    "a\\b",
    "a\0",
    "a\n",
    "é",
]


@pytest.mark.parametrize("key", GOOD)
def test_key_of_plain_parts_is_taken(key: str) -> None:
    check_key(key)


@pytest.mark.parametrize("key", BAD)
def test_key_that_could_leave_the_store_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        check_key(key)


@pytest.mark.parametrize("prefix", ["", "raw/", *GOOD])
def test_any_start_of_a_key_is_a_prefix(prefix: str) -> None:
    check_prefix(prefix)


@pytest.mark.parametrize("prefix", ["/", "..", "a/../", "a//", "a/."])
def test_prefix_that_could_leave_the_store_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="not the start of a key"):
        check_prefix(prefix)
