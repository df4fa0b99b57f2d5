"""The restart event, and the moment at which it is delivered."""

from __future__ import annotations

import json
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import ops

if TYPE_CHECKING:
    from .ops_coordinator import OpsCoordinator


def _plain(value: object) -> object:
    """What JSON does not know by itself: the dictionaries, lists and sets of a `StoredState`."""
    if isinstance(value, Mapping):
        return dict(cast('Mapping[str, Any]', value))
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return list(cast('Iterable[Any]', value))
    raise TypeError(
        f'ctx holds a {type(value).__name__}; it comes back as JSON, so use plain values'
    )


class RestartEvent(ops.EventBase):
    """The charm has asked for a restart.

    Args:
        handle: the event's place in the framework.
        ctx: what the charm wants back once it has restarted; usually a dictionary.
        services: the services to restart, in this order.
    """

    def __init__(self, handle: ops.Handle, ctx: Any = None, services: Sequence[str] = ()):
        super().__init__(handle)
        if isinstance(services, str):
            raise TypeError(f'services is a list of names, as in services=[{services!r}]')
        for name in services:
            if not name or ',' in name:
                raise ValueError(f'{name!r} is no name of a service')
        self._ctx = json.loads(json.dumps(ctx, default=_plain))
        self._services = list(services)
        self._cancelled = False

    @property
    def ctx(self) -> Any:
        """What the charm gave to `emit`."""
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
        """Restart the services if it is this unit's turn; ask for a turn if none was asked for.

        True means: it was our turn, and each service runs again. The turn ends with the dispatch,
        unless the event is deferred: then this unit keeps it, and `restart` tries again in the
        next dispatch. False means that others go first; defer the event.

        Args:
            coordinator: the charm's `OpsCoordinator`, where it has more than one.
            container: restart Pebble services in this container instead of systemd services.

        Raises:
            ServiceRestartError: a service did not restart. The unit keeps its turn.
        """
        return self._coordinator(coordinator).restart(self, container=container)

    def run_action(self) -> Any:
        """Run the action that was saved in the coordinator; gives what it returns."""
        return self._coordinator(None).run_action()

    def defer(self) -> None:
        """Have the event delivered again in the next dispatch.

        An event whose request an operator has cancelled is over: deferring it does nothing.
        """
        if not self._cancelled:
            super().defer()

    def cancel(self) -> None:
        """Let the event end here, whatever its handler does."""
        self._cancelled = True

    def _coordinator(self, given: OpsCoordinator | None) -> OpsCoordinator:
        if given is not None:
            return given
        from .ops_coordinator import coordinator_of

        return coordinator_of(self.framework)

    # The snapshot has the form of the original library's, so that events that were deferred before
    # the charm was refreshed are understood, and the other way round.

    def snapshot(self) -> dict[str, Any]:
        """What the framework keeps of the event."""
        return {'ctx': json.dumps(self._ctx, sort_keys=True), 'svc': ','.join(self._services)}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Take the event over from what the framework kept."""
        ctx = snapshot.get('ctx')
        try:
            self._ctx = json.loads(ctx) if isinstance(ctx, str) else ctx
        except ValueError:
            self._ctx = ctx
        self._services = [name for name in snapshot.get('svc', '').split(',') if name]
        self._cancelled = False


class _Restart(ops.framework.BoundEvent):
    """The charm's `on.restart_event`: what is emitted is delivered at the end of the dispatch."""

    def emit(self, ctx: Any = None, services: Sequence[str] = ()) -> None:
        """Ask for a restart.

        The handler runs once everything else in this dispatch has run, just before the charm's
        status is collected: so whatever the charm sets after `emit` is set when the handler looks
        at it.

        Args:
            ctx: what the charm wants back once it has restarted; anything that JSON can hold.
            services: the services to restart, in this order.
        """
        RestartEvent(ops.Handle(self.emitter, self.event_kind, '0'), ctx, services)
        cast('RestartCharmEvent', self.emitter).queue_restart(ctx, services)


class _RestartSource(ops.EventSource):
    def __get__(self, emitter: ops.Object | None, emitter_type: type[ops.Object]) -> _Restart:
        bound = super().__get__(emitter, emitter_type)
        if emitter is None:
            return cast('_Restart', bound)
        return _Restart(emitter, self.event_type, bound.event_kind)


class _AfterRestarts(ops.framework.BoundEvent):
    """An event before which pending restarts are delivered."""

    def emit(self, *args: Any, **kwargs: Any) -> None:
        cast('RestartCharmEvent', self.emitter).deliver_restarts()
        super().emit(*args, **kwargs)


class _AfterRestartsSource(ops.EventSource):
    def __get__(
        self, emitter: ops.Object | None, emitter_type: type[ops.Object]
    ) -> ops.framework.BoundEvent:
        bound = super().__get__(emitter, emitter_type)
        if emitter is None:
            return bound
        return _AfterRestarts(emitter, self.event_type, bound.event_kind)


_latest: weakref.ref[ops.CharmBase] | None = None


def latest_charm() -> ops.CharmBase | None:
    """The charm that last looked at its `on`, which it does when it is constructed."""
    return _latest() if _latest is not None else None


class RestartCharmEvent(ops.CharmEvents):
    """The events of a charm, with `restart_event` among them.

    Use it as the charm's `on`, or derive the charm's own events from it::

        class MyCharm(ops.CharmBase):
            on = RestartCharmEvent()
    """

    restart_event = _RestartSource(RestartEvent)
    collect_app_status = _AfterRestartsSource(ops.CollectStatusEvent)
    collect_unit_status = _AfterRestartsSource(ops.CollectStatusEvent)

    def __init__(self, parent: ops.Object | None = None, key: str | None = None):
        super().__init__(parent, key)
        self._pending: deque[tuple[int, tuple[Any, Sequence[str]]]] = deque()
        self._count = 0
        self._delivering = 0
        self._observes = False

    def __get__(self, emitter: Any, emitter_type: type[ops.Object]) -> Any:
        global _latest
        if isinstance(emitter, ops.CharmBase):
            _latest = weakref.ref(emitter)
        return super().__get__(emitter, emitter_type)

    @property
    def restarts_emitted(self) -> int:
        """How many restarts this dispatch has asked for."""
        return self._count

    @property
    def emission(self) -> int:
        """Which emission of this dispatch is being delivered, from 1; 0 for none."""
        return self._delivering

    def deliver_restarts(self) -> None:
        """Deliver what was emitted in this dispatch."""
        while self._pending:
            self._delivering, arguments = self._pending.popleft()
            try:
                ops.framework.BoundEvent.emit(self.restart_event, *arguments)
            finally:
                self._delivering = 0

    def queue_restart(self, ctx: Any, services: Sequence[str]) -> None:
        """Keep an emission until the end of the dispatch."""
        self._count += 1
        self._pending.append((self._count, (ctx, services)))
        if not self._observes:
            # Where no status is collected, as in a restricted hook, the commit is the last moment.
            self._observes = True
            self.framework.observe(self.framework.on.pre_commit, self._on_pre_commit)

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        self.deliver_restarts()
