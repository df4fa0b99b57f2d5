"""Locks in etcd that operations need beside their turns."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from ._error import CoordinatorError, brief
from ._machine import machine
from ._native import Fuse, Hook, checked_shared

TOKEN = 'OPS_COORDINATOR_TOKEN'
"""The variable in which what an operation starts finds the token of its turn."""

_PACKAGE = 'ops_coordinator_etcd'
_PROGRAM = 'ops-coordinator'
_GLANCE = 0.1
"""How often it is seen whether the lock is still held, in seconds."""
_PATHS = ('endpoints_file', 'cacert', 'cert', 'key')


class SharedLockLostError(CoordinatorError):
    """The shared lock was lost: somebody else may soon be inside, so the operation must end."""


@dataclass(frozen=True)
class SharedTurn:
    """A turn of a shared lock."""

    token: int
    """A number that is larger than that of every turn of this lock before it."""
    left: float
    """For how many seconds the operation may go on if etcd is not heard of again."""


@dataclass(frozen=True)
class SharedLock:
    """A lock in etcd that an operation needs beside its turn.

    Applications whose policies name the same lock take turns, in any model and on any cloud. It
    needs the distribution `ops-coordinator-etcd`: install `ops-coordinator[etcd]`.

    Args:
        name: The lock in etcd: the same name, limit and prefix in all applications.
        endpoints: Where etcd is, as `host`, `host:port`, `http://...` or `https://...`: a text, in
            which commas separate them, or several texts.
        endpoints_file: Instead: a file in the charm's directory into which the charm writes them,
            once it knows them. Until it says something, nothing begins.
        relation: Instead: the endpoint of the relation with the etcd charm (`etcd_client`), which
            says where etcd is and who signed its certificates. Until it does, nothing begins.
            Without `cert` and `key`, the leader also makes a certificate and asks for access.
        optional: Whether operations go without the lock while that relation does not exist: then
            the application's own line alone decides.
        limit: How many units may be inside at once, over all applications, 1 to 1000. If two
            disagree, the lower number counts for both.
        ttl: How long the others wait for a unit that has vanished, and how long an operation may
            go on without etcd: seconds, or text such as `'1m'`; 2 s at least.
        cacert: The authority that signed the servers' certificates, unless a relation says it; a
            path in the charm's directory, as the next two.
        cert: This unit's certificate.
        key: The key of that certificate. Keep it readable for its owner only.
        prefix: What all keys in etcd begin with, by default `ops-coordinator/`. With a relation,
            the range of keys for which access is asked.

    Raises:
        TypeError: A value is of the wrong type.
        ValueError: A value is not valid, or two do not fit each other; the message says which.
    """

    name: str
    endpoints: str | Sequence[str] | None = field(default=None, kw_only=True)
    endpoints_file: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    relation: str | None = field(default=None, kw_only=True)
    optional: bool = field(default=False, kw_only=True)
    limit: int = field(default=1, kw_only=True)
    ttl: int | str = field(default='30s', kw_only=True)
    cacert: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    cert: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    key: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    prefix: str | None = field(default=None, kw_only=True)
    said: str = field(init=False, repr=False)
    """All of it, as the native module takes it."""

    def __post_init__(self) -> None:
        """Check what is given; afterwards, equal locks have equal values."""
        given: dict[str, Any] = {
            'name': _text(self.name, 'name'),
            'limit': _number(self.limit, 'limit'),
            'ttl': self.ttl if isinstance(self.ttl, str) else f'{_number(self.ttl, "ttl")}s',
        }
        if self.prefix is not None:
            given['prefix'] = _text(self.prefix, 'prefix')
        if self.relation is not None:
            given['relation'] = _text(self.relation, 'relation')
        if not isinstance(self.optional, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'optional must be true or false, not {brief(self.optional)}')
        if self.optional:
            given['optional'] = True
        if self.endpoints is not None:
            given['endpoints'] = _endpoints(self.endpoints)
        for path in _PATHS:
            value: str | os.PathLike[str] | None = getattr(self, path)
            if value is not None:
                given[path.replace('_', '-')] = _text(os.fspath(value), path)
        said = checked_shared(json.dumps(given))
        for name, value in {**_fields(said), 'said': said}.items():
            object.__setattr__(self, name, value)

    def require_command(self) -> Path:
        """Return the command that stands in line in etcd, for a test of the charm's packing.

        Returns:
            Its path.

        Raises:
            CoordinatorError: It is not installed; the message says what to install.
        """
        return Path(etcd_command())


def lock_from(said: str) -> SharedLock:
    """Return the lock that `coordination.toml` declares."""
    return SharedLock(**_fields(said))


def _fields(said: str) -> dict[str, Any]:
    """Return the fields of a lock, from all of it."""
    fields: dict[str, Any] = json.loads(said)
    optional = fields.get('optional', False)
    return {**fields, 'endpoints': tuple(fields['endpoints']) or None, 'optional': optional}


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{name} must be text, not {brief(value)}')
    return value


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f'{name} must be a whole number, not {brief(value)}')
    if value < 0:
        raise ValueError(f'{name} must not be negative')
    return value


def _endpoints(value: str | Sequence[str]) -> list[str]:
    several = [value] if isinstance(value, str) else list(value)
    return [_text(one, 'an endpoint') for one in several]


def etcd_command() -> str:
    """Return the path of the command that stands in line in etcd.

    It is found beside its package: a charm's hooks do not have the programs of its virtual
    environment on their `PATH`.

    Raises:
        CoordinatorError: It is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise CoordinatorError(
            'ops-coordinator-etcd is not installed: let the charm install ops-coordinator[etcd]'
        )
    command = Path(spec.origin).with_name(_PROGRAM)
    if not os.access(command, os.X_OK):
        raise CoordinatorError(
            f'{command} cannot be run: install ops-coordinator-etcd from its wheel, and let '
            'nothing take away its permission to run'
        )
    return str(command)


def share(hook: Hook, lock: str, name: str, shared: SharedLock) -> None:
    """Let an operation begin only while this unit holds its shared lock.

    Args:
        hook: This hook.
        lock: The lock's name in the line.
        name: The lock, as the charm calls it.
        shared: The shared lock.
    """
    said = _said(name)
    if said is None:
        hook.set_shared(lock, shared.said)
    else:
        hook.answer_shared(lock, said if isinstance(said, str) else None)


def ask_for_access(hook: Hook, shared: SharedLock) -> None:
    """Let the leader ask the etcd charm for access; in a test, where nothing enters, do nothing.

    Args:
        hook: This hook.
        shared: The shared lock.
    """
    if _in_juju():
        hook.ask_for_access(shared.said)


def _in_juju() -> bool:
    return 'JUJU_CONTEXT_ID' in os.environ


def _said(name: str) -> int | str | None:
    """Return what a test says of the lock, None in a hook of Juju's."""
    said = machine().shared(name)
    if said is None and not _in_juju():
        # A test that says nothing is about something else.
        return 1
    return said


def shared_turn(hook: Hook, lock: str, name: str) -> SharedTurn | None:
    """Return the turn of the shared lock that this unit has, None if it is over or ends soon."""
    found = _turn(hook, lock, name)
    if found is None or found[1] <= found[2]:
        return None
    token, left, grace = found
    return SharedTurn(token, (left - grace) / 1000)


def _turn(hook: Hook, lock: str, name: str) -> tuple[int, int, int] | None:
    said = _said(name)
    if said is None:
        return hook.shared_turn(lock)
    return (said, 30_000, 10_000) if isinstance(said, int) else None


class Guard:
    """Ends what runs in it before its lock can be somebody else's.

    When a third of the lease is left, or the lock is lost, a signal interrupts it: it raises
    `SharedLockLostError`, also out of a call that waits. What has not ended when the lease is over
    ends with this process. For Juju that is a hook that fails, and has changed nothing.
    """

    def __init__(self, hook: Hook, lock: str, name: str):
        self._hook, self._lock, self._name = hook, lock, name
        self._active = self._lost = False
        self._token, self._until, self._grace = 0, 0, 0
        self._fuse: Fuse | None = None

    def __enter__(self) -> None:
        """Begin, if the lock is held.

        Raises:
            SharedLockLostError: It is not.
        """
        found = _turn(self._hook, self._lock, self._name)
        self._token = found[0] if found else 0
        if not self._believes(found):
            raise self._error('the operation did not begin')
        self._variable, os.environ[TOKEN] = os.environ.get(TOKEN), str(self._token)
        self._active = True
        # A hook of Juju's has its unit's process to itself.
        if _said(self._name) is None:
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
        if not self._active or self._lost or self._still_held():
            return
        self._lost = True
        raise self._error('the operation was interrupted')

    def _still_held(self) -> bool:
        try:
            found = _turn(self._hook, self._lock, self._name)
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
        self._until = _now() + left
        if self._fuse is not None:
            self._fuse.set(left)
        return left > self._grace

    def _left(self) -> int:
        return max(self._until - _now(), 0)

    def _error(self, what: str) -> SharedLockLostError:
        return SharedLockLostError(f'{self._name}: the shared lock was lost; {what}')


def _now() -> int:
    """Return milliseconds since the boot, which also pass while the machine sleeps."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
