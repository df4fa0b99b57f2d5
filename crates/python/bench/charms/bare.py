#!/usr/bin/env python3
"""On ops alone: every unit restarts at once. What this costs is no library's doing."""

import ops
import service


class Rolling(ops.CharmBase):
    """Restarts whenever the setting changes."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_config_changed(self, _):
        if service.needs_restart(self.config):
            service.restart(self.config)


if __name__ == '__main__':
    ops.main(Rolling)
