"""A charm whose types must come through: pyright reads this, nothing runs it."""

import ops
from ops_coordinator import OpsCoordinator, RestartCharmEvent, RestartEvent, Serial
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
        self.coordinator = OpsCoordinator(self, limit=2)
        self.locks = Serial('coordinator', 'cluster', limit={'backup': 2})
        assert_type(self.coordinator, OpsCoordinator)
        assert_type(self.locks, Serial)

    def _on_config_changed(self, _: ops.ConfigChangedEvent) -> None:
        self.on.restart_event.emit({'port': 80}, services=('web', 'db'))
        self.on.restart_event.emit(services=[1])  # pyright: ignore[reportArgumentType]
        work = self.locks.require('backup', lambda: True)(self._work)
        assert_type(work(1), str | None)

    def _work(self, number: int) -> str:
        return str(number)

    def _on_restart(self, event: RestartEvent) -> None:
        assert_type(event.services, list[str])
        assert_type(event.restart(), bool)
        event.restart('x')  # pyright: ignore[reportArgumentType]
