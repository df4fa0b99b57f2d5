"""The charm's own tests, on `ops.testing`: state in, one event, state out."""

import sys
from pathlib import Path

import ops_coordinator.ops_coordinator
import pytest
from ops import testing

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / 'src'))

from charm import SeedCharm  # noqa: E402


@pytest.fixture(autouse=True)
def restarted(monkeypatch):
    """No test touches the machine's services; gives what would have been restarted."""
    names = []
    monkeypatch.setattr(ops_coordinator.ops_coordinator, 'service_restart', names.append)
    return names


@pytest.fixture
def context():
    """The charm, as unit 0 of its application."""
    return testing.Context(SeedCharm, app_name='seed', unit_id=0)


def state(*, leader=True, config=None):
    """A unit with its peer relations."""
    relations = [testing.PeerRelation('coordinator'), testing.PeerRelation('members')]
    return testing.State(leader=leader, relations=relations, config=config or {})


def reported(out):
    """What the unit tells the others."""
    (members,) = (r for r in out.relations if r.endpoint == 'members')
    return members.local_unit_data.get('setting')


def test_a_new_setting_waits_for_the_units_turn(context, restarted):
    out = context.run(context.on.config_changed(), state())
    assert restarted == []
    assert out.unit_status == testing.MaintenanceStatus('a restart is due')
    assert len(out.deferred) == 1


def test_the_service_restarts_in_the_units_turn(context, restarted):
    out = context.run(context.on.config_changed(), state(config={'setting': 'second'}))
    out = context.run(context.on.update_status(), out)
    assert restarted == ['python-seed@0.service']
    assert reported(out) == 'second'
    assert out.unit_status == testing.ActiveStatus('second')
    assert not out.deferred


def test_a_unit_that_does_not_lead_waits_for_the_leader(context, restarted):
    out = context.run(context.on.config_changed(), state(leader=False))
    out = context.run(context.on.update_status(), out)
    assert restarted == []
    assert len(out.deferred) == 1


def test_a_failed_check_is_tried_again(context, restarted):
    out = context.run(context.on.config_changed(), state(config={'broken-unit': 0}))
    out = context.run(context.on.update_status(), out)
    assert out.unit_status == testing.MaintenanceStatus('a restart is due')
    assert reported(out) is None
    out = context.run(context.on.update_status(), state_with(out, config={'broken-unit': -1}))
    assert out.unit_status == testing.ActiveStatus('first')
    assert restarted == ['python-seed@0.service'] * 2


def state_with(out, **changes):
    """The same state with something changed."""
    import dataclasses

    return dataclasses.replace(out, **changes)


def test_the_same_setting_needs_no_restart(context, restarted):
    out = context.run(context.on.config_changed(), state())
    out = context.run(context.on.update_status(), out)
    out = context.run(context.on.config_changed(), out)
    out = context.run(context.on.update_status(), out)
    assert restarted == ['python-seed@0.service']
    assert not out.deferred
