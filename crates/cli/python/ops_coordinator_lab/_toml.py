"""Writes TOML: what a scenario and its steps need of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast


def value(given: Any) -> str:
    """A value in one line.

    Raises:
        TypeError: if TOML cannot represent it.
    """
    if isinstance(given, bool):
        return 'true' if given else 'false'
    if isinstance(given, (int, float)):
        return repr(given)
    if isinstance(given, str):
        # JSON's escapes are TOML's, once they are no surrogates. TOML has one more.
        return json.dumps(given, ensure_ascii=False).replace('\x7f', '\\u007f')
    if isinstance(given, Mapping):
        pairs = cast(Mapping[Any, Any], given).items()
        return '{' + ', '.join(f'{value(str(key))} = {value(item)}' for key, item in pairs) + '}'
    if isinstance(given, Sequence) and not isinstance(given, (bytes, bytearray)):
        return '[' + ', '.join(value(item) for item in cast(Sequence[Any], given)) + ']'
    raise TypeError(f'{given!r} is no text, number, boolean, list or mapping')


def table(entries: Mapping[str, Any]) -> str:
    """A line for each entry, without those that are `None`."""
    given = [(key, item) for key, item in entries.items() if item is not None]
    return '\n'.join(f'{value(key)} = {value(item)}' for key, item in given)
