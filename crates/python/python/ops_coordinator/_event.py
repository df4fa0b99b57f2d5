"""The restart event, and the moment at which it is delivered."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import ops

from ._plain import plain_context, service_names
from ._restarts import restarts_of

if TYPE_CHECKING:
    from .ops_coordinator import OpsCoordinator


class RestartEvent(ops.EventBase):
    """The charm has requested a restart.

    Args:
        handle: The event's place in the framework.
        ctx: A value that the charm gets back after the restart; usually a dictionary.
        services: The services to restart, in this order.

    Raises:
        TypeError: `ctx` or `services` contains a value that cannot be stored.
        ValueError: The same, or systemd does not allow a service's name.
    """

    def __init__(self, handle: ops.Handle, ctx: Any = None, services: Iterable[str] = ()):
        super().__init__(handle)
        self._ctx = plain_context(ctx)
        self._services = service_names(services)

    @property
    def ctx(self) -> Any:
        """The value passed to `emit`."""
        return self._ctx

    @property
    def services(self) -> list[str]:
        """The services to restart."""
        return self._services

    @property
    def svc(self) -> list[str]:
        """The services to restart, by their older name."""
        return self._services

    def restart(
        self,
        coordinator: OpsCoordinator | None = None,
        *,
        container: ops.Container | str | None = None,
    ) -> bool:
        """Restart the services if it is this unit's turn; request a turn if none was requested.

        The turn ends with the dispatch, unless the event is deferred: then this unit keeps it, and
        `restart` restarts the services again in the next dispatch. If a handler raises after its
        restart, Juju runs the hook again and ops delivers the event again; `restart` then returns
        True without restarting again.

        Args:
            coordinator: The charm's `OpsCoordinator`, if it has more than one.
            container: Restart Pebble services in this container instead of systemd services.

        Returns:
            Whether the services were restarted and are running. If False, other units go first:
            defer the event.

        Raises:
            ServiceRestartError: A service did not restart. The unit keeps its turn.
            TypeError: `coordinator` is not an `OpsCoordinator`.
        """
        return self._coordinator(coordinator).restart(self, container=container)

    def run_action(self) -> Any:
        """Run the action saved in the coordinator.

        Returns:
            The action's return value, None if there is no action.
        """
        return self._coordinator(None).run_action()

    def defer(self) -> None:
        """Deliver the event again in the next dispatch.

        An event whose request was withdrawn, or cancelled by an operator, is over: deferring it
        does nothing.
        """
        if not restarts_of(self.framework).is_over(self):
            super().defer()

    def _coordinator(self, given: OpsCoordinator | None) -> OpsCoordinator:
        from .ops_coordinator import OpsCoordinator, coordinator_of

        if given is None:
            return coordinator_of(self.framework)
        if not isinstance(given, OpsCoordinator):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"restart expects the charm's OpsCoordinator, not {given!r}")
        return given

    # The snapshot has the form of the original library's, so that events that were deferred before
    # the charm was refreshed are understood, and the other way round.

    def snapshot(self) -> dict[str, Any]:
        """Return the event's state for the framework to store."""
        return {'ctx': json.dumps(self._ctx, sort_keys=True), 'svc': ','.join(self._services)}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`, here or in the original library.
        """
        ctx = snapshot.get('ctx')
        try:
            self._ctx = json.loads(ctx) if isinstance(ctx, str) else ctx
        except ValueError:
            self._ctx = ctx
        self._services = [name for name in snapshot.get('svc', '').split(',') if name]
        # The framework creates and restores a new event for each delivery. (A test's framework
        # also does that with the emitted event, which nobody gets.)
        framework: ops.Framework | None = getattr(self, 'framework', None)
        if framework is not None and 'deferred' not in self.__dict__:
            restarts_of(framework).note_delivery(self)


class _Restart(ops.BoundEvent):
    """The charm's `on.restart_event`: delivers emitted events at the end of the dispatch."""

    def emit(self, ctx: Any = None, services: Iterable[str] = ()) -> None:
        """Request a restart.

        The handler runs after everything else in this dispatch, just before the charm's status is
        collected, so it sees anything that the charm sets after `emit`. The arguments are copied:
        later changes to them have no effect.

        Args:
            ctx: A JSON-serialisable value that the charm gets back after the restart.
            services: The services to restart, in this order.

        Raises:
            TypeError: `ctx` or `services` contains a value that cannot be stored.
            ValueError: The same, or systemd does not allow a service's name.
        """
        event = RestartEvent(ops.Handle(self.emitter, self.event_kind, '0'), ctx, services)
        deliver = super().emit
        restarts_of(self.emitter.framework).queue(
            lambda: deliver(event.ctx, event.services), event.snapshot()
        )


class _RestartSource(ops.EventSource):
    def __get__(self, emitter: ops.Object | None, emitter_type: type[ops.Object]) -> _Restart:
        bound = super().__get__(emitter, emitter_type)
        if emitter is None:
            # As `ops` has it: on the class it is the source itself.
            return cast('_Restart', bound)
        return _Restart(emitter, self.event_type, bound.event_kind)


class _AfterRestarts(ops.BoundEvent):
    """An event before which pending restarts are delivered."""

    def emit(self, *args: Any, **kwargs: Any) -> None:
        restarts_of(self.emitter.framework).deliver()
        super().emit(*args, **kwargs)


class _AfterRestartsSource(ops.EventSource):
    def __get__(
        self, emitter: ops.Object | None, emitter_type: type[ops.Object]
    ) -> ops.BoundEvent:
        bound = super().__get__(emitter, emitter_type)
        if emitter is None:
            return bound
        return _AfterRestarts(emitter, self.event_type, bound.event_kind)


class RestartCharmEvent(ops.CharmEvents):
    """The events of a charm, with `restart_event` among them.

    Use it as the charm's `on`, or derive the charm's own events from it::

        class MyCharm(ops.CharmBase):
            on = RestartCharmEvent()
    """

    restart_event: _RestartSource = _RestartSource(RestartEvent)
    collect_app_status: _AfterRestartsSource = _AfterRestartsSource(ops.CollectStatusEvent)
    collect_unit_status: _AfterRestartsSource = _AfterRestartsSource(ops.CollectStatusEvent)


def adopt(on: ops.CharmEvents) -> None:
    """Deliver restart events that a charm declares itself as `RestartCharmEvent` does.

    The charm's events get a new class for that, derived from their old one. Observers registered
    earlier still work, because they go by the event's path, which stays the same.
    """
    cls = type(on)
    if cls is RestartCharmEvent:
        return
    sources: dict[str, ops.EventSource] = {}
    for name in dir(cls):
        source = getattr(cls, name)
        if isinstance(source, _RestartSource) or not isinstance(source, ops.EventSource):
            continue
        if issubclass(source.event_type, RestartEvent):
            sources[name] = _RestartSource(source.event_type)
    if not sources:
        return
    for name in ('collect_app_status', 'collect_unit_status'):
        source = getattr(cls, name)
        if not isinstance(source, _AfterRestartsSource):
            sources[name] = _AfterRestartsSource(source.event_type)
    on.__class__ = type(cls.__name__, (cls,), {'__module__': cls.__module__, **sources})
