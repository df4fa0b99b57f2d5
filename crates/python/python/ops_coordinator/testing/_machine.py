"""A machine that records instead of acting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

from .._error import brief
from .._machine import LocalMachine, replace_machine
from .._native import is_service_name
from ._application import number_of


class Machine(LocalMachine):
    """Takes the place of the unit's machine while it is entered: nothing real is restarted.

    Every service runs, except those that are broken::

        with Machine() as machine:
            machine.break_service('my-service', 'it is failed', log=['no such port'])
            context.run(context.on.update_status(), line.our_turn(state))

    It does not replace services in a container: `ops.testing` has a Pebble of its own.
    """

    def __init__(self):
        self.restarted: list[str] = []
        """The services that restarted successfully, in this order."""
        self.calls: list[tuple[str, str]] = []
        """Everything asked of the service manager, as (verb, service), including what failed."""
        self.ahead: int = 0
        self._checks: dict[str, str | None] = {}
        self._tells: Callable[[], str | None] | None = None
        self._shared: dict[str, int | str] = {}
        self._broken: dict[str, tuple[str, list[str]]] = {}
        self._lost: set[int] = set()
        self._before: list[LocalMachine] = []

    def __enter__(self) -> Machine:
        """Take the place of the unit's machine."""
        self._before.append(replace_machine(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the unit's machine back."""
        replace_machine(self._before.pop())

    def break_service(
        self, service: str, found: str = 'it is failed after the restart', log: Sequence[str] = ()
    ) -> None:
        """Make a service fail from now on: `event.restart()` raises a `ServiceRestartError`.

        Args:
            service: The service's name, as the charm gives it.
            found: What is found instead of a service that runs; the error's `found`.
            log: The last lines of the service's log; the error's `log`.
        """
        self._broken[service] = (found, list(log))

    def mend_service(self, service: str) -> None:
        """Make a broken service run again.

        Args:
            service: The service's name.

        Raises:
            ValueError: It is not broken.
        """
        if self._broken.pop(service, None) is None:
            raise ValueError(
                f'the service {brief(service)} is not broken: call break_service first'
            )

    def time_passes(self, seconds: float) -> None:
        """Put the clock forward.

        A leader that has seen its line stand still for a minute asks the controller whether the
        unit in front is still there, see `lose_unit`. What a unit has seen in earlier hooks is on
        its disk, so the `Context` needs a `charm_root`.

        Args:
            seconds: By how much.

        Raises:
            ValueError: It is negative: this clock never goes back.
        """
        if seconds < 0:
            raise ValueError(f'{seconds} s is negative, but time does not go back: pass 0 or more')
        self.ahead += round(seconds * 1000)

    def lose_unit(self, unit: int) -> None:
        """Make a unit vanish: its relation still lists it, `goal-state` does not.

        Juju shows this after a machine was removed by force.

        Args:
            unit: The unit's number.
        """
        self._lost.add(unit)

    def break_check(self, why: str = 'it does not hold', *, lock: str = 'restart') -> None:
        """Let the check after an operation fail from now on; the charm's function is not called.

        Args:
            why: Why it does not hold.
            lock: The lock whose operation it follows, as the charm calls it.
        """
        self._checks[lock] = why

    def mend_check(self, *, lock: str = 'restart') -> None:
        """Let the check after an operation hold from now on; the charm's function is not called.

        Args:
            lock: The lock whose operation it follows, as the charm calls it.
        """
        self._checks[lock] = None

    def make_unavailable(self, why: str = 'it is out of order') -> None:
        """Let this unit be unavailable from now on; the charm's function is not called.

        A policy with `max_unavailable` and `available` makes the unit tell the others.

        Args:
            why: Why it is unavailable.
        """
        self._tells = lambda: why

    def make_available(self) -> None:
        """Let this unit be available from now on; the charm's function is not called."""
        self._tells = lambda: None

    def withhold_shared(
        self, why: str = 'waits for it in etcd, 1st in line', *, lock: str = 'restart'
    ) -> None:
        """Let somebody else have the shared lock from now on.

        No operation begins. One that is running has lost the lock, and fails when it ends: a test
        calls this from within the operation.

        Args:
            why: What it waits for.
            lock: The lock whose policy has the shared lock, as the charm calls it; for a block
                with `SharedLock.held`, the name in etcd.
        """
        self._shared[lock] = why

    def give_shared(self, token: int = 1, *, lock: str = 'restart') -> None:
        """Let this unit have the shared lock from now on, as it does if a test says nothing.

        Args:
            token: The token of its turn.
            lock: The lock whose policy has the shared lock, as the charm calls it; for a block
                with `SharedLock.held`, the name in etcd.
        """
        self._shared[lock] = token

    # -- what the package asks for

    def available(self, ask: Callable[[], str | None]) -> str | None:
        """Answer as the test says whether this unit is available; else ask the charm.

        Args:
            ask: Asks the charm.

        Returns:
            Why the unit is unavailable, None if it is available.
        """
        return (self._tells or ask)()

    def shared(self, lock: str) -> int | str | None:
        """Answer for a shared lock as the test says.

        Args:
            lock: The lock whose policy has it, as the charm calls it.

        Returns:
            Its token if it is held, otherwise what it waits for; None where the test says nothing.
        """
        return self._shared.get(lock)

    def check(self, lock: str, ask: Callable[[], str | None]) -> str | None:
        """Answer a check as the test says; ask the charm where it says nothing.

        Args:
            lock: The lock, as the charm calls it.
            ask: Asks the charm.

        Returns:
            Why the check does not hold, None if it does.
        """
        return self._checks[lock] if lock in self._checks else ask()

    def restart(self, service: str) -> tuple[str, list[str]] | None:
        """Record a restart.

        Args:
            service: The service's name.

        Returns:
            None if the service runs, otherwise what was found and the last lines of its log.

        Raises:
            CoordinatorError: systemd does not allow this name.
        """
        if not is_service_name(service):
            # The real machine refuses it before it asks systemd.
            return super().restart(service)
        self.calls.append(('restart', service))
        fault = self._broken.get(service)
        if fault is None:
            self.restarted.append(service)
        return fault

    def systemctl(self, verb: str, service: str) -> bool:
        """Record what is asked of a service; a broken one can only be enabled and unmasked.

        Args:
            verb: What to do, as `systemctl` names it.
            service: The service's name.

        Returns:
            Whether it succeeded.
        """
        self.calls.append((verb, service))
        done = service not in self._broken or verb in ('enable', 'unmask')
        if done and verb == 'restart':
            self.restarted.append(service)
        return done

    def is_lost(self, unit: str) -> bool:
        """Tell whether a unit that its relation still lists is gone.

        Args:
            unit: The unit's name.

        Returns:
            Whether the test has lost it.
        """
        return number_of(unit) in self._lost
