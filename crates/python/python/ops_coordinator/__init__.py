"""Units of an application take turns.

A charm requests an operation, and the units of the application agree over their peer relation who
may run theirs when. Each unit runs it in its turn, one after the other::

    import ops
    from ops_coordinator import Turns


    class MyCharm(ops.CharmBase):
        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            self.turns = Turns(self, {'restart': self._restart})
            framework.observe(self.on.config_changed, self._on_config_changed)

        def _on_config_changed(self, _):
            self.turns.request('restart', port=self.config['port'])

        def _restart(self, port):
            ...  # It is our turn: no other unit is here now.

The charm's `charmcraft.yaml` needs a peer relation to carry this::

    peers:
      coordinator:
        interface: coordinator

`OpsCoordinator` restarts services with the interface of the original library. `BaseCoordinator`
and `Serial` have the interface of `charmhelpers.coordinator`, for charms with their own locks. For
charms that come from other libraries there is `ops_coordinator.compat`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._coordinator import BaseCoordinator, Serial
    from ._error import CoordinatorError, PeerRelationError, ServiceRestartError
    from ._guard import (
        SharedLockLostError,
        SharedLockTimeoutError,
        SharedLockUnreachableError,
        SharedTurn,
    )
    from ._machine import service_restart
    from ._operation import OperationResult
    from ._operators import Operators
    from ._policy import Policy
    from ._shared import SharedLock
    from ._singleton import Singleton
    from ._turn_events import (
        TurnCancelledEvent,
        TurnEvent,
        TurnFailedEvent,
        TurnFinishedEvent,
        TurnStartedEvent,
        TurnState,
        TurnStoppedEvent,
        WaitingOperation,
    )
    from ._turns import Turns
    from .ops_coordinator import OpsCoordinator, RestartCharmEvent, RestartEvent

__all__ = [
    'BaseCoordinator',
    'CoordinatorError',
    'OperationResult',
    'Operators',
    'OpsCoordinator',
    'PeerRelationError',
    'Policy',
    'RestartCharmEvent',
    'RestartEvent',
    'Serial',
    'ServiceRestartError',
    'SharedLock',
    'SharedLockLostError',
    'SharedLockTimeoutError',
    'SharedLockUnreachableError',
    'SharedTurn',
    'Singleton',
    'TurnCancelledEvent',
    'TurnEvent',
    'TurnFailedEvent',
    'TurnFinishedEvent',
    'TurnStartedEvent',
    'TurnState',
    'TurnStoppedEvent',
    'Turns',
    'WaitingOperation',
    'service_restart',
]

# A charm uses some of these, and each of its hooks is a process of its own: nothing is imported
# before it is used.
_HOMES = {
    '_coordinator': ('BaseCoordinator', 'Serial'),
    '_error': ('CoordinatorError', 'PeerRelationError', 'ServiceRestartError'),
    '_guard': (
        'SharedLockLostError',
        'SharedLockTimeoutError',
        'SharedLockUnreachableError',
        'SharedTurn',
    ),
    '_machine': ('service_restart',),
    '_operation': ('OperationResult',),
    '_operators': ('Operators',),
    '_policy': ('Policy',),
    '_shared': ('SharedLock',),
    '_singleton': ('Singleton',),
    '_turn_events': (
        'TurnCancelledEvent',
        'TurnEvent',
        'TurnFailedEvent',
        'TurnFinishedEvent',
        'TurnStartedEvent',
        'TurnState',
        'TurnStoppedEvent',
        'WaitingOperation',
    ),
    '_turns': ('Turns',),
    'ops_coordinator': ('OpsCoordinator', 'RestartCharmEvent', 'RestartEvent', 'ops_coordinator'),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            module = import_module(f'{__name__}.{home}')
            value = module if name == home else getattr(module, name)
            globals()[name] = value
            return value
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
