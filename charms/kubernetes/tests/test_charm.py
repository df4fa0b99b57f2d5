"""The charm's own tests, on `ops.testing` with its Pebble: state in, one event, state out."""

import dataclasses
import sys
from pathlib import Path

import ops
import pytest
from ops import testing
from ops_coordinator.testing import Line, operations

sys.path.insert(0, str(Path(__file__).parents[1] / 'src'))

from charm import SERVICE, KubernetesCharm


@pytest.fixture
def context(tmp_path):
    """The charm, with a disk that lasts for the whole test."""
    return testing.Context(KubernetesCharm, charm_root=tmp_path)


@pytest.fixture
def line(context):
    """The line, as the unit finds it."""
    return Line(context)


@pytest.fixture
def running(context, line):
    """A unit whose workload says hello, behind another one in the line once it asks for a turn."""
    container = testing.Container('workload', can_connect=True)
    state = testing.State(containers={container})
    return context.run(context.on.pebble_ready(container), state)


def with_message(state, message):
    """The same state with another message."""
    return dataclasses.replace(state, config={'message': message})


def said(state):
    """What the workload says."""
    return state.get_container('workload').plan.services[SERVICE].environment['MESSAGE']


def test_the_first_start_needs_no_turn(running):
    assert said(running) == 'hello'
    assert running.unit_status == testing.ActiveStatus('hello')
    assert not operations(running)


def test_the_workload_keeps_its_message_until_it_is_the_units_turn(context, line, running):
    state = line.behind(with_message(running, 'hi'), 1)
    state = context.run(context.on.config_changed(), state)
    assert said(state) == 'hello'
    assert isinstance(state.unit_status, testing.WaitingStatus)
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert said(state) == 'hi'
    assert line.look(state).outcome == 'done'
    assert state.unit_status == testing.ActiveStatus('hi')


def test_the_same_message_needs_no_restart(context, line, running):
    state = context.run(context.on.config_changed(), line.behind(running, 1))
    assert not operations(state)


def test_a_workload_that_does_not_start_stops_the_roll(context, line, running, monkeypatch):
    def failing(_):
        raise ops.pebble.ConnectionError('hello exited with code 1')

    state = context.run(context.on.config_changed(), line.behind(with_message(running, 'hi'), 1))
    monkeypatch.setattr(ops.Container, 'replan', failing)
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert isinstance(state.unit_status, testing.BlockedStatus)
    assert 'hello exited with code 1' in state.unit_status.message
    assert line.look(state).place == 'turn'


def test_without_pebble_nothing_is_requested(context):
    container = testing.Container('workload', can_connect=False)
    peers = testing.PeerRelation('coordinator', peers_data={1: {}})
    state = testing.State(containers={container}, relations={peers}, config={'message': 'hi'})
    state = context.run(context.on.config_changed(), state)
    assert not operations(state)
    assert state.unit_status == testing.WaitingStatus('for Pebble')
