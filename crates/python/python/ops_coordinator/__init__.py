"""Units of an application take turns.

A charm requests a restart, and the units of the application agree over their peer relation who may
restart when. Each unit restarts in its turn, one after the other::

    import ops
    from ops_coordinator import OpsCoordinator, RestartCharmEvent


    class MyCharm(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.restart_event, self._on_restart)
            self.coordinator = OpsCoordinator(self)

        def _on_config_changed(self, _):
            self.on.restart_event.emit({'port': self.config['port']}, services=['my-service'])

        def _on_restart(self, event):
            if not event.restart():
                event.defer()  # not our turn yet

The charm's `charmcraft.yaml` needs a peer relation to carry this::

    peers:
      coordinator:
        interface: coordinator

`BaseCoordinator` and `Serial` have the interface of `charmhelpers.coordinator`, for charms with
their own locks.
"""

from ._coordinator import BaseCoordinator, Serial
from ._error import CoordinatorError, PeerRelationError, ServiceRestartError
from ._operators import Operators
from ._policy import Policy
from ._singleton import Singleton
from .ops_coordinator import OpsCoordinator, RestartCharmEvent, RestartEvent

__all__ = [
    'BaseCoordinator',
    'CoordinatorError',
    'Operators',
    'OpsCoordinator',
    'PeerRelationError',
    'Policy',
    'RestartCharmEvent',
    'RestartEvent',
    'Serial',
    'ServiceRestartError',
    'Singleton',
]
