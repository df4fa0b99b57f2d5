"""A check after the restarts of `OpsCoordinator`: the turn goes on until it has held."""

from unittest import mock

import ops
import pytest
from conftest import charm, counters, line, record, restart_or_defer
from ops_coordinator import CoordinatorError, OpsCoordinator, RestartCharmEvent, RestartEvent
from ops_coordinator._commit import Commit
from ops_coordinator.testing import Machine
from test_check import Health


@pytest.fixture
def machine():
    """A machine whose clock goes on when the test says so."""
    with Machine() as machine:
        yield machine


def restarting(check=None, handler=restart_or_defer, *, emit=None, **options):
    """A charm with a check. What its handler restarted, with its context, is in `done`."""
    done = []

    def emit_own(it):
        it.on.restart_event.emit({'unit': it.unit.name}, services=[f'web-{it.unit.name[-1]}'])

    def handle(it, event):
        handler(it, event)
        if not event.deferred:
            done.append((it.unit.name, event.ctx['unit']))

    made = charm(handle, emit=emit or emit_own, check=check, **options)
    made.done = done
    return made


def two_units(application, made):
    """Two units that both wait, app/1 in front."""
    app = application(made, 3)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app) == [1, 2]
    return app


@pytest.mark.parametrize('good', [None, True])
def test_a_check_that_holds_at_once_ends_the_turn_in_the_same_hook(application, services, good):
    check = Health(good)
    app = two_units(application, restarting(check))
    app.hook(1)
    assert (counters(app, 1), check.asked) == ((1, 1, 'done'), 1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']


@pytest.mark.parametrize(
    ('bad', 'why'),
    [
        ('no answer', 'no answer'),
        (False, 'it returned False'),
        (ConnectionError('refused'), 'refused'),
    ],
)
def test_a_check_that_does_not_hold_keeps_the_turn(application, services, machine, bad, why):
    check = Health(bad)
    made = restarting(check)
    app = two_units(application, made)
    app.hook(1)
    assert counters(app, 1)[:2] == (1, 0)
    assert record(app, 1)['why'] == why
    app.hook(2)
    app.hook(1)
    assert services.restarted == ['web-1'], 'app/2 waits, and app/1 does not restart again'
    assert check.asked == 2, 'once in each hook of app/1'
    check.answers = [None]
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'done')
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']
    assert made.done == [('app/1', 'app/1'), ('app/2', 'app/2')]


def test_the_turn_goes_on_for_as_long_as_the_check_is_to_hold(application, services, machine):
    app = two_units(application, restarting(Health(None), soak='2m'))
    app.hook(1)
    machine.time_passes(119)
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1']
    machine.time_passes(2)
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']


def test_without_a_check_a_soak_lets_the_turn_last_longer(application, services, machine):
    app = two_units(application, restarting(soak=60))
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1']
    machine.time_passes(61)
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']


def test_the_units_status_says_that_it_is_soaking(application, machine):
    collect = mock.Mock()

    class Charm(restarting(Health(None), soak=60)):
        def _on_config_changed(self, event):
            super()._on_config_changed(event)
            self.coordinator.add_status(collect)

    app = two_units(application, Charm)
    app.hook(1)
    app.hook(1, 'config_changed')
    (status,) = collect.add_status.call_args.args
    assert status.message.startswith('restart: soaking until ')


def test_a_check_that_does_not_come_good_restarts_again(application, services, machine, caplog):
    check = Health('no answer')
    made = restarting(check, check_within=30)
    app = two_units(application, made)
    app.hook(1)
    machine.time_passes(31)
    context = app.hook(1)
    said = [log.message for log in context.juju_log if log.level == 'WARNING']
    assert said == ['restart: its check failed: no answer; it runs again']
    assert services.restarted == ['web-1'], 'not in the hook that finds it out'
    app.hook(2)
    app.hook(1)
    assert services.restarted == ['web-1', 'web-1']
    assert made.done == [('app/1', 'app/1')] * 2, 'with the context that it had'
    assert counters(app, 1)[1] == 0, 'its check is asked after this restart as well'
    machine.time_passes(31)
    app.hook(1)
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1'] * 3
    check.answers = [None]
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1'] * 3 + ['web-2']
    assert counters(app, 1) == (1, 1, 'done')


def test_it_restarts_again_also_if_the_check_fails_in_the_hook_of_the_restart(
    application, services, machine
):
    check = Health('no answer', None)
    app = two_units(application, restarting(check, check_within=0))
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1']
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-1', 'web-2']


def test_the_restart_after_a_failed_check_may_fail_itself(application, services, machine):
    app = two_units(application, restarting(Health('no answer', None), check_within=0))
    app.hook(1)
    services.broken.add('web-1')
    app.failing_hook(1)
    services.broken.clear()
    app.hook(1)
    assert services.restarted == ['web-1', 'web-1']
    assert counters(app, 1) == (1, 1, 'done')


def test_with_stop_a_check_that_does_not_come_good_stops_the_roll(application, services, machine):
    check = Health('no answer')
    app = two_units(application, restarting(check, check_within=0, on_failure='stop'))
    context = app.hook(1)
    said = [log.message for log in context.juju_log if log.level == 'ERROR']
    told = "restart: its check failed: no answer; it waits for an operator's retry or skip"
    assert said == [told]
    for _ in range(2):
        app.hook(1)
        app.hook(2)
    assert services.restarted == ['web-1']
    check.answers = [None]
    instruct(app, 'retry', 'app/1')
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-1', 'web-2']
    assert counters(app, 1)[0] == 1, 'it has not asked once more'


def instruct(app, instruction, about):
    """Give an instruction on the leader."""
    usual = app.charm_type

    class Charm(usual):
        def _on_config_changed(self, _):
            self.coordinator.instruct('restart', instruction, about)

    app.charm_type = Charm
    app.hook(0, 'config_changed')
    app.charm_type = usual


@pytest.mark.parametrize('on_failure', ['stop', 'retry'])
@pytest.mark.parametrize('check_within', [0, '5m'])
@pytest.mark.parametrize('hooks', [0, 1])
def test_an_operator_who_skips_ends_the_check_as_well(
    application, services, machine, on_failure, check_within, hooks
):
    check = Health('no answer')
    made = restarting(check, on_failure=on_failure, check_within=check_within)
    app = two_units(application, made)
    app.hook(1)
    for _ in range(hooks if on_failure == 'stop' else 0):
        app.hook(1)
    instruct(app, 'skip', 'app/1')
    app.hook(1)
    app.hook(2)
    app.hook(1)
    assert services.restarted == ['web-1', 'web-2']
    assert app.units[1].deferred == []


def test_with_continue_a_check_that_does_not_come_good_lets_the_others_go(
    application, services, machine
):
    made = restarting(Health('no answer', None), check_within=0, on_failure='continue')
    app = two_units(application, made)
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'failed')
    app.hook(2)
    app.hook(1)
    assert services.restarted == ['web-1', 'web-2']


def test_what_is_emitted_during_a_check_has_a_turn_of_its_own(application, services, machine):
    check = Health('no answer')
    made = restarting(check)
    app = two_units(application, made)
    app.hook(1)
    app.hook(1, 'config_changed')
    app.hook(1)
    assert services.restarted == ['web-1']
    check.answers = [None]
    for _ in range(3):
        app.everybody()
    assert sorted(services.restarted) == ['web-1', 'web-1', 'web-2']
    assert counters(app, 1) == (2, 2, 'done')


def test_what_waits_during_a_check_does_not_take_the_place_of_what_failed(
    application, services, machine
):
    check = Health('no answer')

    def emit(it):
        service = 'first' if counted else 'second'
        counted[:] = []
        it.on.restart_event.emit({'unit': it.unit.name}, services=[service])

    counted = [1]
    app = application(restarting(check, emit=emit, check_within=30), 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    app.hook(1, 'config_changed')
    machine.time_passes(31)
    app.hook(1)
    assert services.restarted == ['first']
    app.hook(1)
    assert services.restarted == ['first', 'first'], 'the second one was not part of that turn'
    check.answers = [None]
    for _ in range(3):
        app.everybody()
    assert services.restarted == ['first', 'first', 'second']
    assert counters(app, 1) == (2, 2, 'done')


def test_several_events_of_one_turn_are_checked_and_repeated_together(
    application, services, machine
):
    def emit(it):
        for service in ('one', 'two'):
            it.on.restart_event.emit({'unit': service}, services=[service])

    made = restarting(Health('no answer', None), emit=emit, check_within=0)
    app = application(made, 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    app.hook(1)
    assert services.restarted == ['one', 'two'] * 2
    assert counters(app, 1) == (1, 1, 'done')
    assert [ctx for _, ctx in made.done] == ['one', 'two'] * 2


def test_a_handler_that_defers_keeps_the_turn_before_the_check(application, services, machine):
    ready, check = [], Health(None)

    def handler(_, event):
        if not event.restart() or not ready:
            event.defer()

    app = two_units(application, restarting(check, handler))
    app.hook(1)
    assert check.asked == 0, 'its handler is not through'
    ready.append(True)
    app.hook(1)
    assert (check.asked, counters(app, 1)) == (1, (1, 1, 'done'))


def test_a_restart_is_not_repeated_if_its_hook_fails_after_the_check_has_begun(
    application, services, machine, monkeypatch
):
    check = Health('no answer')
    app = two_units(application, restarting(check))
    with monkeypatch.context() as patched:
        patched.setattr(Commit, '_tell_availability', mock.Mock(side_effect=RuntimeError('no')))
        app.failing_hook(1)
    assert check.asked == 1, 'the journal knows that the restart has succeeded'
    app.hook(1)
    assert check.asked == 2
    app.hook(2)
    assert services.restarted == ['web-1']
    check.answers = [None]
    app.hook(1)
    app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']
    assert counters(app, 1) == (1, 1, 'done')
    assert app.units[1].deferred == []


def test_a_hook_that_was_not_committed_restarts_nothing_again(application, services, machine):
    app = two_units(application, restarting(Health(None), soak=60))
    app.hook(1, commit=False)
    machine.time_passes(61)
    for _ in range(3):
        app.everybody()
        machine.time_passes(61)
    assert services.restarted == ['web-1', 'web-2']


def test_a_hook_that_ends_a_check_and_is_not_committed_restarts_nothing_again(
    application, services, machine
):
    app = two_units(application, restarting(Health(None), soak=60))
    app.hook(1)
    machine.time_passes(61)
    app.hook(1, commit=False)
    for _ in range(3):
        app.everybody()
        machine.time_passes(61)
    assert services.restarted == ['web-1', 'web-2']


def test_a_hook_that_finds_a_failure_and_fails_restarts_once(
    application, services, machine, monkeypatch
):
    check = Health('no answer')
    app = two_units(application, restarting(check, check_within=30))
    app.hook(1)
    machine.time_passes(31)
    with monkeypatch.context() as patched:
        patched.setattr(Commit, '_tell_availability', mock.Mock(side_effect=RuntimeError('no')))
        app.failing_hook(1)
    check.answers = [None]
    for _ in range(3):
        app.hook(1)
    app.hook(2)
    assert services.restarted == ['web-1', 'web-1', 'web-2']


def test_a_unit_that_loses_its_disk_during_a_check_lets_the_others_go(
    application, services, machine
):
    """Its events are lost with the disk, as they are whenever a pod comes back."""
    app = two_units(application, restarting(Health('no answer')))
    app.hook(1)
    app.new_pod(1)
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'withdrawn')
    app.hook(2)
    assert services.restarted == ['web-1', 'web-2']


def test_a_refresh_that_takes_the_check_away_lets_the_turn_go(application, services, machine):
    app = two_units(application, restarting(Health('no answer')))
    app.hook(1)
    app.charm_type = restarting()
    app.hook(1)
    app.hook(2)
    assert counters(app, 1) == (1, 1, 'done')
    assert services.restarted == ['web-1', 'web-2']


def test_a_refresh_that_takes_the_event_away_lets_the_turn_go(application, services, machine):
    class Events(RestartCharmEvent):
        renewed = ops.EventSource(RestartEvent)

    usual = restarting(Health('no answer'), check_within=0)

    class Charm(usual):
        on = Events()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.renewed, self._on_restart)

        def _on_config_changed(self, _):
            self.on.renewed.emit({'unit': self.unit.name}, services=['web'])

    app = application(Charm, 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    app.charm_type = usual
    app.hook(1)
    assert services.restarted == ['web']
    assert counters(app, 1) == (1, 1, 'withdrawn')


def test_the_charm_may_take_back_what_is_being_checked(application, services, machine):
    app = two_units(application, made := restarting(Health('no answer')))
    app.hook(1)

    class Charm(made):
        def _on_config_changed(self, _):
            assert self.coordinator.withdraw('restart')

    app.charm_type = Charm
    app.hook(1, 'config_changed')
    app.charm_type = made
    assert counters(app, 1) == (1, 1, 'withdrawn')
    app.hook(2)
    app.hook(1)
    assert services.restarted == ['web-1', 'web-2']


def test_code_that_asks_for_the_lock_itself_waits_for_the_check(application, services, machine):
    held = []

    class Charm(restarting(Health('no answer', 'no answer', None))):
        def _on_config_changed(self, _):
            held.append(self.coordinator.acquire('restart'))

    app = application(Charm, 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    for _ in range(3):
        app.hook(1, 'config_changed')
        assert counters(app, 1)[1] == 0 or len(held) == 4
    assert held == [False, True, False, False]


def test_a_check_holds_up_a_campaign_as_well(born, services, machine):
    check = Health('no answer')

    def emit(it):
        it.coordinator.roll({'unit': 'all'}, services=['web'], reason='new keys')

    made = restarting(check, emit=emit, check_within=30)
    app = born(made, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(1)
    app.hook(0)
    assert services.restarted == ['web']
    machine.time_passes(31)
    app.hook(0)
    app.hook(0)
    assert services.restarted == ['web', 'web'], 'again, after its check has failed'
    check.answers = [None]
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web'] * 3
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 2


def test_a_test_says_whether_a_check_holds(application, machine):
    check = Health(None)
    app = two_units(application, restarting(check))
    machine.break_check('no answer')
    app.hook(1)
    assert counters(app, 1)[1] == 0
    machine.mend_check()
    app.hook(1)
    assert counters(app, 1)[1] == 1
    assert check.asked == 0, 'the charm itself is not asked'


def test_a_check_cannot_use_its_coordinator(application, machine):
    made = restarting(lambda: OpsCoordinator(known[-1]).status_table())
    known = []

    class Charm(made):
        def __init__(self, framework):
            super().__init__(framework)
            known.append(self)

    app = two_units(application, Charm)
    app.hook(1)
    assert 'cannot use its coordinator' in record(app, 1)['why']


def test_the_same_check_may_be_given_again_and_another_one_not(application):
    class Charm(restarting(Health(None))):
        def _on_config_changed(self, _):
            OpsCoordinator(self)
            with pytest.raises(CoordinatorError, match='it cannot also have check'):
                OpsCoordinator(self, check=print)

    application(Charm).hook(0, 'config_changed')


@pytest.mark.parametrize(
    ('options', 'error', 'told'),
    [
        ({'check': 'healthy'}, TypeError, "check must be a function, not 'healthy'"),
        ({'soak': 1.5}, TypeError, 'soak must be a whole number of seconds'),
        ({'soak': '2 days'}, ValueError, "soak: '2 days' is no time such as 90s, 5m or 2h"),
        ({'check_within': 30}, ValueError, 'check_within is for a check'),
    ],
)
def test_what_cannot_be_demanded_is_refused(application, options, error, told):
    raised = application(charm(restart_or_defer, **options)).failing_hook(0)
    assert isinstance(raised, error)
    assert told in str(raised)
