#!/usr/bin/env python3
"""The example charm on the original library."""

import json
import os

import ops
from ops_coordinator.ops_coordinator import OpsCoordinator, RestartCharmEvent

# The original asks the machine agent's program for Juju's version; the lab has no such program.
OpsCoordinator.initialize.__globals__['hookenv'].juju_version = lambda: os.environ['JUJU_VERSION']


class SeedCharm(ops.CharmBase):
    """Restarts a service whenever a setting changes."""

    on = RestartCharmEvent()
    state = ops.StoredState()

    def __init__(self, *args):
        super().__init__(*args)
        self.framework.observe(self.on.config_changed, self.on_config_changed)
        self.framework.observe(self.on.restart_event, self.on_restart_event)
        self.coordinator = OpsCoordinator()
        self.coordinator.resume()
        # As deployed, the service runs with the first setting.
        self.state.set_default(need_restart=False, config_state={'setting': 'first'})

    def __del__(self):
        self.coordinator.release()

    def on_config_changed(self, _):
        """Ask for a restart, if the setting is another than the one in use."""
        ctx = {'setting': self.config['setting']}
        if self.state.config_state != ctx:
            # The example sets it after `emit`, where this library's handler does not see it yet.
            self.state.need_restart = True
            service = f'python-seed@{self.unit.name.split("/")[1]}.service'
            self.on.restart_event.emit(ctx, services=[service])

    def on_restart_event(self, event):
        """Restart, when the lock is granted."""
        if not self.state.need_restart:
            return
        if event.restart(self.coordinator):
            self.state.config_state = json.loads(event.ctx)
            self.state.need_restart = False
        else:
            event.defer()


if __name__ == '__main__':
    ops.main(SeedCharm)
