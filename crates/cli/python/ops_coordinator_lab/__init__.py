"""An embedded Juju for a charm's tests: several units as real processes, no controller.

pytest finds the fixture `lab` by itself once the distribution `ops-coordinator-lab` is installed::

    from ops_coordinator_lab import Lab


    def test_units_restart_one_at_a_time(lab: Lab):
        lab.deploy('.', units=3, services='restart')
        lab.wait_idle()
        lab.config(message='good morning')
        lab.wait_idle()
        lab.never_more_than(1, 'restart')

Without pytest, `with Lab(directory) as lab:` does the same.
"""

from ._command import LabError, command
from ._history import Turn
from ._lab import ActionResult, ExecResult, Lab, Status, UnitStatus

__all__ = [
    'ActionResult',
    'ExecResult',
    'Lab',
    'LabError',
    'Status',
    'Turn',
    'UnitStatus',
    'command',
]
