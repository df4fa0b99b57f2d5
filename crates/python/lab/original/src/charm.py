#!/usr/bin/env python3
"""The example charm on the original library."""

import json

import ops
from original import OpsCoordinator, RestartCharmEvent


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
        self.state.set_default(need_restart=False, config_state={})
        # Where `__del__` did this, what it raised was lost.
        self.framework.observe(self.framework.on.commit, self.on_commit)

    def on_commit(self, _):
        """End the hook."""
        self.coordinator.release()

    def on_config_changed(self, _):
        """Ask for a restart, if the setting is another than the one in use."""
        ctx = {'setting': self.config['setting']}
        if self.state.config_state != ctx:
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
