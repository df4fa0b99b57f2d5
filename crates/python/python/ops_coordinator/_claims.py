"""The claimants of this unit's requests.

The rule: at every commit each outstanding request has a claimant: a deferred event, a turn that
the charm holds, or a coordinator whose charm asks. A request without one would reach the
front of the line and stay there, and everything behind it would wait forever; so it is withdrawn.

So has the invitation of a campaign: if nobody takes it up, this unit passes. Nobody else may
decide that for it.

Whether an event is deferred is known at once. Whether code asks again is not: it may or may not
run in a later hook. So such a request is withdrawn, or an invitation passed up, only when its turn
has come and neither this dispatch nor the previous `PATIENCE - 1` have asked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ._dispatch import Dispatch
from ._native import Hook
from ._part import Part

logger = logging.getLogger(__name__)

PATIENCE = 3
"""After this many dispatches that did not ask, a lock's turn passes to the next unit."""

_UNASKED = 'unasked'
_HELD = 'held'


class Claims:
    """The claimants of this unit's requests."""

    def __init__(self, dispatch: Dispatch, parts: Sequence[Part]):
        self._dispatch, self._parts = dispatch, parts
        self._interest: set[str] = set()

    def note(self, lock: str) -> None:
        """Note that the charm's code has asked for a lock in this dispatch."""
        self._interest.add(lock)

    def hold(self, lock: str, number: int) -> None:
        """Note that the charm itself keeps the turn of a request."""
        held: dict[str, int] = self._dispatch.recall(_HELD) or {}
        self._dispatch.remember(_HELD, {**held, lock: number})

    def judge(self, hook: Hook) -> None:
        """Withdraw the requests without a claimant, and pass up such invitations."""
        outstanding = self._dispatch.outstanding()
        # `Turns` and `OpsCoordinator` answer those for their own locks.
        invited = {
            lock
            for lock in hook.invitations()
            if all(part.claims(lock) is None for part in self._parts)
        }
        before: dict[str, int] = self._dispatch.recall(_UNASKED) or {}
        held: dict[str, int] = self._dispatch.recall(_HELD) or {}
        held = {lock: number for lock, number in held.items() if outstanding.get(lock) == number}
        unasked: dict[str, int] = {}
        for lock in sorted({*outstanding, *invited}):
            if lock in held:
                continue
            claims = [part.claims(lock) for part in self._parts]
            if True in claims:
                continue
            if False in claims and lock not in before and lock not in self._interest:
                self._withdraw(hook, lock, 'no event is waiting for it')
                continue
            unasked[lock] = 0 if lock in self._interest else before.get(lock, 0) + 1
            if unasked[lock] >= PATIENCE and hook.is_turn(lock):
                del unasked[lock]
                if lock in invited:
                    self._pass(hook, lock, 'the charm does not ask for it')
                else:
                    self._withdraw(hook, lock, 'the charm no longer asks for it')
            elif lock in invited:
                # The others wait for an answer, and nothing else need bring another dispatch.
                self._dispatch.wake(lock, 1)
        self._dispatch.remember(_UNASKED, unasked or None)
        self._dispatch.remember(_HELD, held or None)
        self._interest.clear()

    def _pass(self, hook: Hook, lock: str, reason: str) -> None:
        if hook.pass_in_campaign(lock, reason):
            name = self._dispatch.names.name_of(lock)
            logger.info('%s: passing in a campaign: %s', name, reason)

    def _withdraw(self, hook: Hook, lock: str, reason: str) -> None:
        if hook.withdraw_because(lock, reason):
            name = self._dispatch.names.name_of(lock)
            logger.info('withdrew the request for %s: %s', name, reason)
