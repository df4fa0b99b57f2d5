"""The charm's own tests, on `ops.testing`: state in, one event, state out."""

import dataclasses
import sys
from pathlib import Path

import pytest
from ops import testing
from ops_coordinator.testing import Line, Machine, restarts

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'src'))

from charm import SERVICE, PythonCharm  # noqa: E402


def is_waiting(state):
    """Whether the unit says that it waits for its turn."""
    return isinstance(state.unit_status, testing.WaitingStatus)


@pytest.fixture(autouse=True)
def machine():
    """No test touches the machine's services; gives what would have been restarted."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def context(tmp_path):
    """The charm, with a disk that lasts for the whole test."""
    return testing.Context(PythonCharm, charm_root=tmp_path)


@pytest.fixture
def line(context):
    """The line, as the unit finds it."""
    return Line(context)


def with_message(state, message):
    """The same state with another message."""
    return dataclasses.replace(state, config={'message': message})


def test_a_unit_waits_while_another_is_ahead(context, line, machine):
    state = line.behind(testing.State(config={'message': 'hi'}), 1)
    state = context.run(context.on.config_changed(), state)
    assert machine.restarted == []
    assert is_waiting(state)
    assert state.unit_status.message == 'restart: 2nd in line, behind python/1'
    (restart,) = restarts(state)
    assert (restart.ctx, restart.services, restart.lock) == (
        {'message': 'hi'},
        (SERVICE,),
        'restart',
    )


def test_the_service_restarts_with_the_message_in_the_units_turn(context, line, machine, tmp_path):
    state = line.behind(testing.State(config={'message': 'hi'}), 1)
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert machine.restarted == [SERVICE]
    assert (tmp_path / 'message').read_text() == 'hi'
    assert state.unit_status == testing.ActiveStatus('hi')
    assert line.look(state).outcome == 'done'


def test_the_newest_message_is_shown_after_one_restart_for_several(context, line, machine):
    state = line.behind(testing.State(config={'message': 'one'}), 1)
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.config_changed(), with_message(state, 'two'))
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert machine.restarted == [SERVICE]
    assert state.unit_status == testing.ActiveStatus('two')


def test_a_message_that_comes_with_the_turn_gets_a_turn_of_its_own(context, line, machine):
    state = line.behind(testing.State(config={'message': 'one'}), 1)
    state = context.run(context.on.config_changed(), state)
    state = with_message(line.our_turn(state), 'two')
    state = context.run(context.on.config_changed(), state)
    assert is_waiting(state)
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert machine.restarted == [SERVICE] * 2
    assert state.unit_status == testing.ActiveStatus('two')


def test_nothing_restarts_while_the_roll_has_stopped(context, line, machine):
    state = line.stopped(testing.State(), 2, why='no such port')
    state = context.run(context.on.config_changed(), state)
    assert machine.restarted == []
    assert line.look(state).ahead == (2,)


def test_a_service_that_does_not_come_up_stops_the_roll_and_is_shown(context, line, machine):
    machine.break_service(SERVICE, 'it is failed')
    state = context.run(context.on.config_changed(), line.our_turn(testing.State()))
    assert state.unit_status == testing.BlockedStatus(f'{SERVICE}: it is failed')
    assert (line.look(state).place, line.look(state).outcome) == ('turn', 'failed')

    machine.mend_service(SERVICE)
    state = context.run(context.on.update_status(), state)
    assert state.unit_status == testing.ActiveStatus('hello')
    assert line.look(state).outcome == 'done'


def test_the_same_message_needs_no_restart(context, line, machine):
    state = context.run(context.on.config_changed(), line.our_turn(testing.State()))
    state = context.run(context.on.config_changed(), state)
    assert machine.restarted == [SERVICE]
    assert line.look(state).requests == 1


def test_an_operators_roll_restarts_the_service_and_changes_nothing(context, machine):
    state = testing.State(leader=True, relations=[testing.PeerRelation('coordinator')])
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.update_status(), state)
    state = context.run(context.on.action('roll', params={'reason': 'new keys'}), state)
    assert context.action_results == {'result': 'a roll of all units begins: new keys'}
    state = context.run(context.on.update_status(), state)
    assert machine.restarted == [SERVICE] * 2
    assert state.unit_status == testing.ActiveStatus('hello')
