#!/usr/bin/env python3
"""A service on every unit, restarted one unit after the other when its message changes."""

import logging

import ops
from ops_coordinator import (
    Operators,
    OpsCoordinator,
    RestartCharmEvent,
    RestartEvent,
    ServiceRestartError,
)

logger = logging.getLogger(__name__)

SERVICE = 'hello.service'


class PythonCharm(ops.CharmBase):
    """Restarts its service in turn."""

    on = RestartCharmEvent()
    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(wanted='', running='')
        self._failure: ServiceRestartError | None = None
        self.coordinator = OpsCoordinator(self, services=[SERVICE])
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.restart_event, self._on_restart)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)
        Operators(self, self.coordinator)  # The actions, such as roll.

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        message = str(self.config['message'])
        if message == self._stored.wanted:
            return
        # The service reads it when it starts.
        (self.charm_dir / 'message').write_text(message)
        self._stored.wanted = message
        self.on.restart_event.emit({'message': message}, services=[SERVICE])

    def _on_restart(self, event: RestartEvent) -> None:
        try:
            if not event.restart():
                event.defer()  # It is not our turn yet.
                return
        except ServiceRestartError as error:
            logger.warning('%s', error)
            self._failure = error
            event.defer()  # We keep our turn, and nobody behind us restarts.
            return
        if event.ctx is not None:  # An operator's roll changes nothing.
            self._stored.running = event.ctx['message']

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        if self._failure is not None:
            event.add_status(ops.BlockedStatus(f'{SERVICE}: {self._failure.found}'))
        self.coordinator.add_status(event)  # Whom it waits for, while it waits for its turn.
        if self._stored.running != self._stored.wanted:
            event.add_status(ops.WaitingStatus('for another restart'))
        event.add_status(ops.ActiveStatus(str(self._stored.running)))


if __name__ == '__main__':
    ops.main(PythonCharm)
