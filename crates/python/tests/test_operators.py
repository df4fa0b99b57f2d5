"""What operators want, as actions, and what a failed restart means."""

import json

import pytest
from conftest import charm, counters, restart_or_defer
from ops import testing
from ops_coordinator import Operators

PARAMS = {name: {'type': 'string'} for name in ('lock', 'unit', 'reason')}
NAMES = ('pause', 'resume', 'retry', 'skip', 'cancel', 'plan', 'status')
ACTIONS = {name: {'params': PARAMS} for name in NAMES}


def operated(application, units=3, **options):
    """Units that have all asked for a restart, and the operators' actions."""

    class Charm(charm(restart_or_defer, **options)):
        def __init__(self, framework):
            super().__init__(framework)
            Operators(self, self.coordinator)

    app = application(Charm, units=units, actions=ACTIONS)
    for number in reversed(range(units)):
        app.hook(number, 'config_changed')
    app.hook(0)
    return app


def act(app, name, number=0, **params):
    """The result of an action."""
    context = app.hook(number, name, action=True, params=params)
    return context.action_results['result']


def refused(app, name, number=0, **params):
    """Why an action failed."""
    with pytest.raises(testing.ActionFailed) as caught:
        app.hook(number, name, action=True, params=params)
    return caught.value.message


def test_a_pause_holds_all_until_it_is_resumed(application, services):
    app = operated(application)
    before = list(services.restarted)
    assert act(app, 'pause', reason='night') == 'paused; what runs is not interrupted'
    app.everybody()
    assert services.restarted == before
    plan = json.loads(act(app, 'plan', number=1))
    assert [(found['kind'], found['why']) for found in plan['obstacles']] == [('paused', 'night')]
    assert act(app, 'resume') == 'resumed'
    for _ in range(3):
        app.everybody()
    assert len(services.restarted) == 3


def test_only_the_leader_obeys_and_says_so(application):
    app = operated(application)
    assert 'not the leader' in refused(app, 'pause', number=1)


def test_a_restart_that_stops_waits_for_a_retry(application, services):
    services.broken.add('web')
    app = operated(application, units=2, on_failure='stop')
    for _ in range(3):
        app.everybody()
    assert services.restarted == []
    states = [counters(app, number) for number in (0, 1)]
    assert [outcome for _, _, outcome in states].count('failed') == 1
    unit = 0 if states[0][2] == 'failed' else 1
    assert 'has not stopped' in refused(app, 'retry', unit=f'app/{1 - unit}')
    services.broken.clear()
    app.everybody()
    assert services.restarted == [], 'it waits for the operator'
    assert 'may try again' in act(app, 'retry', unit=f'app/{unit}')
    for _ in range(3):
        app.everybody()
    assert services.restarted == ['web', 'web']
    assert {counters(app, number) for number in (0, 1)} == {(1, 1, 'done')}


def test_a_stopped_unit_is_skipped_and_its_event_is_over(application, services):
    services.broken.add('web')
    app = operated(application, units=2, on_failure='stop')
    app.everybody()
    unit = 0 if counters(app, 0)[2] == 'failed' else 1
    services.broken.clear()
    assert 'skipped' in act(app, 'skip', unit=f'app/{unit}')
    for _ in range(3):
        app.everybody()
    assert services.restarted == ['web']
    assert counters(app, unit) == (1, 1, 'skipped')


def test_a_failed_restart_passes_the_turn_on_and_its_event_is_over(application, services):
    services.broken.add('web')
    app = operated(application, units=2, on_failure='continue')
    for _ in range(4):
        app.everybody()
    assert {counters(app, number) for number in (0, 1)} == {(1, 1, 'failed')}
    services.broken.clear()
    app.everybody()
    assert services.restarted == []


def test_an_unknown_way_to_fail_is_told(application):
    app = application(charm(restart_or_defer, on_failure='panic'))
    error = app.failing_hook(0, 'config_changed')
    assert "not 'panic'" in str(error)


def test_any_unit_shows_who_waits_for_whom(application):
    app = operated(application)
    table = act(app, 'status', number=1)
    assert table.startswith('lock restart\nUNIT')
    assert 'app/2' in table
