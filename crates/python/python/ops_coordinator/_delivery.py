"""The moment at which restart events are delivered: the end of the dispatch that emits them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import ops

from ._event_base import RestartEventBase
from ._restarts import restarts_of


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
        event = RestartEventBase(ops.Handle(self.emitter, self.event_kind, '0'), ctx, services)
        deliver = super().emit
        restarts_of(self.emitter.framework).queue(
            lambda: deliver(event.ctx, event.services), event.snapshot()
        )


class RestartSource(ops.EventSource):
    """Declares a restart event on a charm's events class."""

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


class AfterRestartsSource(ops.EventSource):
    """Declares an event before which pending restarts are delivered."""

    def __get__(
        self, emitter: ops.Object | None, emitter_type: type[ops.Object]
    ) -> ops.BoundEvent:
        bound = super().__get__(emitter, emitter_type)
        if emitter is None:
            return bound
        return _AfterRestarts(emitter, self.event_type, bound.event_kind)


def adopt(on: ops.CharmEvents) -> None:
    """Deliver restart events that a charm declares itself as `RestartCharmEvent` does.

    The charm's events get a new class for that, derived from their old one. Observers registered
    earlier still work, because they go by the event's path, which stays the same.
    """
    cls = type(on)
    sources: dict[str, ops.EventSource] = {}
    for name in dir(cls):
        source = getattr(cls, name)
        if isinstance(source, RestartSource) or not isinstance(source, ops.EventSource):
            continue
        if issubclass(source.event_type, RestartEventBase):
            sources[name] = RestartSource(source.event_type)
    if not sources:
        return
    for name in ('collect_app_status', 'collect_unit_status'):
        source = getattr(cls, name)
        if not isinstance(source, AfterRestartsSource):
            sources[name] = AfterRestartsSource(source.event_type)
    on.__class__ = type(cls.__name__, (cls,), {'__module__': cls.__module__, **sources})
