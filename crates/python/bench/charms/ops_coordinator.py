#!/usr/bin/env python3
"""On this package."""

import ops
import service
from ops_coordinator import OpsCoordinator, RestartCharmEvent


class Rolling(ops.CharmBase):
    """Restarts in turn whenever the setting changes."""

    on = RestartCharmEvent()

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.restart_event, self._on_restart)
        self.coordinator = OpsCoordinator(self)

    def _on_config_changed(self, _):
        if service.needs_restart(self.config):
            self.on.restart_event.emit()

    def _on_restart(self, event):
        if event.restart():
            service.restart(self.config)
        else:
            event.defer()


if __name__ == '__main__':
    ops.main(Rolling)
