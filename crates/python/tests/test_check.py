"""A check after an operation: the turn goes on until it has held for long enough."""

from unittest import mock

import pytest
from conftest import counters, line, record
from ops_coordinator.testing import Machine
from test_turn_results import answering, two_units
from turning import turning


@pytest.fixture
def machine():
    """A machine whose clock goes on when the test says so."""
    with Machine() as machine:
        yield machine


class Health:
    """A check of a charm: gives what it is told to give, and counts how often it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0

    def __call__(self):
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def ran(charm):
    """The units whose operation has run, in order."""
    return [unit for unit, _, _ in charm.ran]


@pytest.mark.parametrize('good', [None, True])
def test_a_check_that_holds_at_once_ends_the_turn_in_the_same_hook(application, good):
    check = Health(good)
    app = two_units(application, charm := answering(check=check))
    app.hook(1)
    assert (counters(app, 1), check.asked) == ((1, 1, 'done'), 1)
    assert ('finished', 'restart') in charm.told
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/2']


@pytest.mark.parametrize(
    ('bad', 'why'),
    [
        ('no answer', 'no answer'),
        (False, 'it returned False'),
        (ConnectionError('refused'), 'refused'),
        (TimeoutError(), 'TimeoutError'),
    ],
)
def test_a_check_that_does_not_hold_keeps_the_turn(application, machine, bad, why):
    check = Health(bad)
    app = two_units(application, charm := answering(check=check))
    app.hook(1)
    assert counters(app, 1)[:2] == (1, 0)
    assert ('finished', 'restart') not in charm.told
    app.hook(2)
    app.hook(1)
    assert ran(charm) == ['app/1'], 'app/2 waits, and app/1 does not run it again'
    state = charm.states[-1]
    assert state.is_checking
    assert state.reason.startswith('its check has failed since')
    assert state.reason.endswith(f'UTC: {why}')
    check.answers = [None]
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'done')
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/2']


def test_a_check_is_asked_once_in_a_hook(application, machine):
    check = Health('no answer')
    app = two_units(application, answering(check=check))
    app.hook(1)
    app.hook(1)
    assert check.asked == 2
    app.hook(2)
    assert check.asked == 2


def test_the_turn_goes_on_for_as_long_as_the_check_is_to_hold(application, machine):
    app = two_units(application, charm := answering(check=Health(None), soak='2m'))
    app.hook(1)
    machine.time_passes(119)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1']
    waits = next(s.reason for s in reversed(charm.states) if s.is_checking)
    assert waits.startswith('soaking until')
    machine.time_passes(2)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/2']
    assert charm.told.count(('finished', 'restart')) == 1, 'app/2 is soaking now'


def test_the_units_status_says_that_it_is_soaking(application, machine):
    charm = answering(check=Health(None), soak=60)
    event = mock.Mock()
    charm.look = lambda c: c.turns.add_status(event)
    app = two_units(application, charm)
    app.hook(1)
    app.hook(1)
    (status,) = event.add_status.call_args.args
    assert status.message.startswith('restart: soaking until ')


def test_an_interruption_begins_the_soak_anew(application, machine):
    check = Health(None)
    app = two_units(application, answering(check=check, soak=60))
    app.hook(1)
    machine.time_passes(50)
    check.answers = ['no answer']
    app.hook(1)
    check.answers = [None]
    machine.time_passes(50)
    app.hook(1)
    machine.time_passes(50)
    app.hook(1)
    assert counters(app, 1)[1] == 0
    machine.time_passes(11)
    app.hook(1)
    assert counters(app, 1)[1] == 1


def test_an_operation_whose_check_does_not_come_good_runs_again(application, machine, caplog):
    check = Health('no answer')
    app = two_units(application, charm := answering(check=check, check_within=30))
    app.hook(1)
    machine.time_passes(31)
    app.hook(1)
    failed = ('failed', 'restart', 'restart: its check failed: no answer', True)
    assert charm.told[-1] == failed
    assert ran(charm) == ['app/1'], 'not in the hook that finds it out'
    app.hook(2)
    app.hook(1)
    assert ran(charm) == ['app/1', 'app/1']
    check.answers = [None]
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1', 'app/2']


def test_with_stop_a_check_that_does_not_come_good_stops_the_roll(application, machine):
    check = Health('no answer')
    charm = answering(check=check, check_within=0, on_failure='stop')
    app = two_units(application, charm)
    app.hook(1)
    assert charm.told[-1] == ('stopped', 'restart', 'restart: its check failed: no answer')
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1']
    assert any(state.is_stopped for state in charm.states)
    check.answers = [None]
    charm.look = lambda c: c.unit.is_leader() and c.turns.instruct('retry', 'app/1')
    app.hook(0)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1', 'app/2']


def test_with_continue_a_check_that_does_not_come_good_lets_the_others_go(application, machine):
    check = Health('no answer', None)
    charm = answering(check=check, check_within=0, on_failure='continue')
    app = two_units(application, charm)
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'failed')
    assert charm.told[-1] == ('failed', 'restart', 'restart: its check failed: no answer', False)
    app.hook(2)
    app.hook(1)
    assert ran(charm) == ['app/1', 'app/2']


def test_checks_that_fail_count_as_retries_and_then_stop_the_roll(application, machine):
    charm = answering(check=Health('no answer'), check_within=0, max_retry=1)
    app = two_units(application, charm)
    for _ in range(4):
        app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1']
    assert charm.told[-1][0] == 'stopped'


def test_an_operator_who_skips_ends_the_check_as_well(application, machine):
    app = two_units(application, charm := answering(check=Health('no answer')))
    app.hook(1)
    charm.look = lambda c: c.unit.is_leader() and c.turns.instruct('skip', 'app/1')
    app.hook(0)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/2']
    assert ('cancelled', 'restart', 'skipped') in charm.told


def test_what_is_requested_during_a_check_has_a_turn_of_its_own(application, machine):
    check = Health('no answer')
    app = two_units(application, charm := answering(check=check))
    app.hook(1)
    app.hook(1, 'config_changed')
    check.answers = [None]
    for _ in range(3):
        app.everybody()
    assert sorted(ran(charm)) == ['app/1', 'app/1', 'app/2']


def test_an_operation_whose_hook_was_not_committed_runs_again(application, machine):
    app = two_units(application, charm := answering(check=Health(None), soak=60))
    app.hook(1, commit=False)
    machine.time_passes(61)
    for _ in range(3):
        app.everybody()
        machine.time_passes(61)
    assert sorted(ran(charm)) == ['app/1', 'app/1', 'app/2']


def test_a_hook_that_ends_a_check_and_is_not_committed_runs_nothing_again(application, machine):
    app = two_units(application, charm := answering(check=Health(None), soak=60))
    app.hook(1)
    machine.time_passes(61)
    app.hook(1, commit=False)
    for _ in range(3):
        app.everybody()
        machine.time_passes(61)
    assert ran(charm) == ['app/1', 'app/2']


def test_a_unit_that_loses_its_disk_during_a_check_runs_the_operation_again(application, machine):
    app = two_units(application, charm := answering(check=Health(None), soak=60))
    app.hook(1)
    app.new_pod(1)
    app.hook(1)
    assert ran(charm) == ['app/1', 'app/1']
    machine.time_passes(61)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1', 'app/2']


def test_a_refresh_that_takes_the_check_away_lets_the_turn_go(application, machine):
    app = two_units(application, answering(check=Health('no answer')))
    app.hook(1)
    app.charm_type = charm = turning()
    app.hook(1)
    app.hook(2)
    assert (counters(app, 1), ran(charm)) == ((1, 1, 'done'), ['app/2'])


def test_a_refresh_that_takes_the_operation_away_leaves_the_check(application, machine):
    check = Health('no answer')
    app = two_units(application, first := answering(check=check))
    app.hook(1)
    app.charm_type = other = turning(('rotate',), check=check)
    app.hook(1)
    app.charm_type = first
    app.hook(2)
    assert ran(first) == ['app/1'], 'app/1 keeps its turn'
    check.answers = [None]
    app.charm_type = other
    app.hook(1)
    app.charm_type = first
    app.hook(2)
    assert (ran(first), other.ran) == (['app/1', 'app/2'], [])
    assert counters(app, 1) == (1, 1, 'done')


def test_a_check_holds_up_a_campaign_as_well(born, machine):
    charm = turning(check=Health('no answer', None), soak=0)
    charm.ask = lambda turns: turns.roll('restart', reason='new keys')
    app = born(charm, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert ran(charm) == ['app/0']
    app.hook(0)
    app.hook(1)
    assert ran(charm) == ['app/0', 'app/1']
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 2


def test_a_test_says_whether_a_check_holds(application, machine):
    check = Health(None)
    app = two_units(application, answering(check=check))
    machine.break_check('no answer')
    app.hook(1)
    assert counters(app, 1)[1] == 0
    machine.mend_check()
    app.hook(1)
    assert counters(app, 1)[1] == 1
    assert check.asked == 0, 'the charm itself is not asked'


def test_with_a_back_off_an_operation_that_raises_waits_and_does_not_fail_the_hook(
    application, machine
):
    charm = answering(RuntimeError('no such port'), RuntimeError('no'), back_off=30)
    app = two_units(application, charm)
    app.hook(1)
    assert charm.told[-1] == ('failed', 'restart', 'restart: no such port', True)
    app.hook(1)
    assert ran(charm) == ['app/1']
    assert 'no such port' in charm.states[-1].reason
    machine.time_passes(31)
    app.hook(1)
    machine.time_passes(31)
    app.hook(1)
    assert ran(charm) == ['app/1', 'app/1'], 'the second wait is twice as long'
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1'], 'app/2 waits for it'
    machine.time_passes(31)
    app.hook(1)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1', 'app/1', 'app/2']


def test_with_a_back_off_an_operation_without_retries_left_stops_the_roll(application, machine):
    charm = answering(max_retry=1, back_off='10s')
    charm.answers = {'restart': RuntimeError('no such port')}
    app = two_units(application, charm)
    for _ in range(4):
        app.hook(1)
        machine.time_passes(60)
    app.hook(2)
    assert ran(charm) == ['app/1', 'app/1']
    assert charm.told[-1] == ('stopped', 'restart', 'restart: no such port')


def test_the_next_attempt_after_a_failed_check_waits_as_well(application, machine):
    charm = answering(check=Health('no answer'), check_within=0, back_off='1m')
    app = two_units(application, charm)
    app.hook(1)
    app.hook(1)
    assert ran(charm) == ['app/1']
    machine.time_passes(61)
    app.hook(1)
    assert ran(charm) == ['app/1', 'app/1']


def test_a_check_that_gives_no_answer_is_told_so(application, machine):
    app = application(answering(check=lambda: 3))
    app.hook(0, 'config_changed')
    error = app.failing_hook(0)
    assert isinstance(error, TypeError)
    assert "the check for the lock 'restart' returned 3: return None or True" in str(error)


@pytest.mark.parametrize(
    ('options', 'error', 'told'),
    [
        ({'check': 'healthy'}, TypeError, "check must be a function, not 'healthy'"),
        ({'soak': 1.5}, TypeError, 'soak must be a whole number of seconds'),
        ({'soak': '2 days'}, ValueError, "soak: '2 days' is no time such as 90s, 5m or 2h"),
        ({'soak': -1}, ValueError, "soak: '-1' is no time"),
        ({'check_within': 30}, ValueError, 'check_within is for a check'),
        ({'back_off': 5, 'on_failure': 'stop'}, ValueError, "back_off is for on_failure='retry'"),
    ],
)
def test_what_cannot_be_demanded_is_refused(application, options, error, told):
    raised = application(turning(**options)).failing_hook(0)
    assert isinstance(raised, error)
    assert told in str(raised)


def test_a_check_cannot_use_its_coordinator(application, machine):
    known, found = [], []
    charm = answering(check=lambda: found.append(known[-1].state))
    charm.look = lambda c: known.append(c.turns)
    app = two_units(application, charm)
    app.hook(1)
    assert found == []
    assert 'cannot use its coordinator' in record(app, 1)['why']
    assert line(app) == [1, 2]
