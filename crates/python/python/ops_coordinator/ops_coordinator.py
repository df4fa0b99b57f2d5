"""Restarts in turn: what a charm uses."""

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
        ServiceRestartError: It does not run.
        CoordinatorError: systemd does not allow such a name.
    """
    fault = machine().restart(service)
    if fault is not None:
        found, log = fault
        unit = os.environ.get('JUJU_UNIT_NAME', 'this unit')
        raise ServiceRestartError(unit=unit, service=service, found=found, log=log)
    return True


def service_reload(service_name: str, restart_on_failure: bool = False) -> bool:
    """Have a systemd service reload its configuration, as in charmhelpers.

    Args:
        service_name: The service's name.
        restart_on_failure: Restart it where it cannot reload.

    Returns:
        Whether it was reloaded, or restarted in its place.
    """
    systemctl = machine().systemctl
    reloaded = systemctl('reload', service_name)
    return reloaded or (restart_on_failure and systemctl('restart', service_name))


def service_resume(service_name: str) -> bool:
    """Let a systemd service start at boot again, and start it now, as in charmhelpers.

    Args:
        service_name: The service's name.

    Returns:
        Whether it runs.
    """
    systemctl = machine().systemctl
    systemctl('unmask', service_name)
    systemctl('enable', service_name)
    return systemctl('is-active', service_name) or systemctl('start', service_name)


class OpsCoordinator(Serial):
    """Restarts of a charm's services, one unit after the other.

    Construct it at the end of the charm's `__init__`. There is one for a charm: making it again
    returns the same.

    Args:
        charm: The charm. It may be left out where the coordinator is made in the charm's methods.
        action_func: See `save_action`.
        action_args: See `save_action`.
        action_kwargs: See `save_action`.
        relation: The peer relation that carries the coordination. Without it the one that was used
            before, else `coordinator`, or the only peer relation that the charm has.
        limit: How many units may restart at once, 1 to 100.
        release_on_defer: Let the next unit go even if this unit's handler defers the event after
            its restart. Without it a unit whose check fails keeps its turn, and so stops the roll.
        relation_key: Where the original library kept its requests, so that they are taken over.
        peer_relation_name: An older name for `relation`.

    Raises:
        PeerRelationError: There is no such peer relation in `charmcraft.yaml`, or it is not clear
            which one to use.
        CoordinatorError: The charm has an `OpsCoordinator` already, made with other arguments, or
            another coordinator that uses the same lock.
        TypeError: The charm is no charm, the limit no whole number, or the action no function.
        ValueError: The limit is not from 1 to 100, or `relation` and `peer_relation_name` differ.
    """

    lock: ClassVar[str] = 'restart'
    """The lock that a restart takes. A second class of coordinators in a charm needs another."""

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
        """Look at the line. Call it early in the charm's `__init__`; again does nothing.

        Raises:
            CoordinatorError: The line, or this unit's state, cannot be read.
        """
        self.initialize()
        self.handle()

    def release(self) -> None:
        """End the dispatch, in a charm that says so itself.

        What the unit has is released, and what is to be published is written, when the framework
        commits: never in a dispatch that fails, and without this call as well.
        """

    def handle_locks(self, unit: ops.Unit) -> None:
        """Take part in a hook that the charm does not use otherwise; only the leader has to.

        Args:
            unit: This unit.

        Raises:
            CoordinatorError: The line, or this unit's state, cannot be read.
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
        """Keep a function that `run_action` calls, with its arguments, in place of the one before.

        A method of the charm, given itself or by its name, is found again in later hooks; its
        arguments must then be what JSON can hold. Any other function lasts as long as this
        dispatch, which is told in the log.

        Args:
            action_func: The function, or the name of a method of the charm. Without it there is no
                action any more.
            action_args: Its arguments.
            action_kwargs: Its arguments by name.

        Raises:
            TypeError: It cannot be called, or its arguments cannot be kept with its name.
            ValueError: The charm has no such method.
        """
        self._restarts.action.save(action_func, action_args or (), action_kwargs or {})

    def run_action(self) -> Any:
        """Call the function that was saved, once in a dispatch.

        Returns:
            What the function returned, or had returned before in this dispatch; None where there
            is none.
        """
        return self._restarts.action.run()

    def restart(
        self, event: RestartEvent, *, container: ops.Container | str | None = None
    ) -> bool:
        """Do what `RestartEvent.restart` says.

        Args:
            event: The event.
            container: Restart Pebble services in this container instead of systemd services.

        Returns:
            Whether the services were restarted and run.

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
        'the charm has no OpsCoordinator; make one in its __init__: '
        'self.coordinator = OpsCoordinator(self)'
    )
