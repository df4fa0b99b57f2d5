"""Services: of systemd on a machine, of Pebble in a container."""

from __future__ import annotations

import os

import ops

from ._error import ServiceRestartError
from ._machine import machine


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
        (found, *_) = error.err.strip().splitlines() or ['the change failed']
        raise failed(found, log) from error
    except (ops.pebble.Error, ops.ModelError, RuntimeError) as error:
        raise failed(str(error), []) from error
    if state is None or not state.is_running():
        found = state.current if state else 'unknown'
        raise failed(f'it is {getattr(found, "value", found)} after the restart', [])
