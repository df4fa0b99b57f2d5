"""What a unit runs on: its machine, with services and a clock, and its containers.

`ops_coordinator.testing` replaces it with a machine of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import ops

from ._error import ServiceRestartError
from ._native import restart_service


class LocalMachine:
    """The machine on which this process runs."""

    ahead: int = 0
    """By how many milliseconds its clock is ahead of the real one."""

    def restart(self, service: str) -> tuple[str, list[str]] | None:
        """Restart a service and check that it runs.

        Returns:
            None if it runs, otherwise what was found and the last lines of its log.

        Raises:
            CoordinatorError: systemd does not allow this name.
        """
        return restart_service(service)

    def systemctl(self, verb: str, service: str) -> bool:
        """Run `systemctl VERB SERVICE`; return whether it succeeded."""
        command = ['systemctl', verb, '--', service]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def check(self, lock: str, ask: Callable[[], str | None]) -> str | None:
        """Return why the check after an operation does not hold now, None if it does.

        Args:
            lock: What the operation's turn is for, as the charm calls it.
            ask: Asks the charm.

        Raises:
            TypeError: The charm's function returned something that is no answer.
        """
        return ask()

    def available(self, ask: Callable[[], str | None]) -> str | None:
        """Return why this unit is unavailable, None if it is available.

        Args:
            ask: Asks the charm.

        Raises:
            TypeError: The charm's function returned something that is no answer.
        """
        return ask()

    def shared(self, lock: str) -> int | str | None:
        """Return how a shared lock stands, as only a test can say; None to ask etcd.

        Args:
            lock: The lock whose operation needs it, as the charm calls it.

        Returns:
            Its token if it is held, otherwise what it waits for.
        """
        return None

    def is_lost(self, unit: str) -> bool:
        """Return whether a unit that its relation still lists is gone, as only a test can say."""
        return False


_present = LocalMachine()


def machine() -> LocalMachine:
    """Return the machine on which the unit runs."""
    return _present


def replace_machine(new: LocalMachine) -> LocalMachine:
    """Put a machine in the place of the present one; return the present one."""
    global _present
    before, _present = _present, new
    return before


def service_restart(service: str) -> bool:
    """Restart a systemd service and check that it runs.

    Args:
        service: The service's name.

    Returns:
        True.

    Raises:
        ServiceRestartError: The service is not running.
        CoordinatorError: systemd does not allow this name.
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


def restart_in(container: ops.Container, service: str, *, unit: str) -> None:
    """Restart a service in a container and check that it runs.

    Raises:
        ServiceRestartError: The service is not running.
    """

    def failed(found: str, log: list[str]) -> ServiceRestartError:
        return ServiceRestartError(unit=unit, service=service, found=found, log=log)

    try:
        container.restart(service)
        state = container.get_services(service).get(service)
    except ops.pebble.ChangeError as error:
        log = [line.strip() for task in error.change.tasks for line in task.log]
        raise failed(_first_line(error.err) or 'the change failed', log) from error
    except (ops.pebble.Error, ops.ModelError, RuntimeError) as error:
        raise failed(_first_line(str(error)), []) from error
    if state is None or not state.is_running():
        found = state.current if state else 'unknown'
        raise failed(f'it is {getattr(found, "value", found)} after the restart', [])


def _first_line(text: str) -> str:
    """Return the first line of an error, at most 200 characters of it."""
    return text.strip().partition('\n')[0][:200]
