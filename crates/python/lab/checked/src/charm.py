#!/usr/bin/env python3
"""Restarts in turn, and a check that has to hold after each."""

import subprocess
import time

import ops
from ops_coordinator import Turns


class Checked(ops.CharmBase):
    """Restarts whenever the setting changes, and is well unless a file says otherwise."""

    def __init__(self, framework):
        super().__init__(framework)
        self.turns = Turns(self, {'restart': self._restart}, check=self._fault, soak='2s')
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_config_changed(self, _):
        self.turns.request('restart', setting=self.config['setting'])

    def _restart(self, setting):
        subprocess.run(['lab-mark', 'enter', 'restart'], check=True)
        time.sleep(0.2)
        subprocess.run(['lab-mark', 'leave', 'restart'], check=True)

    def _fault(self):
        return 'it is sick' if (self.charm_dir / 'sick').exists() else None

    def _on_collect_status(self, event):
        self.turns.add_status(event)
        event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(Checked)
