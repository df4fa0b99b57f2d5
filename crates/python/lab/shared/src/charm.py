"""A charm whose operation needs a lock in etcd, and its teardown too; it notes who is inside."""

import os
import time
from pathlib import Path

import ops
from ops_coordinator import (
    Policy,
    SharedLock,
    SharedLockLostError,
    SharedLockTimeoutError,
    SharedTurn,
    Turns,
)

HOLD, PROCESS = Path('hold'), Path('process')


class SharedCharm(ops.CharmBase):
    """Runs its operation once its message has changed, and holds the lock when it is asked to."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(message='')
        where = str(self.config['endpoints'])
        ttl = str(self.config['ttl'])
        self.shared = None
        if self.config['relation']:
            self.shared = SharedLock('db-restart', relation='etcd', ttl=ttl)
        elif where:
            self.shared = SharedLock('db-restart', endpoints=where, ttl=ttl)
        self.turns = Turns(
            self,
            {'restart': self._restart},
            policy=Policy(limit=2, shared=self.shared),
            back_off='1s',
        )
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.update_status, self._on_update_status)
        framework.observe(self.on.stop, self._on_stop)
        framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        if self.config['message'] != self._stored.message:
            self.turns.request('restart', message=self.config['message'])

    def _restart(self, message: str) -> None:
        self._work(self.turns.shared_turn)
        self._stored.message = message

    def _on_update_status(self, _: ops.UpdateStatusEvent) -> None:
        if HOLD.exists():
            HOLD.unlink()
            self._hold()

    def _on_stop(self, _: ops.StopEvent) -> None:
        if self.config['patience']:
            self._hold()

    def _hold(self) -> None:
        assert self.shared is not None
        PROCESS.write_text(str(os.getpid()))
        try:
            with self.shared.held(self, timeout=str(self.config['patience'])) as turn:
                self._work(turn)
        except SharedLockTimeoutError as error:
            self._note(f'! {self._who} {error}')
        except SharedLockLostError:
            self._note(f'? {self._who}')

    def _work(self, turn: SharedTurn | None) -> None:
        inside = f'{self._who} {turn.token if turn else 0}'
        self._note(f'+ {inside}')
        try:
            time.sleep(float(self.config['seconds']))
        finally:
            self._note(f'- {inside}')

    @property
    def _who(self) -> str:
        return f'{self.config["who"]}-{self.unit.name.rpartition("/")[2]}'

    def _note(self, line: str) -> None:
        with Path(str(self.config['log'])).open('a') as log:
            log.write(line + '\n')

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        self.turns.add_status(event)
        event.add_status(ops.ActiveStatus())


if __name__ == '__main__':
    ops.main(SharedCharm)
