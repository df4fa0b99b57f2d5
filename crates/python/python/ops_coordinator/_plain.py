"""Plain values: copies of what a charm passes, with nothing in them that JSON cannot represent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ._error import brief


def plain(value: object, name: str) -> Any:
    """Return a copy of a value, with JSON-serialisable values only.

    Args:
        value: The value.
        name: What an error calls it.

    Raises:
        TypeError: It contains a value that JSON cannot represent, or a key that is not a string.
        ValueError: It contains a number that JSON cannot represent, or itself.
    """
    try:
        return _plain(value, name)
    except RecursionError:
        raise ValueError(
            f'{name} is nested too deeply, or contains itself; it is stored as JSON, so use plain '
            'values'
        ) from None


def _plain(value: object, name: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(
                f'{name} contains {value}; it is stored as JSON, which has no {value}'
            )
        return float(value)
    if isinstance(value, Mapping):
        return {
            _key(key, name): _plain(kept, name)
            for key, kept in cast('Mapping[object, object]', value).items()
        }
    # The lists and sets of a `StoredState` are neither lists nor sets.
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(kept, name) for kept in cast('Iterable[object]', value)]
    raise TypeError(
        f'{name} contains a value of type {type(value).__name__}; it is stored as JSON, so use '
        'plain values'
    )


def _key(key: object, name: str) -> str:
    if not isinstance(key, str):
        raise TypeError(
            f'{name} has the key {brief(key)}; it is stored as JSON, so keys must be strings'
        )
    return str.__str__(key)
