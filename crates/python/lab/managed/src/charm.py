"""A charm on `compat.rollingops` with a cluster in etcd, and that writes down who is inside."""

import os
import time
from pathlib import Path

import ops
from ops_coordinator.compat.rollingops import OperationResult, RollingOpsManager, SyncLockBackend


class OwnLock(SyncLockBackend):
    """A lock of the charm's own, which says so."""

    def __init__(self, note):
        self._note = note

    def acquire(self, timeout: int | None) -> None:
        """Take it."""
        self._note('own lock')

    def release(self) -> None:
        """Give it back."""


class ManagedCharm(ops.CharmBase):
    """Runs its callback once its message has changed."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(message='')
        self.manager = RollingOpsManager(
            self,
            callback_targets={'restart': self._restart},
            peer_relation_name='coordinator',
            etcd_relation_name='etcd',
            cluster_id='cluster',
            sync_lock_targets={'stop': OwnLock(self._note)},
        )
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.stop, self._on_stop)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        if self.config['message'] != self._stored.message:
            self.manager.request_async_lock('restart', {'message': self.config['message']})

    def _restart(self, message: str) -> OperationResult:
        self._work()
        self._stored.message = message
        return OperationResult.RELEASE

    def _on_stop(self, _: ops.StopEvent) -> None:
        with self.manager.acquire_sync_lock(backend_id='stop', timeout=60):
            self._work()

    def _work(self) -> None:
        token = os.environ.get('OPS_COORDINATOR_TOKEN', '0')
        inside = f'{self.config["who"]}-{self.unit.name.rpartition("/")[2]} {token}'
        self._note(f'+ {inside}')
        time.sleep(float(self.config['seconds']))
        self._note(f'- {inside}')

    def _note(self, line: str) -> None:
        with Path(str(self.config['log'])).open('a') as log:
            log.write(line + '\n')


if __name__ == '__main__':
    ops.main(ManagedCharm)
