"""What must hold after an operation before its turn is over: what a charm declares."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from ._error import brief
from ._machine import machine
from ._native import milliseconds

logger = logging.getLogger(__name__)

Holds: TypeAlias = 'Callable[[], bool | str | None]'
"""A charm's own check: None or True while it holds, otherwise why it does not."""

_WITHIN = '5m'


class Check:
    """What must hold after an operation for a lock, and for how long."""

    __slots__ = ('_function', '_lock', 'soak', 'within')

    soak: int
    """For how long it must hold without interruption, in milliseconds."""
    within: int
    """How long it may fail after the operation, in milliseconds."""

    def __init__(self, lock: str, function: Holds | None, soak: int, within: int):
        self._lock, self._function = lock, function
        self.soak, self.within = soak, within

    def fault(self) -> str | None:
        """Return why it does not hold now, None if it does.

        Raises:
            TypeError: The charm's function returned something else.
        """
        return None if self._function is None else machine().check(self._lock, self._asked)

    def _asked(self) -> str | None:
        assert self._function is not None
        return fault_in(self._function, f'the check for the lock {brief(self._lock)}')


def fault_in(function: Holds, name: str) -> str | None:
    """Ask a charm's function; return why all is not well, None if it is.

    Args:
        function: The function.
        name: What it is, for messages.

    Raises:
        TypeError: The function returned something that is no answer.
    """
    try:
        found: Any = function()
    except Exception as error:
        logger.debug('%s raised', name, exc_info=error)
        return str(error) or type(error).__name__
    if found is None or found is True:
        return None
    if found is False:
        return 'it returned False'
    if isinstance(found, str):
        return found or 'it gives no reason'
    raise TypeError(
        f'{name} returned {brief(found)}: return None or True while all is well, and why where it '
        'is not'
    )


def declared_check(
    lock: str, check: object, soak: int | str, check_within: int | str | None
) -> Check | None:
    """Check and return what a charm declares, None if it demands nothing.

    Raises:
        TypeError: The check is not a function, or a time neither seconds nor text.
        ValueError: A time is not valid, or `check_within` is given without a check.
    """
    if check is not None and not callable(check):
        raise TypeError(
            f'check must be a function, not {brief(check)}: pass the method without calling it'
        )
    if check is None and check_within is not None:
        raise ValueError('check_within is for a check: pass one, or leave it out')
    span = span_of(soak, 'soak')
    if check is None and span == 0:
        return None
    within = span_of(_WITHIN if check_within is None else check_within, 'check_within')
    return Check(lock, cast('Holds | None', check), span, within)


def span_of(span: object, name: str) -> int:
    """Return the milliseconds of a span of time, given in seconds or as text such as `'2m'`.

    Raises:
        TypeError: It is neither a whole number nor text.
        ValueError: It is negative, longer than 30 days, or not a time.
    """
    if isinstance(span, bool) or not isinstance(span, (int, str)):
        raise TypeError(
            f"{name} must be a whole number of seconds, or a text such as '2m', not {brief(span)}"
        )
    try:
        return milliseconds(str(span))
    except ValueError as error:
        raise ValueError(f'{name}: {error}') from None
