#!/usr/bin/env python3
"""Two coordinators, each on a peer relation of its own."""

import subprocess
import time

import ops
from ops_coordinator import OpsCoordinator, RestartCharmEvent, Serial


class TwoAtOnce(Serial):
    """Lets two units back up, whatever the restarts do."""

    def default_grant(self, lock, unit, granted, queue):
        """Decide as long as there is room."""
        return len(granted) < 2


class TwoEndpoints(ops.CharmBase):
    """Restarts, and backs up, whenever the setting changes."""

    on = RestartCharmEvent()
    state = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self.state.set_default(setting='', backup=False)
        self.restarts = OpsCoordinator(self, relation='restarts')
        self.backups = TwoAtOnce(self, relation='backups')
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.restart_event, self._on_restart)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_config_changed(self, _):
        if self.state.setting != self.config['setting']:
            self.state.setting, self.state.backup = self.config['setting'], True
            self.on.restart_event.emit({}, services=['web'])

    def _on_restart(self, event):
        if not event.restart():
            event.defer()

    def _on_collect_status(self, event):
        if self.state.backup and self.backups.acquire('backup'):
            subprocess.run(['lab-mark', 'enter', 'backup'], check=True)
            time.sleep(0.2)
            subprocess.run(['lab-mark', 'leave', 'backup'], check=True)
            self.state.backup = False
        event.add_status(ops.ActiveStatus(self.state.setting))


if __name__ == '__main__':
    ops.main(TwoEndpoints)
