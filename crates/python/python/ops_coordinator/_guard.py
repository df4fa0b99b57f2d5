"""A turn of a lock in etcd: what it is, and what ends an operation before it is another's."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Protocol

from ._error import CoordinatorError
from ._machine import machine
from ._native import Fuse, Hook

TOKEN = 'OPS_COORDINATOR_TOKEN'
"""The variable in which what an operation starts finds the token of its turn."""

_GLANCE = 0.1
"""How often it is seen whether the lock is still held, in seconds."""


class SharedLockLostError(CoordinatorError):
    """The shared lock was lost: somebody else may soon be inside, so the operation must end."""


class SharedLockTimeoutError(CoordinatorError, TimeoutError):
    """The shared lock was not to be had in time, and what needs it did not run."""


class SharedLockUnreachableError(CoordinatorError):
    """It is not known where etcd is, so what needs the shared lock did not run."""


@dataclass(frozen=True)
class SharedTurn:
    """A turn of a shared lock."""

    token: int
    """A number that is larger than that of every turn of this lock before it."""
    left: float
    """For how many seconds the operation may go on if etcd is not heard of again."""


class Lease(Protocol):
    """What has the lease of a turn, as the native hook does."""

    def shared_turn(self, lock: str) -> tuple[int, int, int] | None:
        """Return the turn, as (token, milliseconds left, milliseconds that it needs to end)."""
        ...


def share(hook: Hook, lock: str, name: str, shared: str) -> None:
    """Let an operation begin only while this unit holds its shared lock.

    Args:
        hook: This hook.
        lock: The lock's name in the line.
        name: The lock, as the charm calls it.
        shared: All of the shared lock, as the native module takes it.
    """
    said = said_by_test(name)
    if said is None:
        hook.set_shared(lock, shared)
    else:
        hook.answer_shared(lock, said if isinstance(said, str) else None)


def ask_for_access(hook: Hook, shared: str) -> None:
    """Let the leader ask the etcd charm for access; in a test, where nothing enters, do nothing.

    Args:
        hook: This hook.
        shared: All of the shared lock, as the native module takes it.
    """
    if _in_juju():
        hook.ask_for_access(shared)


def _in_juju() -> bool:
    return 'JUJU_CONTEXT_ID' in os.environ


def said_by_test(name: str) -> int | str | None:
    """Return what a test says of the lock, None in a hook of Juju's."""
    said = machine().shared(name)
    if said is None and not _in_juju():
        # A test that says nothing is about something else.
        return 1
    return said


def shared_turn(hook: Hook, lock: str, name: str) -> SharedTurn | None:
    """Return the turn of the shared lock that this unit has, None if it is over or ends soon."""
    found = turn_of(hook, lock, name)
    if found is None or found[1] <= found[2]:
        return None
    token, left, grace = found
    return SharedTurn(token, (left - grace) / 1000)


def turn_of(lease: Lease, lock: str, name: str) -> tuple[int, int, int] | None:
    """Return a turn, as (token, milliseconds left, milliseconds that it needs to end).

    Args:
        lease: What has its lease.
        lock: The lock's name in the line.
        name: The lock, as the charm calls it.

    Returns:
        The turn; None if there is none.
    """
    said = said_by_test(name)
    if said is None:
        return lease.shared_turn(lock)
    return (said, 30_000, 10_000) if isinstance(said, int) else None


class Guard:
    """Ends what runs in it before its lock can be somebody else's.

    When a third of the lease is left, or the lock is lost, a signal interrupts it: it raises
    `SharedLockLostError`, also out of a call that waits. What has not ended when the lease is over
    ends with this process. For Juju that is a hook that fails, and has changed nothing.
    """

    def __init__(self, lease: Lease, lock: str, name: str):
        self._lease, self._lock, self._name = lease, lock, name
        self._active = self._lost = False
        self._token, self._until, self._grace = 0, 0, 0
        self._fuse: Fuse | None = None

    def __enter__(self) -> None:
        """Begin, if the lock is held.

        Raises:
            SharedLockLostError: It is not.
        """
        found = turn_of(self._lease, self._lock, self._name)
        self._token = found[0] if found else 0
        if not self._believes(found):
            raise self._error('the operation did not begin')
        self._variable, os.environ[TOKEN] = os.environ.get(TOKEN), str(self._token)
        self._active = True
        # A hook of Juju's has its unit's process to itself.
        if said_by_test(self._name) is None:
            self._fuse = Fuse(self._left())
            self._handler = signal.signal(signal.SIGALRM, self._look)
            self._timer = signal.setitimer(signal.ITIMER_REAL, _GLANCE, _GLANCE)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End.

        Raises:
            SharedLockLostError: The lock was lost meanwhile, and nothing else was raised.
        """
        # From here on, a signal that is under way raises nothing.
        self._active = False
        if self._fuse is not None:
            signal.setitimer(signal.ITIMER_REAL, *self._timer)
            signal.signal(signal.SIGALRM, self._handler)
            self._fuse.put_out()
        if self._variable is None:
            del os.environ[TOKEN]
        else:
            os.environ[TOKEN] = self._variable
        if kind is None and (self._lost or not self._still_held()):
            raise self._error('the operation may not have been alone')

    def _look(self, number: int, frame: FrameType | None) -> None:
        if self._active and not self._lost and not self._still_held():
            self._lost = True
            raise self._error('the operation was interrupted')
        # An operation may hold another lock for a while.
        outer = getattr(self._handler, '__self__', None)
        if isinstance(outer, Guard):
            outer._look(number, frame)

    def _still_held(self) -> bool:
        try:
            found = turn_of(self._lease, self._lock, self._name)
        except CoordinatorError:
            # The hook is busy, or a file cannot be read: what was last known becomes older.
            return self._left() > self._grace
        if found is None and self._fuse is not None:
            # What etcd has ended early may be somebody else's already.
            self._fuse.set(min(self._left(), self._grace))
        return self._believes(found)

    def _believes(self, found: tuple[int, int, int] | None) -> bool:
        if found is None or found[0] != self._token:
            return False
        _, left, self._grace = found
        self._until = milliseconds_now() + left
        if self._fuse is not None:
            self._fuse.set(left)
        return left > self._grace

    def _left(self) -> int:
        return max(self._until - milliseconds_now(), 0)

    def _error(self, what: str) -> SharedLockLostError:
        return SharedLockLostError(f'{self._name}: the shared lock was lost; {what}')


def milliseconds_now() -> int:
    """Return milliseconds since the boot, which also pass while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
