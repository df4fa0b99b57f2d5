"""The charm's own tests, on `ops.testing`: state in, one event, state out."""

import dataclasses
import sys
from pathlib import Path

import pytest
from ops import testing
from ops_coordinator.testing import Line, Machine, operations

sys.path.insert(0, str(Path(__file__).parents[1] / 'src'))

from charm import SERVICE, TurnsCharm


@pytest.fixture(autouse=True)
def machine():
    """No test touches the machine's services; gives what would have been restarted."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def context(tmp_path):
    """The charm, with a disk that lasts for the whole test."""
    return testing.Context(TurnsCharm, charm_root=tmp_path)


@pytest.fixture
def line(context):
    """The line, as the unit finds it."""
    return Line(context)


def with_message(state, message):
    """The same state with another message."""
    return dataclasses.replace(state, config={'message': message})


def test_a_unit_waits_while_another_is_ahead(context, line, machine):
    state = context.run(context.on.config_changed(), line.behind(testing.State(), 1))
    assert machine.restarted == []
    (waiting,) = operations(state)
    assert (waiting.name, waiting.kwargs) == ('restart', {'message': 'hello'})
    state = context.run(context.on.update_status(), line.behind(state, 1))
    assert state.unit_status == testing.WaitingStatus('restart: 2nd in line, behind turns/1')


def test_the_service_restarts_with_the_message_in_the_units_turn(context, line, machine, tmp_path):
    state = line.behind(with_message(testing.State(), 'hi'), 1)
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert machine.restarted == [SERVICE]
    assert (tmp_path / 'message').read_text() == 'hi'
    assert state.unit_status == testing.ActiveStatus('hi')
    assert line.look(state).outcome == 'done'


def test_each_message_is_in_use_in_the_end(context, line, machine):
    state = line.behind(with_message(testing.State(), 'one'), 1)
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.config_changed(), with_message(state, 'two'))
    for _ in range(2):
        state = context.run(context.on.update_status(), line.our_turn(state))
    assert machine.restarted == [SERVICE] * 2
    assert state.unit_status == testing.ActiveStatus('two')


def test_a_service_that_does_not_come_up_stops_the_roll_until_an_operator_lets_it_go_on(
    context, line, machine
):
    machine.break_service(SERVICE, 'it is failed')
    state = context.run(context.on.config_changed(), line.behind(testing.State()))
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert isinstance(state.unit_status, testing.BlockedStatus)
    assert 'restart: it is failed' in state.unit_status.message
    machine.mend_service(SERVICE)
    state = context.run(context.on.update_status(), state)
    assert machine.restarted == []


def test_the_same_message_needs_no_restart(context, line, machine):
    state = context.run(context.on.config_changed(), line.behind(testing.State()))
    state = context.run(context.on.update_status(), line.our_turn(state))
    state = context.run(context.on.config_changed(), state)
    context.run(context.on.update_status(), state)
    assert machine.restarted == [SERVICE]
