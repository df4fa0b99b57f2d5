"""Restarts in turn: the API for charms."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import ops

from . import _pebble
from ._coordinator import CHARM_FIRST, Serial, instances
from ._error import CoordinatorError, ServiceRestartError
from ._event import RestartCharmEvent, RestartEvent, adopt
from ._machine import machine
from ._part import Part, checked_limit
from ._restart_part import RestartPart

__all__ = [
    'OpsCoordinator',
    'RestartCharmEvent',
    'RestartEvent',
    'service_reload',
    'service_restart',
    'service_resume',
]


def service_restart(service: str) -> bool:
    """Restart a systemd service and check that it runs.

    Args:
        service: The service's name.

    Returns:
        True.

    Raises:
        ServiceRestartError: The service is not running.
        CoordinatorError: systemd does not allow such a name.
    """
    fault = machine().restart(service)
    if fault is not None:
        found, log = fault
        unit = os.environ.get('JUJU_UNIT_NAME', 'this unit')
        raise ServiceRestartError(unit=unit, service=service, found=found, log=log)
    return True


def service_reload(service_name: str, restart_on_failure: bool = False) -> bool:
    """Make a systemd service reload its configuration, as in charmhelpers.

    Args:
        service_name: The service's name.
        restart_on_failure: Restart the service if it cannot reload.

    Returns:
        Whether it was reloaded, or restarted instead.
    """
    systemctl = machine().systemctl
    reloaded = systemctl('reload', service_name)
    return reloaded or (restart_on_failure and systemctl('restart', service_name))


def service_resume(service_name: str) -> bool:
    """Unmask, enable and start a systemd service, as in charmhelpers.

    Args:
        service_name: The service's name.

    Returns:
        Whether it is running.
    """
    systemctl = machine().systemctl
    systemctl('unmask', service_name)
    systemctl('enable', service_name)
    return systemctl('is-active', service_name) or systemctl('start', service_name)


class OpsCoordinator(Serial):
    """Restarts of a charm's services, one unit after the other.

    Create it at the end of the charm's `__init__`. There is one per charm: creating it again
    returns the same object.

    Args:
        charm: The charm. It may be omitted if a method of the charm creates the coordinator.
        action_func: See `save_action`.
        action_args: See `save_action`.
        action_kwargs: See `save_action`.
        relation: The peer relation that carries the coordination. Defaults to the one used before,
            then `coordinator`, then the charm's only peer relation.
        limit: How many units may restart at once, 1 to 100.
        release_on_defer: Let the next unit proceed even if this unit's handler defers the event
            after its restart. By default a unit whose check fails keeps its turn and stops the
            roll.
        relation_key: Where the original library stored its requests, so that they are migrated.
        peer_relation_name: An older name for `relation`.

    Raises:
        PeerRelationError: `charmcraft.yaml` has no such peer relation, or it is ambiguous which
            one to use.
        CoordinatorError: The charm already has an `OpsCoordinator` with different arguments, or
            another coordinator that uses the same lock.
        TypeError: The charm is not a charm, the limit not a whole number, or the action not a
            function.
        ValueError: The limit is not from 1 to 100, or `relation` and `peer_relation_name` differ.
    """

    lock: ClassVar[str] = 'restart'
    """The lock for restarts. A second coordinator class in the same charm needs another."""

    _part_type: ClassVar[type[Part]] = RestartPart

    def __init__(
        self,
        charm: ops.CharmBase | None = None,
        action_func: Callable[..., Any] | str | None = None,
        action_args: Sequence[Any] = (),
        action_kwargs: Mapping[str, Any] | None = None,
        *,
        relation: str | None = None,
        limit: int = 1,
        release_on_defer: bool = False,
        relation_key: str = 'coordinator',
        peer_relation_name: str | None = None,
    ):
        if isinstance(limit, Mapping):
            raise TypeError(f'limit must be a whole number from 1 to 100, not {limit!r}')
        super().__init__(
            charm,
            relation=relation,
            relation_key=relation_key,
            peer_relation_name=peer_relation_name,
            limit={self.lock: cast('int', checked_limit(limit))},
        )
        self._restarts = cast('RestartPart', self._part)
        self._restarts.release_on_defer = release_on_defer
        adopt(self._charm.on)
        if action_func is not None:
            self._restarts.action.save(
                action_func, action_args, action_kwargs or {}, for_each_dispatch=True
            )

    def resume(self) -> None:
        """Read the line. Call it early in the charm's `__init__`; further calls do nothing.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        self.initialize()
        self.handle()

    def release(self) -> None:
        """End the dispatch, for charms that call it explicitly.

        Turns end and changes are published when the framework commits: never in a dispatch that
        fails, and also without this call.
        """

    def handle_locks(self, unit: ops.Unit) -> None:
        """Take part in a hook that does not otherwise use the coordinator; for the leader only.

        Args:
            unit: This unit.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        if unit.is_leader():
            self.resume()
            self.release()

    def save_action(
        self,
        action_func: Callable[..., Any] | str | None = None,
        action_args: Sequence[Any] | None = None,
        action_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """Save a function with its arguments for `run_action`, replacing the previous one.

        A method of the charm, passed directly or by name, is looked up again in later hooks; its
        arguments must be JSON-serialisable. Any other function lasts only until the end of this
        dispatch, and a warning says so.

        Args:
            action_func: The function, or the name of a method of the charm. None removes the saved
                action.
            action_args: Its positional arguments.
            action_kwargs: Its keyword arguments.

        Raises:
            TypeError: It is not callable, or its arguments cannot be stored.
            ValueError: The charm has no such method.
        """
        self._restarts.action.save(action_func, action_args or (), action_kwargs or {})

    def run_action(self) -> Any:
        """Call the saved function, once per dispatch.

        Returns:
            The function's return value, also on further calls in this dispatch; None if there is
            no function.
        """
        return self._restarts.action.run()

    def restart(
        self, event: RestartEvent, *, container: ops.Container | str | None = None
    ) -> bool:
        """Same as `RestartEvent.restart`.

        Args:
            event: The event.
            container: Restart Pebble services in this container instead of systemd services.

        Returns:
            Whether the services were restarted and are running.

        Raises:
            ServiceRestartError: A service did not restart. The unit keeps its turn.
        """
        if container is None:
            return self._restarts.restart(event, '', service_restart)
        work = (
            self._charm.unit.get_container(container) if isinstance(container, str) else container
        )
        unit = self._charm.unit.name
        return self._restarts.restart(
            event, work.name, lambda service: _pebble.restart(work, service, unit=unit)
        )


CHARM_FIRST.append(OpsCoordinator.__init__)


def coordinator_of(framework: ops.Framework) -> OpsCoordinator:
    """Return the charm's `OpsCoordinator`."""
    for coordinator in instances(framework).values():
        if isinstance(coordinator, OpsCoordinator):
            return coordinator
    raise CoordinatorError(
        'the charm has no OpsCoordinator; create one in its __init__: '
        'self.coordinator = OpsCoordinator(self)'
    )
