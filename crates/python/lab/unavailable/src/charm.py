#!/usr/bin/env python3
"""Restarts in turn, and at most one unit unavailable, for whatever reason."""

import subprocess
import time

import ops
from ops_coordinator import Policy, Turns


class Unavailable(ops.CharmBase):
    """Is unavailable while there is a file `sick`, and a restart repairs it.

    It asks for a restart when the setting changes, and when it is sick; never while there is a
    file `quiet`.
    """

    def __init__(self, framework):
        super().__init__(framework)
        self.sick, self.quiet = self.charm_dir / 'sick', self.charm_dir / 'quiet'
        policy = Policy(limit=2, max_unavailable=1, available=self._fault)
        self.turns = Turns(self, {'restart': self._restart}, policy=policy)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.update_status, self._on_update_status)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)

    def _on_config_changed(self, _):
        if not self.quiet.exists():
            self.turns.request('restart')

    def _on_update_status(self, _):
        if self.sick.exists() and not self.quiet.exists():
            self.turns.request('restart')

    def _restart(self):
        subprocess.run(['lab-mark', 'enter', 'restart'], check=True)
        time.sleep(0.2)
        self.sick.unlink(missing_ok=True)
        subprocess.run(['lab-mark', 'leave', 'restart'], check=True)

    def _fault(self):
        return 'it is sick' if self.sick.exists() else None

    def _on_collect_status(self, event):
        self.turns.add_status(event)
        event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(Unavailable)
