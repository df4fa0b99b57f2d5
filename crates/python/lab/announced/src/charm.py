#!/usr/bin/env python3
"""Restarts that all units expect at the same time, and that the leader announces."""

import subprocess
import time

import ops
from ops_coordinator import Turns


class Announced(ops.CharmBase):
    """Expects a restart whenever the setting changes, and shows the one that it runs with."""

    _stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self._stored.set_default(setting='')
        self.turns = Turns(self, {'restart': self._restart})
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_config_changed(self, _):
        setting = self.config['setting']
        if setting != self._stored.setting:
            self.turns.expect('restart', reason=f'setting {setting}', setting=setting)

    def _restart(self, setting):
        subprocess.run(['lab-mark', 'enter', 'restart'], check=True)
        time.sleep(0.2)
        self._stored.setting = setting
        subprocess.run(['lab-mark', 'leave', 'restart'], check=True)

    def _on_collect_status(self, event):
        self.turns.add_status(event)
        event.add_status(ops.ActiveStatus(self._stored.setting))


if __name__ == '__main__':
    ops.main(Announced)
