#!/usr/bin/env python3
"""Restarts of a service in turn, and a check that has to hold after each."""

import ops
from ops_coordinator import OpsCoordinator, RestartCharmEvent


class RestartChecked(ops.CharmBase):
    """Restarts whenever the setting changes, and is well unless a file says otherwise."""

    on = RestartCharmEvent()

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.restart_event, self._on_restart)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)
        self.coordinator = OpsCoordinator(self, check=self._fault, soak='2s', check_within='5s')

    def _on_config_changed(self, _):
        self.on.restart_event.emit({'setting': self.config['setting']}, services=['web'])

    def _on_restart(self, event):
        if not event.restart():
            event.defer()

    def _fault(self):
        return 'it is sick' if (self.charm_dir / 'sick').exists() else None

    def _on_collect_status(self, event):
        self.coordinator.add_status(event)
        event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(RestartChecked)
