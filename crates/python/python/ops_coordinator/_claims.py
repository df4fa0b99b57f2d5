"""Who will take up this unit's requests.

The rule: at every commit each outstanding request has a claimant. That is a deferred event, a turn
that the charm holds, or a coordinator whose charm asks. A request without one would come to the
front of the line and stay there, and everybody behind it would wait for ever; so it is withdrawn.

A deferred event is seen at once. Code that asks is not: it runs again in a later hook, or does
not. So such a request is withdrawn only when its turn has come, and neither this dispatch nor the
`PATIENCE - 1` before it have asked.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._dispatch import Dispatch
    from ._native import Hook

logger = logging.getLogger(__name__)

PATIENCE = 3
"""After so many dispatches that did not ask, the turn of a lock goes on to the next unit."""

_UNASKED = 'unasked'
_HELD = 'held'


class Claims:
    """Who will take up this unit's requests."""

    def __init__(self, dispatch: Dispatch):
        self._dispatch = dispatch
        self._interest: set[str] = set()

    def note(self, lock: str) -> None:
        """Note that the charm's code has asked for a lock in this dispatch."""
        self._interest.add(lock)

    def hold(self, lock: str, number: int) -> None:
        """Note that the charm itself keeps the turn of a request."""
        held: dict[str, int] = self._dispatch.recall(_HELD) or {}
        self._dispatch.remember(_HELD, {**held, lock: number})

    def judge(self, hook: Hook) -> None:
        """Withdraw the requests that nobody will take up."""
        outstanding = self._dispatch.outstanding()
        before: dict[str, int] = self._dispatch.recall(_UNASKED) or {}
        held: dict[str, int] = self._dispatch.recall(_HELD) or {}
        held = {lock: number for lock, number in held.items() if outstanding.get(lock) == number}
        unasked: dict[str, int] = {}
        for lock in sorted(outstanding):
            if lock in held:
                continue
            claims = [part.claims(lock) for part in self._dispatch.parts]
            if True in claims:
                continue
            if False in claims and lock not in before and lock not in self._interest:
                self._withdraw(hook, lock, 'no event waits for it')
                continue
            unasked[lock] = 0 if lock in self._interest else before.get(lock, 0) + 1
            if unasked[lock] >= PATIENCE and hook.is_turn(lock):
                del unasked[lock]
                self._withdraw(hook, lock, 'nobody asks for it any more')
        self._dispatch.remember(_UNASKED, unasked or None)
        self._dispatch.remember(_HELD, held or None)
        self._interest.clear()

    def _withdraw(self, hook: Hook, lock: str, reason: str) -> None:
        if hook.withdraw_because(lock, reason):
            name = self._dispatch.name_of(lock)
            logger.info('the request for %s is withdrawn: %s', name, reason)
