"""The restarts of one dispatch: requested at any time, delivered at its end."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

import ops

from ._event_base import RestartEventBase

_ATTRIBUTE = '_ops_coordinator_restarts'


class Restarts(ops.Object):
    """The restarts of one dispatch.

    Emitted events wait here until everything else in the dispatch has run. Delivered events are
    noted, because at the commit it matters which of them were deferred: those claim a request
    later.
    """

    def __init__(self, framework: ops.Framework):
        super().__init__(framework, 'ops-coordinator-restarts')
        self._pending: deque[tuple[int, Callable[[], None], dict[str, Any]]] = deque()
        self._at_delivery: list[Callable[[], None]] = []
        self._begin()
        # Where no status is collected, as in a restricted hook, the commit is the last moment.
        framework.observe(framework.on.pre_commit, self._on_pre_commit)
        framework.observe(framework.on.commit, self._on_commit)

    def _begin(self) -> None:
        self.emitted = 0
        """How many restarts this dispatch has requested."""
        self.delivering = 0
        """Which of them is being delivered, from 1; 0 for an event of an earlier dispatch."""
        self.context = uuid.uuid4().hex
        """Distinguishes this dispatch from others if Juju does not."""
        self._delivered: list[RestartEventBase] = []
        self._over: set[str] = set()
        self._absorbed: list[dict[str, Any]] = []

    def queue(self, emit: Callable[[], None], snapshot: dict[str, Any]) -> None:
        """Queue an emission until the end of the dispatch."""
        self.emitted += 1
        self._pending.append((self.emitted, emit, snapshot))

    def deliver(self) -> None:
        """Deliver what was emitted in this dispatch."""
        while self._pending:
            self.delivering, emit, snapshot = self._pending.popleft()
            before = len(self._delivered)
            try:
                emit()
            finally:
                self.delivering = 0
            if len(self._delivered) == before:
                # `ops` has an event with the same content in its queue, and keeps only that.
                self._absorbed.append(snapshot)

    def at_delivery(self, action: Callable[[], None]) -> None:
        """Call something in each dispatch when its restarts are delivered; it may be repeated."""
        self._at_delivery.append(action)

    def run(self) -> None:
        """Deliver what was emitted, and do what else comes at the end of a dispatch."""
        self.deliver()
        for action in self._at_delivery:
            action()

    def note_delivery(self, event: RestartEventBase) -> None:
        """Note that an event is delivered to one of its observers."""
        self._delivered.append(event)

    def deferred(self) -> dict[str, RestartEventBase]:
        """Return the events, by path, that will be delivered again in the next dispatch."""
        return {e.handle.path: e for e in self._delivered if getattr(e, 'deferred', False)}

    def renewed(self) -> set[str]:
        """Return the deferred events, by path, that also represent another emission."""
        deferred = self.deferred().items()
        return {path for path, event in deferred if event.snapshot() in self._absorbed}

    def end(self, event: RestartEventBase) -> None:
        """Make an event end with this dispatch, whatever its handlers do."""
        self._over.add(event.handle.path)

    def is_over(self, event: RestartEventBase) -> bool:
        """Return whether the event ends with this dispatch."""
        return event.handle.path in self._over

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        self.run()

    def _on_commit(self, _: ops.EventBase) -> None:
        # What was emitted in the commit itself.
        self.deliver()
        # Whatever still comes, as in a test that goes on with the same charm, is another dispatch.
        self._begin()


def restarts_of(framework: ops.Framework) -> Restarts:
    """Return the restarts of the current dispatch."""
    known: dict[str, Restarts] = framework.__dict__
    if _ATTRIBUTE not in known:
        known[_ATTRIBUTE] = Restarts(framework)
    return known[_ATTRIBUTE]


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


def restart_source(on: ops.CharmEvents, name: str) -> ops.BoundEvent | None:
    """Return a charm's restart event of this name, None if it has none."""
    source = getattr(on, name, None)
    return source if isinstance(source, _Restart) else None


class _AfterRestarts(ops.BoundEvent):
    """An event before which pending restarts are delivered."""

    def emit(self, *args: Any, **kwargs: Any) -> None:
        restarts_of(self.emitter.framework).run()
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
    if sources:
        _give(on, {**sources, **_status_sources(cls)})


def deliver_before_status(on: ops.CharmEvents) -> None:
    """Let everything that comes at the end of a dispatch come before the status is collected."""
    sources = _status_sources(type(on))
    if sources:
        _give(on, sources)


def _status_sources(cls: type[ops.CharmEvents]) -> dict[str, ops.EventSource]:
    sources: dict[str, ops.EventSource] = {}
    for name in ('collect_app_status', 'collect_unit_status'):
        source = getattr(cls, name)
        if not isinstance(source, AfterRestartsSource):
            sources[name] = AfterRestartsSource(source.event_type)
    return sources


def _give(on: ops.CharmEvents, sources: dict[str, ops.EventSource]) -> None:
    cls = type(on)
    on.__class__ = type(cls.__name__, (cls,), {'__module__': cls.__module__, **sources})
