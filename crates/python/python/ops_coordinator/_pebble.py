"""Restarting a service in a container, through Pebble."""

from __future__ import annotations

import ops

from ._error import ServiceRestartError


def restart(container: ops.Container, service: str, *, unit: str) -> None:
    """Restart a service and check that it runs.

    Raises:
        ServiceRestartError: It does not run.
    """

    def failed(found: str, log: list[str]) -> ServiceRestartError:
        return ServiceRestartError(unit=unit, service=service, found=found, log=log)

    try:
        container.restart(service)
        state = container.get_services(service).get(service)
    except ops.pebble.ChangeError as error:
        log = [line.strip() for task in error.change.tasks for line in task.log]
        raise failed(error.err.strip().splitlines()[0], log) from error
    except (ops.pebble.Error, ops.ModelError, RuntimeError) as error:
        raise failed(str(error), []) from error
    if state is None or not state.is_running():
        found = state.current if state else 'unknown'
        raise failed(f'it is {getattr(found, "value", found)} after the restart', [])
