"""Restarts in turn: what a charm uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ops

from . import _pebble
from ._action import SavedAction
from ._coordinator import Serial, instances
from ._deferred import Deferred
from ._error import CoordinatorError, ServiceRestartError
from ._event import RestartCharmEvent, RestartEvent
from ._native import restart_service

if TYPE_CHECKING:
    from ._dispatch import Turn
    from ._native import Hook

__all__ = ['OpsCoordinator', 'RestartCharmEvent', 'RestartEvent', 'service_restart']

LOCK = 'restart'


def service_restart(service: str) -> bool:
    """Restart a systemd service and check that it runs; gives True.

    A charm's tests put a function of their own in the place of this one.

    Raises:
        ServiceRestartError: it does not run.
    """
    fault = restart_service(service)
    if fault is not None:
        found, log = fault
        unit = os.environ.get('JUJU_UNIT_NAME', 'this unit')
        raise ServiceRestartError(unit=unit, service=service, found=found, log=log)
    return True


class OpsCoordinator(Serial):
    """Restarts of a charm's services, one unit after the other.

    Construct it at the end of the charm's `__init__`. There is one for a charm: constructing it
    again gives the same.

    Args:
        charm: the charm. It may be left out in a charm whose events are `RestartCharmEvent`.
        action_func: see `save_action`.
        action_args: see `save_action`.
        action_kwargs: see `save_action`.
        relation: the peer relation that carries the coordination. Without it `coordinator`, or the
            only peer relation that the charm has.
        limit: how many units may restart at once.
        release_on_defer: let the next unit go even if this unit's handler defers the event after
            its restart. Without it a unit whose check fails keeps its turn, and so stops the roll.
        relation_key: where the original library kept its requests, so that they are taken over.
        peer_relation_name: an older name for `relation`.

    Raises:
        PeerRelationError: there is no such peer relation in `charmcraft.yaml`, or it is not clear
            which one to use.
    """

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
        super().__init__(
            charm,
            relation=relation,
            relation_key=relation_key,
            peer_relation_name=peer_relation_name,
        )
        if not 1 <= limit <= 100:
            raise ValueError(f'limit is a whole number from 1 to 100, not {limit}')
        self.limits = {LOCK: limit}
        self._release_on_defer = release_on_defer
        self._action = SavedAction(self._dispatch)
        self._deferred = Deferred(self._dispatch, LOCK)
        if action_func is not None:
            self.save_action(action_func, action_args, action_kwargs)

    def resume(self) -> None:
        """Look at the line. Call it early in the charm's `__init__`; again does nothing."""
        self.initialize()
        self.handle()

    def release(self) -> None:
        """End the dispatch, in a charm that says so itself.

        What the unit has is released, and what is to be published is written, when the framework
        commits: never in a dispatch that fails, and without this call as well.
        """

    def handle_locks(self, unit: ops.Unit) -> None:
        """Take part in a hook that the charm does not use otherwise; only the leader has to."""
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
        dispatch.
        """
        self._action.save(action_func, action_args or (), action_kwargs or {})

    def run_action(self) -> Any:
        """Call the function that was saved; gives what it returns, None where there is none."""
        return self._action.run()

    def restart(
        self, event: RestartEvent, *, container: ops.Container | str | None = None
    ) -> bool:
        """Do what `RestartEvent.restart` says."""
        dispatch = self._dispatch
        if self._deferred.was_restarted(event):
            return True
        turn = dispatch.turns.get(LOCK)
        if turn is not None and dispatch.emission > turn.emitted:
            # Asked for after the services restarted: that restart may have missed the reason.
            self._deferred.note_request(event, self.request(LOCK))
            return False
        started, waits_for = dispatch.start(LOCK)
        if not started:
            self._wait(event, waits_for)
            return False
        turn = dispatch.turns[LOCK]
        self._restart_services(event, container, turn.restarted)
        self._deferred.note_restart(event)
        turn.events.append(event)
        if not dispatch.emission:
            turn.again.append(event)
        return True

    def take_over(self, hook: Hook) -> None:
        """Take over what an earlier dispatch has left."""
        self._action.begin()
        super().take_over(hook)

    def before_release(self, hook: Hook) -> None:
        """Do what is left to do before this dispatch publishes."""
        self._action.end()
        super().before_release(hook)

    def _wait(self, event: RestartEvent, waits_for: str | None) -> None:
        if waits_for is not None:
            self.msg('Waiting on {}: {}', LOCK, waits_for)
        elif self._deferred.was_taken_back(event):
            self.msg('The request of {} was taken back', event)
            event.cancel()
            return
        if not self._deferred.has_request(event):
            self._deferred.note_request(event, self.request(LOCK))

    def _restart_services(
        self,
        event: RestartEvent,
        container: ops.Container | str | None,
        restarted: set[tuple[str, str]],
    ) -> None:
        if isinstance(container, str):
            container = self._charm.unit.get_container(container)
        place = '' if container is None else container.name
        for service in event.services:
            if (place, service) in restarted:
                continue
            try:
                if container is None:
                    service_restart(service)
                else:
                    _pebble.restart(container, service, unit=self._charm.unit.name)
            except Exception as error:
                reason = getattr(error, 'found', str(error))
                self._dispatch.fail(LOCK, f'{service}: {reason}')
                raise
            restarted.add((place, service))

    def turn_ends(self, lock: str, turn: Turn) -> None:
        """Decide whether the unit keeps a turn that this dispatch has used."""
        if lock != LOCK:
            return
        deferred = [event for event in turn.events if event.deferred]
        if deferred and not self._release_on_defer and turn.kept is None:
            turn.kept = 'its handler deferred the event'
        if turn.kept is None:
            self._deferred.save_restarted([event for event in turn.again if not event.deferred])


def coordinator_of(framework: ops.Framework) -> OpsCoordinator:
    """The charm's `OpsCoordinator`."""
    for coordinator in instances(framework).values():
        if isinstance(coordinator, OpsCoordinator):
            return coordinator
    raise CoordinatorError(
        'the charm has no OpsCoordinator; make one in its __init__: '
        'self.coordinator = OpsCoordinator(self)'
    )
