"""What a charm asks its turns for: an operation that waits, and how one ends."""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Mapping
from typing import Any, cast

from ._error import brief
from ._plain import plain

KWARGS_LIMIT = 16_384
"""How many bytes of JSON the arguments of one request may have. They travel in a databag."""

_KINDS = {
    'op': str,
    'id': str,
    'kwargs': dict,
    'max-retry': int,
    'at': int,
    'retries': int,
    'request': int,
    'due': int,
}
"""What each key of an operation holds."""


class OperationResult(str, enum.Enum):
    """How an operation ends; a method that returns nothing has released."""

    RELEASE = 'release'
    """It is done, and the turn passes to the next unit."""
    RETRY_RELEASE = 'retry-release'
    """It is to run again, in another turn: others go first."""
    RETRY_HOLD = 'retry-hold'
    """It is to run again, and nothing behind this unit starts before it has."""

    def __str__(self) -> str:
        """Return the value itself."""
        return self.value


class Operation:
    """An operation that waits for its turn.

    What another version of this package has written into it is kept as it is.
    """

    __slots__ = ('content',)

    content: dict[str, Any]
    """As in the databag."""

    def __init__(self, content: dict[str, Any]):
        self.content = content

    @classmethod
    def new(cls, name: str, kwargs: Mapping[str, Any], max_retry: int | None) -> Operation:
        """Make one.

        Raises:
            TypeError: An argument is not of a type that JSON can represent, or `max_retry` not a
                whole number.
            ValueError: The arguments take too much room, or `max_retry` is negative.
        """
        if isinstance(max_retry, bool) or not isinstance(max_retry, (int, type(None))):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'max_retry must be a whole number or None, not {brief(max_retry)}')
        if max_retry is not None and max_retry < 0:
            raise ValueError(f'max_retry must not be negative, as {max_retry} is')
        if not isinstance(kwargs, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'the kwargs of {name} must map names to values, not {brief(kwargs)}')
        copied = plain(kwargs, f'kwargs of {name}')
        size = len(json.dumps(copied).encode())
        if size > KWARGS_LIMIT:
            raise ValueError(
                f'the kwargs of {name} take {size} bytes as JSON, and at most {KWARGS_LIMIT} fit '
                'into a request: pass a name or a number, and look the rest up in the operation'
            )
        content: dict[str, Any] = {'op': name, 'id': os.urandom(6).hex(), 'at': int(time.time())}
        if copied:
            content['kwargs'] = copied
        if max_retry is not None:
            content['max-retry'] = max_retry
        return cls(content)

    @property
    def id(self) -> str:
        """What distinguishes it from any other of this unit."""
        return self.content['id']

    @property
    def name(self) -> str:
        """What the charm calls it."""
        return self.content['op']

    @property
    def kwargs(self) -> dict[str, Any]:
        """What it is called with."""
        return self.content.get('kwargs', {})

    @property
    def max_retry(self) -> int | None:
        """How often it may run again; None for no limit."""
        return self.content.get('max-retry')

    @property
    def requested_at(self) -> int:
        """When it was requested, in seconds since 1970 in UTC, by this unit's clock."""
        return self.content.get('at', 0)

    @property
    def retries(self) -> int:
        """How often it has ended and was to run again."""
        return self.content.get('retries', 0)

    @property
    def number(self) -> int | None:
        """The unit's request that it waits for, by number."""
        return self.content.get('request')

    @number.setter
    def number(self, number: int) -> None:
        self.content['request'] = number

    @property
    def is_stopped(self) -> bool:
        """Whether it has failed, and waits for an operator."""
        return bool(self.content.get('stopped'))

    @is_stopped.setter
    def is_stopped(self, stopped: bool) -> None:
        self._set('stopped', stopped)

    @property
    def is_checked(self) -> bool:
        """Whether it has succeeded, and its turn goes on until its check has held."""
        return bool(self.content.get('checked'))

    @is_checked.setter
    def is_checked(self, checked: bool) -> None:
        self._set('checked', checked)

    @property
    def may_retry(self) -> bool:
        """Whether it may run once more."""
        return self.max_retry is None or self.retries < self.max_retry

    def count_retry(self) -> bool:
        """Count that it is to run again; return whether it may."""
        may = self.may_retry
        self.content['retries'] = self.retries + 1
        return may

    def postpone(self, seconds: int) -> None:
        """Let it rest for some seconds before it runs again."""
        self._set('due', int(time.time()) + seconds if seconds else None)

    def rests_for(self, longest: int) -> int:
        """Return for how many seconds it still rests; a clock that was set back has no say."""
        rest = self.content.get('due', 0) - int(time.time())
        return rest if 0 < rest <= longest else 0

    def is_same(self, other: Operation) -> bool:
        """Return whether another one does the same."""
        return (self.name, self.kwargs) == (other.name, other.kwargs)

    def _set(self, key: str, value: object) -> None:
        if value:
            self.content[key] = value
        else:
            self.content.pop(key, None)


def operations_in(value: object) -> list[Operation]:
    """Return the operations in what a unit has written; whatever else is there is left out."""
    if not isinstance(value, list):
        return []
    listed = cast('list[object]', value)
    return [Operation(content) for content in map(_checked, listed) if content is not None]


def _checked(value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict) or not {'op', 'id'} <= value.keys():
        return None
    content = cast('dict[str, Any]', value)
    sound = all(isinstance(content[key], kind) for key, kind in _KINDS.items() if key in content)
    return content if sound else None
