"""Whether this unit is available: what it tells the others at the end of each dispatch."""

from __future__ import annotations

from collections.abc import Iterable

from ._check import Holds, fault_in
from ._machine import machine


def unavailable(functions: Iterable[Holds]) -> str | None:
    """Return why this unit is unavailable, None if it is available.

    Args:
        functions: What the charm has to tell it; each is asked once.

    Raises:
        TypeError: A function returned something that is no answer.
    """
    return machine().available(lambda: _first_fault(functions))


def _first_fault(functions: Iterable[Holds]) -> str | None:
    for function in dict.fromkeys(functions):
        fault = fault_in(function, 'the function available')
        if fault is not None:
            return fault
    return None
