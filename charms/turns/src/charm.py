#!/usr/bin/env python3
"""A service on every unit, restarted one unit after the other when its message changes."""

import ops
from ops_coordinator import Turns, service_restart

SERVICE = 'hello.service'


class TurnsCharm(ops.CharmBase):
    """Restarts its service in turn."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(running='')
        self.turns = Turns(self, {'restart': self._restart}, on_failure='stop')
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        if self.config['message'] != self._stored.running or self.turns.is_waiting():
            self.turns.request('restart', message=self.config['message'])

    def _restart(self, message: str) -> None:
        (self.charm_dir / 'message').write_text(message)
        service_restart(SERVICE)  # It is our turn. If this raises, nobody behind us restarts.
        self._stored.running = message

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self.turns.state.is_stopped:
            event.add_status(ops.BlockedStatus(self.turns.state.reason or 'stopped'))
        self.turns.add_status(event)  # Whom it waits for, while it waits.
        event.add_status(ops.ActiveStatus(str(self._stored.running)))


if __name__ == '__main__':
    ops.main(TurnsCharm)
