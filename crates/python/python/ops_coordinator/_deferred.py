"""Deferred restart events: which request each waits for, and which were served already."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._local_state import replace_file

if TYPE_CHECKING:
    from ._dispatch import Dispatch
    from ._event import RestartEvent

RESTARTED = 'restarted.json'


class Deferred:
    """What is known of events that `ops` delivers again.

    Which request an event waits for is kept together with the event itself. Which events were
    served by a turn that has ended is kept with the journal: should the hook fail after that, the
    event comes again and its services must not.
    """

    def __init__(self, dispatch: Dispatch, lock: str):
        self._dispatch = dispatch
        self._lock = lock

    def has_request(self, event: RestartEvent) -> bool:
        """Whether it is known which request the event waits for."""
        return event.handle.path in self._requests()

    def note_request(self, event: RestartEvent, number: int) -> None:
        """Remember which request the event waits for."""
        self._remember({**self._requests(), event.handle.path: number})

    def note_restart(self, event: RestartEvent) -> None:
        """The event waits no longer."""
        requests = self._requests()
        if requests.pop(event.handle.path, None) is not None:
            self._remember(requests)

    def was_taken_back(self, event: RestartEvent) -> bool:
        """Whether the request that the event waits for was withdrawn or cancelled."""
        requests = self._requests()
        number = requests.pop(event.handle.path, None)
        if number is None:
            return False
        _, done, outcome, _ = self._dispatch.hook.counters(self._lock)
        # Only of the request that ended last is it known how.
        self._remember({path: other for path, other in requests.items() if other >= done})
        return number <= done and outcome in ('cancelled', 'withdrawn')

    def save_restarted(self, events: Iterable[RestartEvent]) -> None:
        """Keep on the disk which events the turn that is about to end has served."""
        served = {event.handle.path: event.snapshot() for event in events}
        newest, done, _, _ = self._dispatch.hook.counters(self._lock)
        path = self._dispatch.state / RESTARTED
        replace_file(path, {'request': min(newest, done + 1), 'events': served})

    def was_restarted(self, event: RestartEvent) -> bool:
        """Whether a turn that has ended served the event, though its hook failed after that."""
        if self._dispatch.emission:
            return False
        try:
            kept = json.loads((self._dispatch.state / RESTARTED).read_bytes())
            known, number = kept['events'].get(event.handle.path), int(kept['request'])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return False
        return known == event.snapshot() and number <= self._dispatch.hook.counters(self._lock)[1]

    def _requests(self) -> dict[str, int]:
        return self._dispatch.recall('waiting') or {}

    def _remember(self, requests: dict[str, int]) -> None:
        self._dispatch.remember('waiting', requests or None)
