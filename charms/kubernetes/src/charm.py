#!/usr/bin/env python3
"""A workload in a container, restarted one unit after the other when its message changes."""

import ops
from ops_coordinator import Turns

SERVICE = 'hello'


class KubernetesCharm(ops.CharmBase):
    """Restarts its workload in turn."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.container = self.unit.get_container('workload')
        self.turns = Turns(self, {'restart': self._restart}, on_failure='stop')
        framework.observe(self.on.workload_pebble_ready, self._on_pebble_ready)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_pebble_ready(self, _: ops.PebbleReadyEvent) -> None:
        self._start(str(self.config['message']))  # Nobody uses it yet, so this needs no turn.

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        # A workload that does not run yet will start with the message of that time.
        if self._running() not in (None, self.config['message']) or self.turns.is_waiting():
            self.turns.request('restart', message=self.config['message'])

    def _restart(self, message: str) -> None:
        self._start(message)  # It is our turn. If this raises, nobody behind us restarts.

    def _start(self, message: str) -> None:
        service: ops.pebble.ServiceDict = {
            'override': 'replace',
            'command': '/bin/hello',
            'startup': 'enabled',
            'environment': {'MESSAGE': message},
        }
        self.container.add_layer('hello', {'services': {SERVICE: service}}, combine=True)
        self.container.replan()  # Restarts what has changed, and raises if it does not start.

    def _running(self) -> str | None:
        if not self.container.can_connect():
            return None
        service = self.container.get_plan().services.get(SERVICE)
        return service.environment.get('MESSAGE') if service else None

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self.turns.state.is_stopped:
            event.add_status(ops.BlockedStatus(self.turns.state.reason or 'stopped'))
        self.turns.add_status(event)  # Whom it waits for, while it waits.
        running = self._running()
        if running is None:
            event.add_status(ops.WaitingStatus('for Pebble'))
        else:
            event.add_status(ops.ActiveStatus(running))


if __name__ == '__main__':
    ops.main(KubernetesCharm)
