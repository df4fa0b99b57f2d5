"""Restarts in turn: the API for charms, in the module where the original library has it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import ops

from ._coordinator import Serial
from ._dispatch import ON_FAILURE, Dispatch
from ._error import CoordinatorError, ServiceRestartError, brief
from ._event_base import RestartEventBase
from ._machine import restart_in, service_reload, service_restart, service_resume
from ._part import Part, check_for
from ._policy import Policy, checked_limit
from ._restart_part import RestartPart
from ._restarts import AfterRestartsSource, RestartSource, adopt, restart_source, restarts_of
from ._singleton import charm_leads, instances

if TYPE_CHECKING:
    from ._rolled import Rolled

__all__ = [
    'OpsCoordinator',
    'RestartCharmEvent',
    'RestartEvent',
    'ServiceRestartError',
    'service_reload',
    'service_restart',
    'service_resume',
]


class RestartEvent(RestartEventBase):
    """The charm has requested a restart.

    Args:
        handle: The event's place in the framework.
        ctx: A value that the charm gets back after the restart; usually a dictionary.
        services: The services to restart, in this order.

    Raises:
        TypeError: `ctx` or `services` contains a value that cannot be stored.
        ValueError: The same, or systemd does not allow a service's name.
    """

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
            ops.ModelError: The charm declares no such container.
            CoordinatorError: The charm has no `OpsCoordinator`.
            TypeError: `coordinator` is not an `OpsCoordinator`.
        """
        return self._coordinator(coordinator).restart(self, container=container)

    def run_action(self) -> Any:
        """Run the action saved in the coordinator.

        Returns:
            The action's return value, None if there is no action.

        Raises:
            CoordinatorError: The charm has no `OpsCoordinator`.
        """
        return self._coordinator(None).run_action()

    def defer(self) -> None:
        """Deliver the event again in the next dispatch.

        An event whose request was withdrawn, or cancelled by an operator, is over: deferring it
        does nothing.
        """
        if not restarts_of(self.framework).is_over(self):
            super().defer()

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`, here or in the original library.
        """
        super().restore(snapshot)
        # The framework creates and restores a new event for each delivery. (A test's framework
        # also does that with the emitted event, which nobody gets.)
        framework: ops.Framework | None = getattr(self, 'framework', None)
        if framework is not None and 'deferred' not in self.__dict__:
            restarts_of(framework).note_delivery(self)

    def _coordinator(self, given: OpsCoordinator | None) -> OpsCoordinator:
        if given is None:
            return coordinator_of(self.framework)
        if not isinstance(given, OpsCoordinator):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"restart expects the charm's OpsCoordinator, not {brief(given)}: pass "
                'self.coordinator, or nothing'
            )
        return given


class RestartCharmEvent(ops.CharmEvents):
    """The events of a charm, with `restart_event` among them.

    Use it as the charm's `on`, or derive the charm's own events from it::

        class MyCharm(ops.CharmBase):
            on = RestartCharmEvent()
    """

    restart_event: RestartSource = RestartSource(RestartEvent)
    collect_app_status: AfterRestartsSource = AfterRestartsSource(ops.CollectStatusEvent)
    collect_unit_status: AfterRestartsSource = AfterRestartsSource(ops.CollectStatusEvent)


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
        limit: How many units may restart at once: 1 to 100, or a percentage of the units such as
            `'25%'`.
        policy: Instead of `limit`, all about how units take turns: a `Policy`.
        release_on_defer: Let the next unit proceed even if this unit's handler defers the event
            after its restart. By default a unit whose check fails keeps its turn and stops the
            roll.
        on_failure: What happens if a service does not restart. With `'retry'`, `event.restart()`
            raises, the hook fails, and the unit tries again when Juju runs it again. With
            `'stop'`, it logs the error and returns False: the unit keeps its turn, and tries again
            once an operator permits it (see `Operators`). With `'continue'`, it logs the error and
            returns False, the turn passes on, and the event is over.
        check: A function that is called after a restart, and then in every later hook until it has
            held for `soak`. It returns None or True while all is well; it returns why not, False,
            or raises, where it is not. Until it has held, this unit keeps its turn, and nothing
            behind it starts. It cannot use the coordinator.
        soak: For how long the check must hold without interruption, in seconds or as text such as
            `'2m'`. Without a check, for how long the turn lasts after a restart.
        check_within: How long the check may fail after the restart, 5 minutes by default. One that
            fails later than that has failed, and `on_failure` says what follows: with `'retry'`
            and `'stop'` the event is emitted again in the next dispatch, and its handler restarts
            as before, with `'stop'` once an operator permits it; with `'continue'` the turn passes
            on.
        relation_key: Where the original library stored its requests, so that they are migrated.
        peer_relation_name: An older name for `relation`.
        services: What `roll` and `expect` restart if they name nothing, and an operator's `roll`.
        metrics: Where to write this unit's metrics for the textfile collector of Prometheus' node
            exporter; the name ends with `.prom` and differs from unit to unit.

    Raises:
        PeerRelationError: `charmcraft.yaml` has no such peer relation, or it is ambiguous which
            one to use.
        CoordinatorError: The charm already has an `OpsCoordinator` with different arguments, or
            another coordinator that uses the same lock.
        TypeError: The charm is not a charm, the limit neither a whole number nor a percentage, the
            policy not a `Policy`, the check or the action not a function, or a time neither
            seconds nor text.
        ValueError: The limit is not from 1 to 100, `limit` and `policy` are both given,
            `relation` and `peer_relation_name` differ, `on_failure` is none of these, a time is
            not valid, or `check_within` is given without a check.
    """

    lock: ClassVar[str] = 'restart'
    """The lock for restarts. A second coordinator class in the same charm needs another."""

    @charm_leads
    def __init__(
        self,
        charm: ops.CharmBase | None = None,
        action_func: Callable[..., Any] | str | None = None,
        action_args: Sequence[Any] = (),
        action_kwargs: Mapping[str, Any] | None = None,
        *,
        relation: str | None = None,
        limit: int | str = 1,
        policy: Policy | None = None,
        release_on_defer: bool = False,
        on_failure: str = 'retry',
        check: Callable[[], bool | str | None] | None = None,
        soak: int | str = 0,
        check_within: int | str | None = None,
        relation_key: str = 'coordinator',
        peer_relation_name: str | None = None,
        services: Iterable[str] = (),
        metrics: str | os.PathLike[str] | None = None,
    ):
        if on_failure not in ON_FAILURE:
            raise ValueError(
                f"on_failure is 'retry', 'stop' or 'continue', not {brief(on_failure)}"
            )
        self._check = check_for(self.lock, check, soak, check_within)
        super().__init__(
            charm,
            relation=relation,
            relation_key=relation_key,
            peer_relation_name=peer_relation_name,
            limit=checked_limit(limit),
            policy=policy,
            metrics=metrics,
        )
        self._restarts.release_on_defer = release_on_defer
        self._restarts.on_failure = on_failure
        self._restarts.services = RestartEventBase(
            ops.Handle(None, 'restart_event', '0'), None, services
        ).services
        adopt(self._charm.on)
        if action_func is not None:
            self._restarts.action.save(
                action_func, action_args, action_kwargs or {}, for_each_dispatch=True
            )

    def _make_part(self, dispatch: Dispatch, policy: Policy | Mapping[str, Policy]) -> Part:
        own = policy if isinstance(policy, Policy) else policy.get(self.lock, Policy())
        self._restarts = RestartPart(
            self,
            dispatch,
            relation_key=self._key,
            lock=self.lock,
            policy=own,
            check=self._check,
        )
        return self._restarts

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

    def roll(
        self,
        ctx: Any = None,
        services: Iterable[str] | None = None,
        *,
        reason: str,
        event: str = 'restart_event',
    ) -> None:
        """Have every unit restart once, one after the other; on the leader.

        No unit has to ask: the leader invites them, as the policy says, and each emits the event
        in its turn, at the end of the dispatch. Its handler restarts the services as usual. It
        begins when this hook succeeds. A campaign for the same reason joins one that is under way;
        one for another reason takes its place. `instruct(lock, 'abort')` ends it early.

        A unit that waits for a restart of its own does both in one turn. A unit passes if its
        revision of the charm has no such event, or if the handler neither restarts nor defers.

        Args:
            ctx: A JSON-serialisable value for the handler, as for `emit`.
            services: The services to restart, in this order; by default those that the coordinator
                was created with.
            reason: Why, for everybody who looks.
            event: The name of the restart event.

        Raises:
            TypeError: `ctx` or `services` contains a value that cannot be stored.
            ValueError: The same, or systemd does not allow a service's name.
            CoordinatorError: This unit is not the leader, the charm has no such event, it does not
                say what to restart, or the context takes more than 16 KiB.
        """
        self._restarts.roll(self._rolled(event, ctx, services), reason)

    def expect(
        self,
        ctx: Any = None,
        services: Iterable[str] | None = None,
        *,
        reason: str,
        event: str = 'restart_event',
    ) -> None:
        """Restart for a reason that all units learn of by themselves, such as new settings.

        Call it on every unit, instead of `emit`. The leader has all units restart when it calls
        this as well, as with `roll`, and none of them publishes a request. A unit whose turn the
        leader has not arranged after a minute requests one for itself.

        Args:
            ctx: As for `roll`; the leader's counts.
            services: As for `roll`; the leader's count.
            reason: Why, for everybody who looks; the same on all units.
            event: The name of the restart event.

        Raises:
            TypeError: As for `roll`.
            ValueError: As for `roll`.
            CoordinatorError: The charm has no such event, it does not say what to restart, the
                context takes more than 16 KiB, or this unit's state cannot be read.
        """
        self._restarts.expect(self._rolled(event, ctx, services), reason)

    def _rolled(self, event: str, ctx: Any, services: Iterable[str] | None) -> Rolled:
        if restart_source(self._charm.on, event) is None:
            raise CoordinatorError(
                f'the charm has no restart event {brief(event)}: declare it on its events class, '
                'or use on = RestartCharmEvent()'
            )
        if services is None and not self._restarts.services:
            raise CoordinatorError(
                'the charm does not say which services to restart: pass them, or create its '
                "coordinator with them, as in OpsCoordinator(self, services=['my-service'])"
            )
        # Few hooks begin a campaign, and each of the others would pay for this.
        from ._rolled import Rolled

        return Rolled.new(event, ctx, self._restarts.services if services is None else services)

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
        """Do what `RestartEvent.restart` does, for this coordinator.

        Args:
            event: The event.
            container: Restart Pebble services in this container instead of systemd services.

        Returns:
            Whether the services were restarted and are running.

        Raises:
            ServiceRestartError: A service did not restart. The unit keeps its turn.
            ops.ModelError: The charm declares no such container.
        """
        if container is None:
            return self._restarts.restart(event, '', service_restart)
        work = (
            self._charm.unit.get_container(container) if isinstance(container, str) else container
        )
        unit = self._charm.unit.name
        return self._restarts.restart(
            event, work.name, lambda service: restart_in(work, service, unit=unit)
        )


def coordinator_of(framework: ops.Framework) -> OpsCoordinator:
    """Return the charm's `OpsCoordinator`."""
    for coordinator in instances(framework).values():
        if isinstance(coordinator, OpsCoordinator):
            return coordinator
    raise CoordinatorError(
        'the charm has no OpsCoordinator; create one in its __init__: '
        'self.coordinator = OpsCoordinator(self)'
    )
