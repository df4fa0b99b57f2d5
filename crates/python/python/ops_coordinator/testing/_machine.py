"""A machine that records instead of acting."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from .._machine import LocalMachine, replace_machine
from .._native import is_service_name
from ._application import number_of


class Machine(LocalMachine):
    """Takes the place of the unit's machine while it is entered: nothing real is restarted.

    Every service runs, except those that are broken::

        with Machine() as machine:
            machine.break_service('my-service', 'it is failed', log=['no such port'])
            context.run(context.on.update_status(), line.our_turn(state))

    Services in a container are not its business: `ops.testing` has a Pebble of its own.
    """

    def __init__(self):
        self.restarted: list[str] = []
        """The services that restarted well, in their order."""
        self.calls: list[tuple[str, str]] = []
        """Whatever was asked of the service manager, as (verb, service), failures included."""
        self.ahead: int = 0
        self._broken: dict[str, tuple[str, list[str]]] = {}
        self._lost: set[int] = set()
        self._before: list[LocalMachine] = []

    def __enter__(self) -> Machine:
        """Take the machine's place."""
        self._before.append(replace_machine(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the place back."""
        replace_machine(self._before.pop())

    def break_service(
        self, service: str, found: str = 'it is failed after the restart', log: Sequence[str] = ()
    ) -> None:
        """Let a service fail from now on: `event.restart()` raises a `ServiceRestartError`.

        Args:
            service: The service's name, as the charm gives it.
            found: What is found instead of a service that runs; the error's `found`.
            log: The last lines of the service's log; the error's `log`.
        """
        self._broken[service] = (found, list(log))

    def mend_service(self, service: str) -> None:
        """Let a service that was broken run again.

        Args:
            service: The service's name.

        Raises:
            ValueError: It is not broken.
        """
        if self._broken.pop(service, None) is None:
            raise ValueError(f'the service {service} is not broken')

    def time_passes(self, seconds: float) -> None:
        """Put the clock forward.

        A leader that has seen its line stand still for a minute asks the controller whether the
        unit in front is still there, see `lose_unit`. What a unit has seen in earlier hooks is on
        its disk, so the `Context` needs a `charm_root`.

        Args:
            seconds: By how much.

        Raises:
            ValueError: It is less than nothing. This clock never goes back.
        """
        if seconds < 0:
            raise ValueError(f'time passes by {seconds} s; it does not go back')
        self.ahead += round(seconds * 1000)

    def lose_unit(self, unit: int) -> None:
        """Let a unit be gone without a word: its relation lists it, `goal-state` does not.

        Juju does this where a machine is removed by force.

        Args:
            unit: The unit's number.
        """
        self._lost.add(unit)

    # -- what the package asks for

    def restart(self, service: str) -> tuple[str, list[str]] | None:
        """Record a restart; return what is wrong with a service that is broken."""
        if not is_service_name(service):
            # Which refuses it, before anything real is asked.
            return super().restart(service)
        self.calls.append(('restart', service))
        fault = self._broken.get(service)
        if fault is None:
            self.restarted.append(service)
        return fault

    def systemctl(self, verb: str, service: str) -> bool:
        """Record what is asked of a service; one that is broken can only be enabled."""
        self.calls.append((verb, service))
        done = service not in self._broken or verb in ('enable', 'unmask')
        if done and verb == 'restart':
            self.restarted.append(service)
        return done

    def is_lost(self, unit: str) -> bool:
        """Return whether a unit is gone which its relation still lists."""
        return number_of(unit) in self._lost
