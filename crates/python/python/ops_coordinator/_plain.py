"""Copies and checks the arguments of `emit`, so that errors reach the caller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

from ._native import is_service_name


def plain_context(ctx: object) -> Any:
    """Return a copy of a context, with JSON-serialisable values only.

    Raises:
        TypeError: It contains a value that JSON cannot represent, or a key that is not a string.
        ValueError: It contains a number that JSON cannot represent, or itself.
    """
    try:
        return _plain(ctx)
    except RecursionError:
        raise ValueError('ctx is nested too deeply, or contains itself') from None


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f'ctx contains {value}; it is stored as JSON, which has no {value}')
        return float(value)
    if isinstance(value, Mapping):
        return {
            _key(key): _plain(kept) for key, kept in cast('Mapping[object, object]', value).items()
        }
    # The lists and sets of a `StoredState` are neither lists nor sets.
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(kept) for kept in cast('Iterable[object]', value)]
    raise TypeError(
        f'ctx contains a value of type {type(value).__name__}; it is stored as JSON, so use plain '
        'values'
    )


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f'ctx has the key {key!r}; it is stored as JSON, so keys must be strings')
    return str.__str__(key)


def service_names(services: object) -> list[str]:
    """Return a copy of a list of names of services.

    Raises:
        TypeError: It is no list, or holds something else than text.
        ValueError: It holds a name that systemd does not allow.
    """
    if isinstance(services, str):
        raise TypeError(f'services must be a list of names, as in services=[{services!r}]')
    wrong = isinstance(services, (bytes, bytearray, Mapping)) or not isinstance(services, Iterable)
    if wrong:
        raise TypeError(f'services must be a list of names, not {services!r}')
    names: list[str] = []
    for name in cast('Iterable[object]', services):
        if not isinstance(name, str):
            raise TypeError(f'services contains {name!r}; a service name must be a string')
        if not is_service_name(name):
            raise ValueError(
                f'invalid service name {name!r} in services: use letters, digits and :_.@-\\'
            )
        names.append(str.__str__(name))
    return names
