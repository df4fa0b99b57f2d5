"""Turns: who restarts when, and what becomes of a turn whose restart or check fails."""

import pytest
from conftest import charm, line, record, restart_or_defer
from ops_coordinator import ServiceRestartError


def test_the_leader_does_not_restart_in_the_hook_that_writes_the_line(application, services):
    app = application(charm(restart_or_defer))
    app.hook(0, 'config_changed')
    assert services.restarted == []
    assert line(app) == [0]
    app.hook(0)
    assert services.restarted == ['web']
    assert app.units[0].deferred == []


def test_units_restart_one_after_the_other(application, services):
    restarted = []

    def handler(c, event):
        if event.restart():
            restarted.append(c.unit.name)
        else:
            event.defer()

    app = application(charm(handler), units=4)
    for number in (3, 2, 1, 0):
        app.hook(number, 'config_changed')
    assert restarted == []
    app.hook(2)
    app.hook(3)
    assert restarted == [], 'neither is the first in the line'
    for number in range(4):
        app.hook(number)
        assert restarted[-1] == f'app/{number}'
    app.everybody()
    assert len(restarted) == 4


def test_up_to_the_limit_restart_at_once(application, services):
    app = application(charm(restart_or_defer, limit=2), units=3)
    for number in (2, 1, 0):
        app.hook(number, 'config_changed')
    app.hook(2)
    assert services.restarted == []
    app.hook(1)
    assert services.restarted == ['web']
    app.hook(2, 'relation_changed', about=1)
    assert services.restarted == ['web', 'web'], 'one of the two before it has finished'
    app.hook(0)
    assert services.restarted == ['web'] * 3


@pytest.mark.parametrize('limit', [0, 101])
def test_a_limit_that_makes_no_sense_is_refused(application, limit):
    error = application(charm(restart_or_defer, limit=limit)).failing_hook(0)
    assert str(error) == (
        f"limit must be a whole number from 1 to 100, or a percentage such as '25%', not {limit}"
    )


def test_a_request_after_the_restart_of_the_same_hook_gets_a_turn_of_its_own(
    application, services
):
    def handler(c, event):
        if not event.restart():
            event.defer()
        elif not (c.charm_dir / 'again').exists():
            (c.charm_dir / 'again').touch()
            c.on.restart_event.emit({'again': True}, services=['web'])

    app = application(charm(handler))
    app.hook(0, 'config_changed')
    app.hook(0)
    assert services.restarted == ['web']
    app.hook(0)
    app.hook(0)
    assert services.restarted == ['web', 'web']


def two_units_of_which_the_first_fails_its_check(application, **options):
    def handler(c, event):
        if not event.restart() or (c.charm_dir / 'broken').exists():
            event.defer()

    app = application(charm(handler, **options), units=2)
    (app.root(0) / 'broken').touch()
    for number in (1, 0):
        app.hook(number, 'config_changed')
    return app


def test_a_unit_whose_check_fails_keeps_its_turn_until_it_is_mended(application, services):
    app = two_units_of_which_the_first_fails_its_check(application)
    app.everybody()
    app.everybody()
    assert services.restarted == ['web', 'web'], 'the first unit tried twice, the second waited'
    assert record(app, 0)['outcome'] == 'failed'
    assert record(app, 0)['why'] == 'its handler deferred the event'
    (app.root(0) / 'broken').unlink()
    app.everybody()
    assert services.restarted == ['web'] * 4
    assert [record(app, n)['outcome'] for n in (0, 1)] == ['done', 'done']


def test_with_release_on_defer_the_next_unit_goes(application, services):
    app = two_units_of_which_the_first_fails_its_check(application, release_on_defer=True)
    app.everybody()
    assert services.restarted == ['web', 'web']
    assert record(app, 1)['outcome'] == 'done'
    assert len(app.units[0].deferred) == 1
    app.everybody()
    app.everybody()
    assert len(services.restarted) > 2, 'and the first tries again in a later turn'


def test_a_service_that_does_not_restart_fails_the_hook_and_holds_the_line(application, services):
    app = application(charm(restart_or_defer), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    services.broken = {'web'}
    error = app.failing_hook(0)
    assert isinstance(error, ServiceRestartError)
    assert (error.unit, error.service, error.found) == ('app/0', 'web', 'it is failed')
    assert error.log == ('no such port',)
    assert str(error) == 'the service web did not restart on app/0: it is failed\n  | no such port'
    services.broken = set()
    app.hook(1)
    assert services.restarted == []
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web', 'web']


def test_a_charm_that_handles_the_failure_itself_keeps_the_turn(application, services):
    def handler(_, event):
        try:
            if not event.restart():
                event.defer()
        except ServiceRestartError:
            event.defer()

    app = application(charm(handler), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    services.broken = {'web'}
    app.everybody()
    assert services.restarted == []
    assert record(app, 0)['outcome'] == 'failed'
    assert record(app, 0)['why'] == 'web: it is failed'
    services.broken = set()
    app.everybody()
    assert services.restarted == ['web', 'web']


def test_a_charm_can_give_up_its_turn(application, services):
    def handler(c, event):
        try:
            if not event.restart():
                event.defer()
        except ServiceRestartError:
            c.coordinator.withdraw('restart')

    app = application(charm(handler), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    services.broken = {'web'}
    app.hook(0)
    assert record(app, 0)['outcome'] == 'withdrawn'
    services.broken = set()
    app.hook(1)
    assert services.restarted == ['web']


def test_an_event_whose_request_was_taken_back_is_over_even_if_it_is_deferred(
    application, services
):
    def handler(c, event):
        if (c.charm_dir / 'give-up').exists():
            (c.charm_dir / 'give-up').unlink()
            c.coordinator.withdraw('restart')
        if not event.restart():
            event.defer()

    app = application(charm(handler), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    (app.root(1) / 'give-up').touch()
    app.hook(1)
    assert app.units[1].deferred == []
    app.everybody()
    assert services.restarted == ['web']
    app.hook(1, 'config_changed')
    app.everybody()
    app.everybody()
    assert services.restarted == ['web', 'web'], 'a new event asks anew'


def test_a_finished_restart_is_not_repeated_when_juju_refuses_the_hook(application, services):
    app = application(charm(restart_or_defer), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    app.hook(0, commit=False)
    assert services.restarted == ['web']
    app.hook(1)
    assert services.restarted == ['web'], 'nobody knows that it has finished'
    app.hook(0)
    assert services.restarted == ['web'], 'and it is not repeated, only published'
    app.hook(1)
    assert services.restarted == ['web', 'web']


def test_a_finished_restart_is_not_repeated_when_the_event_comes_again(application, services):
    """The process died after the turn had ended and before `ops` forgot the event."""
    restarted = []

    def handler(_, event):
        if event.restart():
            restarted.append(event.ctx)
        else:
            event.defer()

    app = application(charm(handler))
    app.hook(0, 'config_changed')
    deferred, stored_states = app.units[0].deferred, app.units[0].stored_states
    app.hook(0, commit=False)
    app.units[0].deferred, app.units[0].stored_states = deferred, stored_states
    app.hook(0)
    assert services.restarted == ['web']
    assert restarted == [{}, {}], 'the handler hears of it, so that it can do what is left to do'
    assert app.units[0].deferred == []


def test_a_hook_that_fails_after_a_good_restart_ends_no_turn_and_restarts_nothing_again(
    application, services
):
    def handler(c, event):
        if not event.restart():
            event.defer()
        elif (c.charm_dir / 'fail').exists():
            raise RuntimeError('after the restart')

    app = application(charm(handler), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    (app.root(0) / 'fail').touch()
    assert isinstance(app.failing_hook(0), RuntimeError)
    app.hook(1)
    assert services.restarted == ['web']
    (app.root(0) / 'fail').unlink()
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web'] * 2
    assert record(app, 0)['try'] == 2
