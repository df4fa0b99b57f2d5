"""The command that stands in line in etcd."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from ._error import CoordinatorError

_PACKAGE = 'ops_coordinator_etcd'
_PROGRAM = 'ops-coordinator'


def etcd_command() -> str:
    """Return the path of the command that stands in line in etcd.

    It is found beside its package: a charm's hooks do not have the programs of its virtual
    environment on their `PATH`.

    Raises:
        CoordinatorError: It is not installed.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise CoordinatorError(
            'ops-coordinator-etcd is not installed: let the charm install ops-coordinator[etcd]'
        )
    command = Path(spec.origin).with_name(_PROGRAM)
    if not os.access(command, os.X_OK):
        raise CoordinatorError(
            f'{command} cannot be run: install ops-coordinator-etcd from its wheel, and let '
            'nothing take away its permission to run'
        )
    return str(command)
