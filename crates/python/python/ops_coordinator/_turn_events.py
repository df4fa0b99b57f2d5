"""What a charm may observe of its turns, and what it may ask about them."""

from __future__ import annotations

from typing import Any

import ops

from ._operation import Operation


class TurnEvent(ops.EventBase):
    """Something has happened to an operation of this unit."""

    lock: str
    """The lock, as the charm calls it."""
    operation: str
    """The operation's name."""
    kwargs: dict[str, Any]
    """What it is called with."""

    def __init__(
        self, handle: ops.Handle, lock: str = '', operation: str = '', kwargs: Any = None
    ):
        super().__init__(handle)
        self.lock, self.operation, self.kwargs = lock, operation, kwargs or {}

    def snapshot(self) -> dict[str, Any]:
        """Return the event's state for the framework to store.

        Returns:
            All that it carries.
        """
        return {'lock': self.lock, 'operation': self.operation, 'kwargs': self.kwargs}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`.
        """
        self.lock, self.operation = snapshot['lock'], snapshot['operation']
        self.kwargs = snapshot['kwargs']


class TurnEndedEvent(TurnEvent):
    """An operation has ended without success."""

    reason: str
    """Why, for people."""
    will_retry: bool
    """Whether it runs again by itself."""

    def __init__(
        self,
        handle: ops.Handle,
        lock: str = '',
        operation: str = '',
        kwargs: Any = None,
        reason: str = '',
        will_retry: bool = False,
    ):
        super().__init__(handle, lock, operation, kwargs)
        self.reason, self.will_retry = reason, will_retry

    def snapshot(self) -> dict[str, Any]:
        """Return the event's state for the framework to store.

        Returns:
            All that it carries.
        """
        return {**super().snapshot(), 'reason': self.reason, 'will_retry': self.will_retry}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`.
        """
        super().restore(snapshot)
        self.reason, self.will_retry = snapshot['reason'], snapshot['will_retry']


class TurnStartedEvent(TurnEvent):
    """It is this unit's turn, and the operation is about to run."""


class TurnFinishedEvent(TurnEvent):
    """The operation is done."""


class TurnFailedEvent(TurnEndedEvent):
    """The operation has failed. Unless `will_retry`, it does not run again."""


class TurnStoppedEvent(TurnEndedEvent):
    """The operation has failed, and this unit keeps its turn until an operator says what to do."""


class TurnCancelledEvent(TurnEndedEvent):
    """An operator has ended the request, so the operation does not run."""


class TurnsEvents(ops.ObjectEvents):
    """What a charm may observe of its turns, as `self.turns.on`."""

    turn_started: ops.EventSource = ops.EventSource(TurnStartedEvent)
    turn_finished: ops.EventSource = ops.EventSource(TurnFinishedEvent)
    turn_failed: ops.EventSource = ops.EventSource(TurnFailedEvent)
    turn_stopped: ops.EventSource = ops.EventSource(TurnStoppedEvent)
    turn_cancelled: ops.EventSource = ops.EventSource(TurnCancelledEvent)


class _Frozen:
    """What is as it was when the charm asked for it."""

    __slots__: tuple[str, ...] = ()

    def _fill(self, **values: object) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f'{type(self).__name__} does not change: ask for another one')

    def __eq__(self, other: object) -> bool:
        """Whether another one says the same."""
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)


class WaitingOperation(_Frozen):
    """An operation that waits for its turn. It does not change."""

    __slots__: tuple[str, ...] = ('kwargs', 'max_retry', 'name', 'requested_at', 'retries')

    name: str
    """What the charm calls it."""
    kwargs: dict[str, Any]
    """What it is to be called with."""
    requested_at: int
    """When it was requested, in seconds since 1970 in UTC, by the clock of its unit."""
    retries: int
    """How often it has ended and was to run again."""
    max_retry: int | None
    """How often it may run again; None for no limit."""

    def __init__(self, operation: Operation):
        self._fill(
            name=operation.name,
            kwargs=dict(operation.kwargs),
            requested_at=operation.requested_at,
            retries=operation.retries,
            max_retry=operation.max_retry,
        )

    def __repr__(self) -> str:
        """Return it as it is called."""
        kwargs = ', '.join(f'{name}={value!r}' for name, value in self.kwargs.items())
        return f'{self.name}({kwargs})'


class TurnState(_Frozen):
    """Where this unit stands with a lock. It does not change."""

    __slots__: tuple[str, ...] = (
        'is_checking',
        'is_stopped',
        'is_turn',
        'operations',
        'paused',
        'position',
        'reason',
        'unknown',
        'waits_for',
    )

    operations: tuple[WaitingOperation, ...]
    """What waits for a turn here, the next operation first."""
    unknown: tuple[WaitingOperation, ...]
    """What waits for a revision of the charm that knows it."""
    is_turn: bool
    """Whether the turn of the next operation has come, as far as the line tells."""
    is_stopped: bool
    """Whether the next operation has failed, and waits for an operator."""
    is_checking: bool
    """Whether the next operation has run, and keeps its turn until its check has held."""
    position: int | None
    """Its place in the line, from 1; None if it is not in the line."""
    waits_for: tuple[str, ...]
    """The units that must finish first, by name."""
    reason: str | None
    """Why the next operation has not run yet, in words; None if nothing waits."""
    paused: str | None
    """If an operator has paused the lock: why nothing starts."""

    def __init__(
        self,
        operations: tuple[WaitingOperation, ...] = (),
        unknown: tuple[WaitingOperation, ...] = (),
        *,
        is_turn: bool = False,
        is_stopped: bool = False,
        is_checking: bool = False,
        position: int | None = None,
        waits_for: tuple[str, ...] = (),
        reason: str | None = None,
        paused: str | None = None,
    ):
        self._fill(
            operations=operations,
            unknown=unknown,
            is_turn=is_turn,
            is_stopped=is_stopped,
            is_checking=is_checking,
            position=position,
            waits_for=waits_for,
            reason=reason,
            paused=paused,
        )

    @property
    def is_waiting(self) -> bool:
        """Whether an operation waits for its turn, or for another try."""
        return bool(self.operations)
