#!/usr/bin/env python3
"""Restarts in turn, on charmlibs-rollingops. The check makes a second revision of it, on ours."""

import pathlib
import subprocess
import time

import ops
from charmlibs.rollingops import OperationResult, RollingOpsManager

APPLIED, BROKEN = pathlib.Path('applied'), pathlib.Path('broken')


class Rolling(ops.CharmBase):
    """Restarts in turn whenever the setting changes."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)
        self._manager = RollingOpsManager(
            self,
            callback_targets={'restart': self._restart},
            peer_relation_name='restart',
            base_dir=_path(self.charm_dir / 'rollingops'),
        )
        if not APPLIED.exists():
            # As deployed, the service runs with the first setting.
            APPLIED.write_text('first')

    def _on_config_changed(self, _):
        if APPLIED.read_text() != self.config['setting']:
            self._manager.request_async_lock('restart', {'setting': self.config['setting']})

    def _restart(self, setting):
        """Restart, between the marks by which the lab knows who is inside."""
        if BROKEN.exists():
            return OperationResult.RETRY_HOLD
        subprocess.run(['lab-mark', 'enter', 'restart'], check=True)
        time.sleep(0.3)
        APPLIED.write_text(setting)
        subprocess.run(['lab-mark', 'leave', 'restart'], check=True)
        return OperationResult.RELEASE


def _path(path):
    try:
        from charmlibs import pathops
    except ImportError:
        return path
    return pathops.LocalPath(path)


if __name__ == '__main__':
    ops.main(Rolling)
