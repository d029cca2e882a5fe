"""What a document and a filter may hold, so that every database treats them alike."""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from tripadvance_core.errors import Refused
from tripadvance_core.storage.database import Document, Order, Where

COMPARISONS = {"$lt": "<", "$lte": "<=", "$gt": ">", "$gte": ">="}

_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
# NUL ends a text early in SQLite's JSON functions; a lone surrogate has no UTF-8.
_NOT_STORABLE = re.compile("[\x00\ud800-\udfff]")
_INT64 = range(-(2**63), 2**63)


def check_collection(collection: str) -> None:
    """Raise ``ValueError`` unless the name is fit for a collection."""
    if not _COLLECTION.fullmatch(collection):
        raise ValueError(f"not a collection: {collection!r}")


def check_field(field: str) -> None:
    """Raise ``ValueError`` unless the name, dotted or not, is fit for a field."""
    if not _FIELD.fullmatch(field):
        raise ValueError(f"not a field: {field!r}")


def check_document(document: Document) -> None:
    """Check that a document is JSON which every database gives back unchanged.

    Raises
    ------
    Refused
        ``TEXT_NOT_STORABLE`` for text with NUL or a lone surrogate.
    ValueError
        For an ``_id`` that is not text, keys with ``.`` or a leading ``$``, numbers
        that are not finite or need more than 64 bits, and anything but JSON.
    """
    if not isinstance(document.get("_id"), str):
        raise ValueError("_id must be text")
    _check_value(document)


def check_changes(changes: Mapping[str, Any]) -> None:
    """Check the new values of fields; raises as ``check_document`` does."""
    for field, value in changes.items():
        check_field(field)
        if field == "_id":
            raise ValueError("_id never changes")
        _check_value(value)


def total_order(order: Order) -> list[tuple[str, Literal[1, -1]]]:
    """Let ties fall by ``_id``; ``ValueError`` unless every field can be sorted by."""
    for field, direction in order:
        check_field(field)
        if direction not in (1, -1):
            raise ValueError(f"not a direction: {direction!r}")
    by_id = any(field == "_id" for field, _ in order)
    return [*order] if by_id else [*order, ("_id", 1)]


def check_where(where: Where) -> None:
    """Check that a filter means the same to every database.

    Raises
    ------
    Refused
        ``TEXT_NOT_STORABLE`` for text that no document can hold.
    ValueError
        For a field, an operator or a value that database.py does not name.
    """
    for field, wanted in where.items():
        if field == "$or":
            _check_alternatives(wanted)
            continue
        check_field(field)
        if isinstance(wanted, Mapping):
            _check_operators(wanted)
        else:
            _check_scalar(wanted)


def _check_alternatives(alternatives: Any) -> None:
    if not isinstance(alternatives, list) or not alternatives:
        raise ValueError("$or takes a list of filters")
    for alternative in alternatives:
        check_where(alternative)


def _check_operators(operators: Mapping[str, Any]) -> None:
    if not operators:
        raise ValueError("a filter value cannot be an empty object")
    for operator, value in operators.items():
        if operator == "$in":
            _check_choices(value)
        elif operator == "$ne":
            _check_scalar(value)
        elif operator in COMPARISONS:
            _check_comparable(value)
        else:
            raise ValueError(f"not an operator: {operator!r}")


def _check_choices(choices: Any) -> None:
    if not isinstance(choices, list):
        raise ValueError("$in takes a list")
    for choice in choices:
        _check_scalar(choice)


def _check_comparable(value: Any) -> None:
    if value is None or isinstance(value, bool):
        raise ValueError(f"{value} has no order")
    _check_scalar(value)


def _check_scalar(value: Any) -> None:
    if isinstance(value, list | tuple | Mapping):
        raise ValueError("a filter compares with text, numbers, booleans and None")
    _check_value(value)


def _check_value(value: Any) -> None:
    match value:
        case None | bool():
            pass
        case str():
            _check_text(value)
        case int() | float():
            _check_number(value)
        case list() | tuple():
            for item in value:
                _check_value(item)
        case dict():
            for key, item in value.items():
                _check_key(key)
                _check_value(item)
        case _:
            raise ValueError(f"not JSON: {type(value).__name__}")


def _check_text(text: str) -> None:
    if _NOT_STORABLE.search(text):
        raise Refused("TEXT_NOT_STORABLE")


def _check_number(number: float) -> None:
    if not math.isfinite(number):
        raise ValueError(f"not finite: {number}")
    if isinstance(number, int) and number not in _INT64:
        raise ValueError(f"more than 64 bits: {number}")


def _check_key(key: Any) -> None:
    if not isinstance(key, str) or not key or key.startswith("$") or "." in key:
        raise ValueError(f"not a key: {key!r}")
    _check_text(key)
