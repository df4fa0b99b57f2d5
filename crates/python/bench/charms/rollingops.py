#!/usr/bin/env python3
"""On charmlibs-rollingops, with a peer relation and without etcd."""

import ops
import service
from charmlibs import pathops
from charmlibs.rollingops import OperationResult, RollingOpsManager


class Rolling(ops.CharmBase):
    """Restarts in turn whenever the setting changes."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)
        self._manager = RollingOpsManager(
            self,
            callback_targets={'restart': self._restart},
            peer_relation_name='coordinator',
            base_dir=pathops.LocalPath(self.charm_dir / 'rollingops'),
        )

    def _on_config_changed(self, _):
        if service.needs_restart(self.config):
            self._manager.request_async_lock('restart')

    def _restart(self):
        service.restart(self.config)
        return OperationResult.RELEASE


if __name__ == '__main__':
    ops.main(Rolling)
