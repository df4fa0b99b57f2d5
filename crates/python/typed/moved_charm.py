"""A charm that comes from charmlibs-rollingops: pyright reads this, nothing runs it."""

import ops
from ops_coordinator.compat import rolling_ops_v0
from ops_coordinator.compat.rollingops import (
    OperationResult,
    RollingOpsManager,
    RollingOpsState,
    SyncLockBackend,
)
from typing_extensions import assert_type


class MyLock(SyncLockBackend):
    """A lock of the charm's own."""

    def acquire(self, timeout: int | None) -> None:
        """Take it."""

    def release(self) -> None:
        """Give it back."""


class MovedCharm(ops.CharmBase):
    """Uses the names of the other library the way a charm does."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.manager = RollingOpsManager(
            charm=self,
            callback_targets={'restart': self._restart},
            peer_relation_name='restart',
            sync_lock_targets={'stop': MyLock()},
        )
        self.older = rolling_ops_v0.RollingOpsManager(self, 'older', self._run)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        self.manager.request_async_lock('restart', kwargs={'delay': 1}, max_retry=2)
        assert_type(self.manager.state, RollingOpsState)
        assert_type(self.manager.is_waiting(unit_name='app/1'), bool)
        with self.manager.acquire_sync_lock(backend_id='stop', timeout=5):
            pass

    def _restart(self, delay: int) -> OperationResult:
        return OperationResult.RELEASE

    def _run(self, event: rolling_ops_v0.RunWithLock) -> None:
        event.defer()
