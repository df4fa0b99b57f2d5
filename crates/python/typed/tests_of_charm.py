"""Tests of a charm, whose types must come through: pyright reads this, nothing runs it."""

from charm import MyCharm
from ops import testing
from ops_coordinator.testing import Line, Machine, Restart, restarts
from typing_extensions import assert_type


def uses_every_public_name_the_way_a_test_does() -> None:
    """Arrange, run, look."""
    context = testing.Context(MyCharm)
    line = Line(context, 'backup', limit=2)
    state = line.behind(testing.State(), 1, 2)
    assert_type(state, testing.State)
    with Machine() as machine:
        assert_type(machine, Machine)
        machine.break_service('web', log=('no such port',))
        machine.break_check('no answer', lock='backup')
        machine.mend_check()
        state = context.run(context.on.update_status(), line.our_turn(state))
        assert_type(machine.restarted, list[str])
    assert_type(restarts(state), list[Restart])
    assert_type(line.look(state).ahead, tuple[int, ...])
    assert line.look(state).place == 'idle'
    line.behind(state, 'app/1')  # pyright: ignore[reportArgumentType]
    Line(MyCharm)  # pyright: ignore[reportArgumentType]
