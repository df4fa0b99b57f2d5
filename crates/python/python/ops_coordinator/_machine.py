"""The unit's machine as far as a charm's tests replace it: its services and its clock.

`ops_coordinator.testing` puts a machine of its own in the place of this one.
"""

from __future__ import annotations

import subprocess

from ._native import restart_service


class LocalMachine:
    """The machine on which this process runs."""

    ahead: int = 0
    """By how many milliseconds its clock is ahead."""

    def restart(self, service: str) -> tuple[str, list[str]] | None:
        """Restart a service and check that it runs.

        Returns:
            None where it runs, else what was found and the last lines of its log.

        Raises:
            CoordinatorError: systemd does not allow such a name.
        """
        return restart_service(service)

    def systemctl(self, verb: str, service: str) -> bool:
        """Have systemctl do something with a service; return whether it succeeded."""
        command = ['systemctl', verb, '--', service]
        return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0

    def is_lost(self, unit: str) -> bool:
        """Return whether a test says that a unit is gone which its relation still lists."""
        return False


_present = LocalMachine()


def machine() -> LocalMachine:
    """Return the machine on which the unit runs."""
    return _present


def replace_machine(new: LocalMachine) -> LocalMachine:
    """Put a machine in the place of the present one; return that."""
    global _present
    before, _present = _present, new
    return before
