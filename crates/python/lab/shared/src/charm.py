"""A charm whose operation needs a lock in etcd, and that writes down who is inside."""

import time
from pathlib import Path

import ops
from ops_coordinator import Policy, SharedLock, Turns


class SharedCharm(ops.CharmBase):
    """Runs its operation once its message has changed."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(message='')
        where = str(self.config['endpoints'])
        shared = SharedLock('db-restart', endpoints=where, ttl='3s') if where else None
        self.turns = Turns(
            self,
            {'restart': self._restart},
            policy=Policy(limit=2, shared=shared),
            back_off='1s',
        )
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        if self.config['message'] != self._stored.message:
            self.turns.request('restart', message=self.config['message'])

    def _restart(self, message: str) -> None:
        turn = self.turns.shared_turn
        token = turn.token if turn else 0
        number = self.unit.name.rpartition('/')[2]
        self._note(f'+ {self.config["who"]}-{number} {token}')
        try:
            time.sleep(float(self.config['seconds']))
            self._stored.message = message
        finally:
            self._note(f'- {self.config["who"]}-{number} {token}')

    def _note(self, line: str) -> None:
        with Path(str(self.config['log'])).open('a') as log:
            log.write(line + '\n')

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        self.turns.add_status(event)
        event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(SharedCharm)
