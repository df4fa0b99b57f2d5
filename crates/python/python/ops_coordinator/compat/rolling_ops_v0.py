"""The names of the charm library rolling_ops v0.

A charm imports them from here, and the rest of it stays as it is::

    # was: charms.rolling_ops.v0.rollingops
    from ops_coordinator.compat.rolling_ops_v0 import RollingOpsManager

`docs/moving.md` says what is different here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ops

from .._operation import OperationResult
from ._manager import CompatTurns

_logger = logging.getLogger(__name__)

__all__ = [
    'AcquireLock',
    'Lock',
    'LockNoRelationError',
    'Locks',
    'ProcessLocks',
    'RollingOpsManager',
    'RunWithLock',
]


class LockNoRelationError(Exception):
    """There is no peer relation yet."""


class RunWithLock(ops.EventBase):
    """It is this unit's turn: the callback gets this event."""


class AcquireLock(ops.EventBase):
    """The charm wants a turn."""

    callback_override: str
    """The charm's method to run in place of the usual one; empty for that."""

    def __init__(self, handle: ops.Handle, callback_override: str | None = None):
        super().__init__(handle)
        self.callback_override = callback_override or ''

    def snapshot(self) -> dict[str, Any]:
        """Return the event's state for the framework to store.

        Returns:
            The name of the method.
        """
        return {'callback_override': self.callback_override}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`, here or in v0.
        """
        self.callback_override = snapshot['callback_override']


class ProcessLocks(ops.EventBase):
    """In v0, lets the leader look at the locks. Here it does nothing: no leader needs it."""


class _Methods(Mapping[str, 'Callable[..., OperationResult | None]']):
    """The methods of a charm, any of which may be named in a request."""

    def __init__(self, charm: ops.CharmBase, usual: Callable[..., Any], run: Callable[..., Any]):
        self._charm, self._usual, self._run = charm, usual, run

    def find(self, name: str) -> Callable[..., Any] | None:
        found = getattr(self._charm, name, None)
        return found if callable(found) else self._usual if name == self.usual else None

    @property
    def usual(self) -> str:
        return getattr(self._usual, '__name__', 'callback')

    def __getitem__(self, name: str) -> Callable[..., OperationResult | None]:
        method = self.find(name)
        if method is None:
            raise KeyError(name)
        return lambda: self._run(method)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter((self.usual,))

    def __len__(self) -> int:
        return 1


class _Turns(CompatTurns):
    IS_V0 = True

    def _kind(
        self, callbacks: Mapping[str, Callable[..., Any]]
    ) -> Mapping[str, Callable[..., OperationResult | None]]:
        # What raises fails the hook, as in v0.
        return callbacks

    def _resolve(self, callback: str) -> str:
        return callback or next(iter(self._callbacks))


class RollingOpsManager(ops.Object):
    """Runs a charm's callback on one unit after the other.

    A callback that raises fails the hook, and one that defers its event runs again; in both cases
    this unit keeps its turn, and nobody else starts.

    Args:
        charm: The charm.
        relation: The peer relation; the lock and the events have its name.
        callback: The charm's method that is called with an event when it is this unit's turn.

    Raises:
        PeerRelationError: The charm declares no such peer relation.
    """

    def __init__(
        self, charm: ops.CharmBase, relation: str, callback: Callable[[RunWithLock], object]
    ):
        super().__init__(charm, f'rolling-ops-manager-{relation}')
        self.name = relation
        """The peer relation."""
        self.charm = charm
        """The charm."""
        self._methods = _Methods(charm, callback, self._run)
        self._method: Callable[..., object] | None = None
        self._result: OperationResult | None = None
        self.turns: CompatTurns = _Turns(charm, relation, self._methods)
        """The same with all that this package offers, for charms that move on step by step."""
        for name, kind in (
            ('run_with_lock', RunWithLock),
            ('acquire_lock', AcquireLock),
            ('process_locks', ProcessLocks),
        ):
            charm.on.define_event(f'{relation}_{name}'.replace('-', '_'), kind)
        events: Any = charm.on[relation]
        self.framework.observe(events.acquire_lock, self._on_acquire_lock)
        self.framework.observe(events.run_with_lock, self._on_run_with_lock)

    def _on_acquire_lock(self, event: AcquireLock) -> None:
        self.turns.request(event.callback_override or self._methods.usual)

    def _run(self, method: Callable[..., object]) -> OperationResult | None:
        self._method, self._result = method, None
        try:
            events: Any = self.charm.on[self.name]
            events.run_with_lock.emit()
        finally:
            self._method = None
        return self._result

    def _on_run_with_lock(self, event: RunWithLock) -> None:
        if self._method is None:
            _logger.warning('%s: it is not the turn of this unit, so nothing runs', self.name)
            return
        self._method(event)
        if event.deferred:
            # Not delivered again by itself, where the turn may be another unit's.
            event.deferred = False
            self._result = OperationResult.RETRY_HOLD


class Lock:
    """Where a unit stands, for charms that have looked at it.

    Args:
        manager: The manager.
        unit: The unit; this unit if none is given.

    Raises:
        LockNoRelationError: There is no peer relation yet.
    """

    def __init__(self, manager: RollingOpsManager, unit: ops.Unit | None = None):
        if manager.turns.relation is None:
            raise LockNoRelationError(f'there is no peer relation {manager.name} yet')
        self._manager = manager
        self.unit: ops.Unit = unit or manager.model.unit
        """The unit."""
        self.app: ops.Application = manager.model.app
        """The application."""
        self.relation: ops.Relation = manager.turns.relation
        """The peer relation."""

    def acquire(self) -> None:
        """Ask for a turn of this unit."""
        self._manager.turns.request(next(iter(self._manager.turns._methods)))  # pyright: ignore[reportPrivateUsage]

    def is_held(self) -> bool:
        """Tell whether it is the turn of the unit.

        Returns:
            Whether it is, as far as this unit knows.
        """
        if self.unit == self._manager.model.unit:
            return self._manager.turns.is_granted
        return self.unit.name in self._manager.turns.holders()

    def is_pending(self) -> bool:
        """Tell whether the unit waits for its turn.

        Returns:
            Whether it does.
        """
        return bool(self._manager.turns.waiting(self.unit.name)) and not self.is_held()

    def release_requested(self) -> bool:
        """Tell whether the leader has to end a turn.

        Returns:
            False: a unit ends its turn itself.
        """
        return False


class Locks:
    """Where all units stand.

    Args:
        manager: The manager.
    """

    def __init__(self, manager: RollingOpsManager):
        self.manager = manager
        """The manager."""

    def __iter__(self) -> Iterator[Lock]:
        """Return each unit's lock, this unit's last.

        Raises:
            LockNoRelationError: There is no peer relation yet.
        """
        own = Lock(self.manager)
        for unit in sorted(own.relation.units, key=lambda unit: unit.name):
            yield Lock(self.manager, unit)
        yield own
