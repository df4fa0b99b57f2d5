"""Test helpers for a charm that takes turns, on `ops.testing`: state in, one event, state out.

A `Line` prepares the `State` that an event begins with, so that it is the unit's turn or another
unit is ahead. It also shows what a unit has published in the `State` that comes out. A `Machine`
stands in for systemd and records what was restarted::

    from charm import MyCharm
    from ops import testing
    from ops_coordinator.testing import Line, Machine


    def test_a_new_port_restarts_the_service_in_its_turn():
        context = testing.Context(MyCharm)
        line = Line(context)
        with Machine() as machine:
            state = context.run(context.on.config_changed(), testing.State(config={'port': 8080}))
            context.run(context.on.update_status(), line.our_turn(state))
        assert machine.restarted == ['my-service']

What the other units publish comes from the code that runs in a real hook: a `Line` makes them
ask, begin, finish and fail, and makes their leader write the line.

Import this module in tests only.
"""

from ._line import Line, Place, Standing
from ._machine import Machine
from ._operations import operations
from ._restart import Restart, restarts

__all__ = ['Line', 'Machine', 'Place', 'Restart', 'Standing', 'operations', 'restarts']
