"""The names of charmlibs-rollingops 1.1, for its peer mode.

A charm imports them from here, and the rest of it stays as it is::

    # was: charmlibs.rollingops
    from ops_coordinator.compat.rollingops import OperationResult, RollingOpsManager

`docs/moving.md` says what is different here.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import enum
from collections.abc import Generator, Mapping
from typing import Any

import ops

from .._error import CoordinatorError
from .._operation import OperationResult
from .._policy import Policy
from .._shared import SharedLock
from ._manager import CompatTurns

__all__ = [
    'OperationResult',
    'ProcessingBackend',
    'RollingOpsDecodingError',
    'RollingOpsError',
    'RollingOpsEtcdNotConfiguredError',
    'RollingOpsEtcdctlError',
    'RollingOpsFileSystemError',
    'RollingOpsInvalidLockRequestError',
    'RollingOpsInvalidSecretContentError',
    'RollingOpsLibMissingError',
    'RollingOpsManager',
    'RollingOpsNoRelationError',
    'RollingOpsState',
    'RollingOpsStatus',
    'RollingOpsSyncLockError',
    'SyncLockBackend',
]


class RollingOpsError(Exception):
    """Any error of this module."""


class RollingOpsNoRelationError(RollingOpsError):
    """There is no peer relation yet."""


class RollingOpsInvalidLockRequestError(RollingOpsError):
    """A request that cannot be served: its text says why."""


class RollingOpsSyncLockError(RollingOpsError):
    """A synchronous lock could not be taken, or not be given back."""


class RollingOpsEtcdctlError(RollingOpsError):
    """A command of etcd failed. Never raised here, and here for `except` clauses."""


class RollingOpsEtcdNotConfiguredError(RollingOpsEtcdctlError):
    """The charm is related to etcd, and does not carry what its units need for that."""


class RollingOpsDecodingError(RollingOpsError):
    """Never raised here: what cannot be read is left out, and here for `except` clauses."""


class RollingOpsFileSystemError(RollingOpsError):
    """Never raised here, and here for `except` clauses."""


class RollingOpsInvalidSecretContentError(RollingOpsError):
    """Never raised here, and here for `except` clauses."""


class RollingOpsLibMissingError(RollingOpsError):
    """Never raised here, and here for `except` clauses."""


class ProcessingBackend(str, enum.Enum):
    """What coordinates the units."""

    PEER = 'peer'
    """Their peer relation."""
    ETCD = 'etcd'
    """Their peer relation, and beside it a lock in etcd."""

    def __str__(self) -> str:
        """Return the value itself."""
        return self.value


class RollingOpsStatus(str, enum.Enum):
    """Where this unit stands."""

    NOT_READY = 'not-ready'
    """There is no peer relation yet."""
    WAITING = 'waiting'
    """Operations wait for a turn."""
    GRANTED = 'granted'
    """It is this unit's turn."""
    IDLE = 'idle'
    """Nothing waits."""

    def __str__(self) -> str:
        """Return the value itself."""
        return self.value


@dataclasses.dataclass(frozen=True)
class RollingOpsState:
    """Where this unit stands, and what coordinates it."""

    status: RollingOpsStatus
    """Where this unit stands."""
    processing_backend: ProcessingBackend
    """What coordinates it."""


class SyncLockBackend(abc.ABC):
    """A lock of the charm's own, for code that cannot wait for a later hook.

    It is taken where there is no etcd.
    """

    @abc.abstractmethod
    def acquire(self, timeout: int | None) -> None:
        """Take the lock, and wait until it is free.

        Args:
            timeout: For how many seconds to wait at most; None for no limit.

        Raises:
            TimeoutError: It was not free in time.
        """

    @abc.abstractmethod
    def release(self) -> None:
        """Give the lock back."""


def _shared(relation: str, cluster_id: str) -> SharedLock:
    return SharedLock(
        'rollingops', relation=relation, optional=True, prefix=f'/ops-coordinator/{cluster_id}/'
    )


class RollingOpsManager(ops.Object):
    """Runs a charm's callbacks on one unit after the other.

    Args:
        charm: The charm.
        callback_targets: The callbacks, by the names under which they are requested.
        peer_relation_name: The peer relation; the lock has its name.
        etcd_relation_name: A relation to etcd. While it exists, and there is a `cluster_id`, a
            callback also needs a lock there, which all applications with this `cluster_id` share.
            The peer relation still says which unit of this application is next.
        cluster_id: The name under which applications share that lock.
        sync_lock_targets: The charm's own synchronous locks, by name, for where there is no etcd.
        base_dir: As in charmlibs-rollingops; nothing is stored there.

    Raises:
        ValueError: `cluster_id` is given without `etcd_relation_name`, or is empty or too long.
        RollingOpsEtcdNotConfiguredError: The charm is related to etcd, and `ops-coordinator[etcd]`
            is not installed.
        PeerRelationError: The charm declares no such peer relation.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        *,
        callback_targets: dict[str, Any],
        peer_relation_name: str,
        etcd_relation_name: str | None = None,
        cluster_id: str | None = None,
        sync_lock_targets: Mapping[str, SyncLockBackend] | None = None,
        base_dir: object = None,
    ):
        super().__init__(charm, f'rolling-ops-manager-{peer_relation_name}')
        if cluster_id and not etcd_relation_name:
            raise ValueError('cluster_id has a meaning only with an etcd_relation_name')
        policy = None
        self._shares = False
        self._shared: SharedLock | None = None
        if etcd_relation_name and cluster_id:
            self._shared = shared = _shared(etcd_relation_name, cluster_id)
            policy = Policy(shared=shared)
            self._shares = bool(charm.model.relations[etcd_relation_name])
            if self._shares:
                try:
                    shared.require_command()
                except CoordinatorError as error:
                    raise RollingOpsEtcdNotConfiguredError(
                        f'{charm.app.name} is related to etcd as {etcd_relation_name}: {error}'
                    ) from error
        self.peer_relation_name = peer_relation_name
        """The peer relation."""
        self.etcd_relation_name = etcd_relation_name
        """The relation to etcd."""
        self.turns: CompatTurns = CompatTurns(charm, peer_relation_name, callback_targets, policy)
        """The same with all that this package offers, for charms that move on step by step."""
        self._charm, self._callbacks = charm, callback_targets
        self._sync_locks = dict(sync_lock_targets or {})

    def request_async_lock(
        self,
        callback_id: str,
        kwargs: dict[str, Any] | None = None,
        max_retry: int | None = None,
    ) -> None:
        """Let a callback run in this unit's turn, in a later hook.

        Args:
            callback_id: The callback's name.
            kwargs: What it is called with: values that JSON can represent, at most 16 KiB.
            max_retry: How often it may run again; None for no limit, 0 for never.

        Raises:
            RollingOpsInvalidLockRequestError: The name is unknown, or an argument not valid.
            RollingOpsNoRelationError: There is no peer relation yet.
        """
        if callback_id not in self._callbacks:
            raise RollingOpsInvalidLockRequestError(f'Unknown callback_id: {callback_id}')
        if self.turns.relation is None:
            raise RollingOpsNoRelationError(f'No {self.peer_relation_name} peer relation yet.')
        try:
            self.turns.request_with(callback_id, kwargs, max_retry=max_retry)
        except (TypeError, ValueError, CoordinatorError) as error:
            raise RollingOpsInvalidLockRequestError(
                f'Failed to create the lock request: {error}'
            ) from error

    @contextlib.contextmanager
    def acquire_sync_lock(
        self, backend_id: str, timeout: int | None
    ) -> Generator[None, None, None]:
        """Hold a lock while the block runs. It waits, and blocks the hook.

        With a `cluster_id` and a relation to etcd it is the lock that callbacks need, the one of
        all applications with this `cluster_id`. Without that relation it is one of the charm's.

        Args:
            backend_id: The name in `sync_lock_targets` of the lock to take where there is no etcd.
            timeout: For how many seconds to wait at most; None for no limit.

        Yields:
            Nothing.

        Raises:
            TimeoutError: The lock was not free in time. The block does not run.
            RollingOpsSyncLockError: There is no such lock, or it cannot be taken or given back.
            SharedLockLostError: The lock in etcd was lost while the block ran. It is raised in it.
        """
        with contextlib.ExitStack() as ends:
            if self._shared is None or not self._hold(self._shared, timeout, ends):
                ends.enter_context(self._own_lock(backend_id, timeout))
            yield

    def _hold(self, shared: SharedLock, timeout: int | None, ends: contextlib.ExitStack) -> bool:
        """Hold the lock in etcd; return whether there is an etcd."""
        try:
            return ends.enter_context(shared.held(self._charm, timeout=timeout)) is not None
        except TimeoutError:
            raise
        except CoordinatorError as error:
            raise RollingOpsSyncLockError(
                f'Failed to acquire the etcd sync lock: {error}'
            ) from error

    @contextlib.contextmanager
    def _own_lock(self, backend_id: str, timeout: int | None) -> Generator[None, None, None]:
        """Hold one of the charm's own locks."""
        backend = self._sync_locks.get(backend_id)
        if backend is None:
            raise RollingOpsSyncLockError(f'Unknown sync lock backend: {backend_id}.')
        try:
            backend.acquire(timeout=timeout)
        except TimeoutError:
            raise
        except Exception as error:
            raise RollingOpsSyncLockError(
                f'Failed to acquire sync lock backend {backend_id}: {error}'
            ) from error
        try:
            yield
        finally:
            try:
                backend.release()
            except Exception as error:
                raise RollingOpsSyncLockError(
                    f'Failed to release sync lock backend {backend_id}: {error}'
                ) from error

    @property
    def state(self) -> RollingOpsState:
        """Where this unit stands. Asking changes nothing."""
        if self.turns.relation is None:
            status = RollingOpsStatus.NOT_READY
        elif self.turns.is_granted:
            status = RollingOpsStatus.GRANTED
        elif self.turns.waiting():
            status = RollingOpsStatus.WAITING
        else:
            status = RollingOpsStatus.IDLE
        backend = ProcessingBackend.ETCD if self._shares else ProcessingBackend.PEER
        return RollingOpsState(status, backend)

    def is_waiting(self, unit_name: str | None = None) -> bool:
        """Tell whether anything waits on a unit.

        Args:
            unit_name: The unit's name; this unit if none is given.

        Returns:
            Whether an operation waits there, or is to run again.

        Raises:
            ValueError: The peer relation has no such unit.
        """
        return self.turns.relation is not None and bool(self.turns.waiting(unit_name))

    def is_waiting_callback(self, callback_id: str, unit_name: str | None = None) -> bool:
        """Tell whether a callback waits on a unit.

        Args:
            callback_id: The callback's name.
            unit_name: The unit's name; this unit if none is given.

        Returns:
            Whether it waits there, or is to run again.

        Raises:
            ValueError: The peer relation has no such unit.
        """
        if self.turns.relation is None:
            return False
        return any(one.name == callback_id for one in self.turns.waiting(unit_name))
