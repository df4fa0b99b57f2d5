"""Restarts whose check has yet to hold: the turn goes on, and they are repeated if it fails."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._dispatch import Dispatch
from ._event_base import RestartEventBase
from ._part import Ended
from ._rolled import Rolled, rolled_from

if TYPE_CHECKING:
    from ._check import Check

logger = logging.getLogger(__name__)


class Trial:
    """What a turn has restarted, until its check has held.

    The events are over when their handlers return. So they are kept here: if the check fails, they
    are emitted again.
    """

    def __init__(self, dispatch: Dispatch, key: str, lock: str, name: str, check: Check | None):
        self._dispatch, self._key, self._lock, self._name = dispatch, key, lock, name
        self._check = check
        self.begin_dispatch()

    def begin_dispatch(self) -> None:
        """Begin another dispatch."""
        self._has_looked = self._is_due = False
        self._has_held_back = False

    @property
    def goes_on(self) -> bool:
        """Whether the turn goes on after its restarts: nothing else begins in this dispatch."""
        return self._has_held_back or self._kept is not None

    def begin(self, number: int, events: Iterable[RestartEventBase]) -> None:
        """Begin the trial of what a turn has restarted, just before the turn would end."""
        if self._check is not None:
            texts = [Rolled(event.handle.kind, event).to_text() for event in events]
            self._keep({'number': number, 'events': texts})

    def look(self, on_failure: str) -> bool:
        """Look, once in a dispatch, at the check of an earlier dispatch's restarts.

        Returns:
            Whether the restarts are to be repeated.
        """
        hook, kept = self._dispatch.hook, self._kept
        if self._has_looked:
            return False
        self._has_looked = True
        # Whatever restarts in this dispatch is checked at its end.
        self._demand(on_failure)
        if kept is not None and kept.get('failed'):
            self._is_due = True
            return False
        ended = hook.look_at_check(self._lock)
        if ended is not None:
            return self.end(ended)
        if kept is None:
            return False
        # An operator has ended it, or the dispatch that has found a failure was not committed.
        return self._repeat() if self._is_outstanding(kept) else self._keep(None)

    def end(self, ended: Ended) -> bool:
        """Hear how the restarts stand; return whether they are to be repeated."""
        how, why = ended
        if how == 'done':
            return self._keep(None)
        reason = f'{self._name}: {why}'
        if how == 'continue':
            logger.error('%s, and does not run again', reason)
            return self._keep(None)
        # Whatever follows, nothing of it begins in this dispatch.
        self._has_held_back = True
        if how == 'checking':
            return False
        if how == 'retry':
            logger.warning('%s; it runs again', reason)
        else:
            logger.error("%s; it waits for an operator's retry or skip", reason)
        return self._repeat()

    def take_due(self) -> list[Rolled]:
        """Take what is to be repeated, unless an operator has ended its request."""
        kept = self._kept
        if not self._is_due or kept is None:
            return []
        self._keep(None)
        if not self._is_outstanding(kept):
            return []
        events = [rolled_from(text) for text in kept['events']]
        return [event for event in events if event is not None]

    @property
    def _kept(self) -> dict[str, Any] | None:
        return self._dispatch.recall(self._key)

    def _keep(self, kept: dict[str, Any] | None) -> bool:
        self._dispatch.remember(self._key, kept)
        return False

    def _repeat(self) -> bool:
        if self._kept is not None:
            self._keep({**self._kept, 'failed': True})
        return True

    def _is_outstanding(self, kept: dict[str, Any]) -> bool:
        return self._dispatch.outstanding().get(self._lock) == kept['number']

    def _demand(self, on_failure: str) -> None:
        check = self._check
        if check is not None:
            self._dispatch.hook.set_check(
                self._lock,
                check.fault,
                soak=check.soak,
                within=check.within,
                on_failure=on_failure,
                back_off=0,
            )
