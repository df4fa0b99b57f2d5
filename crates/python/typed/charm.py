"""A charm whose types must come through: pyright reads this, nothing runs it."""

from typing import Any

import ops
from ops_coordinator import (
    OperationResult,
    Operators,
    OpsCoordinator,
    Policy,
    RestartCharmEvent,
    RestartEvent,
    Serial,
    SharedLock,
    SharedLockTimeoutError,
    SharedTurn,
    TurnFailedEvent,
    Turns,
    TurnState,
    WaitingOperation,
    service_restart,
)
from typing_extensions import assert_type


class MyEvents(RestartCharmEvent):
    """A charm's own events, on top of the restart event."""

    renewed = ops.EventSource(ops.EventBase)


class MyCharm(ops.CharmBase):
    """Uses every public name the way a charm does."""

    on = MyEvents()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        assert_type(self.on, MyEvents)
        assert_type(self.on.config_changed, ops.BoundEvent)
        assert_type(self.on.renewed, ops.BoundEvent)
        framework.observe(self.on.restart_event, self._on_restart)
        self.coordinator = OpsCoordinator(self, limit=2, services=['web'])
        OpsCoordinator(self, check=self._fault, soak='2m', check_within=60)
        OpsCoordinator(self, check='healthy')  # pyright: ignore[reportArgumentType]
        self.locks = Serial('coordinator', 'cluster', limit={'backup': 2})
        assert_type(self.coordinator, OpsCoordinator)
        assert_type(self.locks, Serial)

    def _fault(self) -> str | None:
        return None

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        self.on.restart_event.emit({'port': 80}, services=('web', 'db'))
        self.on.restart_event.emit(services=[1])  # pyright: ignore[reportArgumentType]
        self.coordinator.roll({'port': 80}, ('web', 'db'), reason='new keys')
        self.coordinator.expect(reason='config 2')
        self.coordinator.roll()  # pyright: ignore[reportCallIssue]
        work = self.locks.require('backup', lambda: True)(self._work)
        assert_type(work(1), str | None)

    def _work(self, number: int) -> str:
        return str(number)

    def _on_restart(self, event: RestartEvent) -> None:
        assert_type(event.services, list[str])
        assert_type(event.restart(), bool)
        event.restart('x')  # pyright: ignore[reportArgumentType]


class MyTurns(ops.CharmBase):
    """Uses turns the way a charm does."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self.shared = SharedLock('db-restart', relation='etcd')
        self.turns = Turns(self, {'restart': self._restart, 'rotate': self._rotate}, limit='25%')
        self.backups = Turns(self, {'backup': lambda: None}, lock='backup', policy=Policy(limit=2))
        framework.observe(self.turns.on.turn_failed, self._on_turn_failed)
        Operators(self, self.turns, self.backups)
        Turns(self, {'wrong': self._wrong})  # pyright: ignore[reportArgumentType]
        Turns(self, {}, lock='a', check=self._fault, soak=60, check_within='5m', back_off='10s')
        Turns(self, {}, lock='c', policy=Policy(max_unavailable='40%', available=self._fault))
        Turns(self, {}, lock='b', check='healthy')  # pyright: ignore[reportArgumentType]

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        assert_type(self.turns.request('restart', port=80), bool)
        self.turns.request_with('restart', {'port': 80}, max_retry=3)
        assert_type(self.turns.is_waiting('restart', unit='app/2'), bool)
        state = self.turns.state
        assert_type(state, TurnState)
        assert_type(state.position, int | None)
        assert_type(state.is_checking, bool)
        self.turns.expect('restart', reason='config 2', port=80)
        assert_type(state.operations, tuple[WaitingOperation, ...])
        self.turns.request(1)  # pyright: ignore[reportArgumentType]

    def _restart(self, port: int) -> None:
        service_restart('web')

    def _on_stop(self, _: ops.StopEvent) -> None:
        try:
            with self.shared.held(self, timeout='5m') as turn:
                assert_type(turn, SharedTurn | None)
        except SharedLockTimeoutError as error:
            assert_type(error.hint, str | None)
        self.shared.held(self)  # pyright: ignore[reportCallIssue]

    def _rotate(self) -> OperationResult:
        return OperationResult.RETRY_HOLD

    def _fault(self) -> str | None:
        return None

    def _wrong(self) -> str:
        return 'done'

    def _on_turn_failed(self, event: TurnFailedEvent) -> None:
        assert_type(event.reason, str)
        assert_type(event.will_retry, bool)
        assert_type(event.kwargs, dict[str, Any])
