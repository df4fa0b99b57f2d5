"""The restarts of one dispatch: the requested ones, and the delivered events."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import ops

from ._event_base import RestartEventBase

_ATTRIBUTE = '_ops_coordinator_restarts'


class Restarts(ops.Object):
    """The restarts of one dispatch.

    Emitted events wait here until everything else in the dispatch has run. Delivered events are
    noted, because at the commit it matters which of them were deferred: those claim a request
    later.
    """

    def __init__(self, framework: ops.Framework):
        super().__init__(framework, 'ops-coordinator-restarts')
        self._pending: deque[tuple[int, Callable[[], None], dict[str, Any]]] = deque()
        self._begin()
        # Where no status is collected, as in a restricted hook, the commit is the last moment.
        framework.observe(framework.on.pre_commit, self._on_pre_commit)
        framework.observe(framework.on.commit, self._on_commit)

    def _begin(self) -> None:
        self.emitted = 0
        """How many restarts this dispatch has requested."""
        self.delivering = 0
        """Which of them is being delivered, from 1; 0 for an event of an earlier dispatch."""
        self.context = uuid.uuid4().hex
        """Distinguishes this dispatch from others if Juju does not."""
        self._delivered: list[RestartEventBase] = []
        self._over: set[str] = set()
        self._absorbed: list[dict[str, Any]] = []

    def queue(self, emit: Callable[[], None], snapshot: dict[str, Any]) -> None:
        """Queue an emission until the end of the dispatch."""
        self.emitted += 1
        self._pending.append((self.emitted, emit, snapshot))

    def deliver(self) -> None:
        """Deliver what was emitted in this dispatch."""
        while self._pending:
            self.delivering, emit, snapshot = self._pending.popleft()
            before = len(self._delivered)
            try:
                emit()
            finally:
                self.delivering = 0
            if len(self._delivered) == before:
                # `ops` has an event with the same content in its queue, and keeps only that.
                self._absorbed.append(snapshot)

    def note_delivery(self, event: RestartEventBase) -> None:
        """Note that an event is delivered to one of its observers."""
        self._delivered.append(event)

    def deferred(self) -> dict[str, RestartEventBase]:
        """Return the events, by path, that will be delivered again in the next dispatch."""
        return {e.handle.path: e for e in self._delivered if getattr(e, 'deferred', False)}

    def renewed(self) -> set[str]:
        """Return the deferred events, by path, that also represent another emission."""
        deferred = self.deferred().items()
        return {path for path, event in deferred if event.snapshot() in self._absorbed}

    def end(self, event: RestartEventBase) -> None:
        """Make an event end with this dispatch, whatever its handlers do."""
        self._over.add(event.handle.path)

    def is_over(self, event: RestartEventBase) -> bool:
        """Return whether the event ends with this dispatch."""
        return event.handle.path in self._over

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        self.deliver()

    def _on_commit(self, _: ops.EventBase) -> None:
        # What was emitted in the commit itself.
        self.deliver()
        # Whatever still comes, as in a test that goes on with the same charm, is another dispatch.
        self._begin()


def restarts_of(framework: ops.Framework) -> Restarts:
    """Return the restarts of the current dispatch."""
    known: dict[str, Restarts] = framework.__dict__
    if _ATTRIBUTE not in known:
        known[_ATTRIBUTE] = Restarts(framework)
    return known[_ATTRIBUTE]
