"""The charm's own tests, on `ops.testing`: state in, one event, state out."""

import dataclasses
import sys
from pathlib import Path

import pytest
from ops import testing
from ops_coordinator.testing import Line, Machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'src'))

from charm import SeedCharm  # noqa: E402


@pytest.fixture(autouse=True)
def machine():
    """No test touches the machine's services; gives what would have been restarted."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def context():
    """The charm, as unit 0 of its application."""
    return testing.Context(SeedCharm, app_name='seed', unit_id=0)


@pytest.fixture
def line(context):
    """The line, as that unit finds it."""
    return Line(context)


def state(**options):
    """A unit with its peer relations."""
    relations = [testing.PeerRelation('coordinator'), testing.PeerRelation('members')]
    return testing.State(relations=relations, **options)


def reported(out):
    """What the unit tells the others."""
    (members,) = out.get_relations('members')
    return members.local_unit_data.get('setting')


def test_a_new_setting_waits_for_the_units_turn(context, line, machine):
    out = context.run(context.on.config_changed(), line.behind(state(), 1))
    assert machine.restarted == []
    assert out.unit_status == testing.MaintenanceStatus('a restart is due')
    (restart,) = line.look(out).restarts
    assert (restart.ctx, restart.services) == ({'setting': 'first'}, ('python-seed@0.service',))


def test_the_service_restarts_in_the_units_turn(context, line, machine):
    out = context.run(context.on.config_changed(), state(config={'setting': 'second'}))
    out = context.run(context.on.update_status(), line.our_turn(out))
    assert machine.restarted == ['python-seed@0.service']
    assert reported(out) == 'second'
    assert out.unit_status == testing.ActiveStatus('second')
    assert not out.deferred


def test_a_leader_that_is_alone_restarts_in_the_next_event(context, machine):
    out = context.run(context.on.config_changed(), state(leader=True))
    assert machine.restarted == []
    context.run(context.on.update_status(), out)
    assert machine.restarted == ['python-seed@0.service']


def test_a_unit_that_does_not_lead_waits_for_the_leader(context, line, machine):
    out = context.run(context.on.config_changed(), state())
    out = context.run(context.on.update_status(), out)
    assert machine.restarted == []
    assert line.look(out).place == 'requested'
    assert len(out.deferred) == 1


def test_a_failed_check_is_tried_again(context, line, machine):
    out = context.run(context.on.config_changed(), state(config={'broken-unit': 0}))
    out = context.run(context.on.update_status(), line.our_turn(out))
    assert out.unit_status == testing.MaintenanceStatus('a restart is due')
    assert reported(out) is None
    assert line.look(out).place == 'turn'
    out = context.run(context.on.update_status(), state_with(out, config={'broken-unit': -1}))
    assert out.unit_status == testing.ActiveStatus('first')
    assert machine.restarted == ['python-seed@0.service'] * 2


def state_with(out, **changes):
    """The same state with something changed."""
    return dataclasses.replace(out, **changes)


def test_the_same_setting_needs_no_restart(context, line, machine):
    out = context.run(context.on.config_changed(), state())
    out = context.run(context.on.update_status(), line.our_turn(out))
    out = context.run(context.on.config_changed(), out)
    assert machine.restarted == ['python-seed@0.service']
    assert line.look(out).place == 'idle'
    assert not out.deferred
