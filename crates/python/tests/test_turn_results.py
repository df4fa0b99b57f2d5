"""How an operation ends: done, to run again, failed; and what becomes of the turn."""

import json

import pytest
from conftest import counters, line
from ops_coordinator import OperationResult
from ops_coordinator._dispatch import Dispatch
from turning import turning

HOLD, RELEASE = OperationResult.RETRY_HOLD, OperationResult.RETRY_RELEASE


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still unless a test lets time pass; gives how to do that."""
    now = [1_700_000_000]
    monkeypatch.setattr('ops_coordinator._operation.time.time', lambda: now[0])

    def passes(seconds):
        now[0] += seconds

    return passes


def answering(*answers, **options):
    """A charm whose operation returns these, one after the other, or raises them."""
    charm = turning(**options)
    charm.answers = {'restart': list(answers)}
    return charm


def waiting(app, number):
    """What a unit has published of its operations."""
    return json.loads(app.units[number].bag.get('ops-coordinator-queue', '{}')).get('restart', [])


def two_units(application, charm):
    """Two units that both wait, app/1 in front."""
    app = application(charm, 3)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app) == [1, 2]
    return app


@pytest.mark.parametrize('result', [OperationResult.RELEASE, 'release', None])
def test_an_operation_that_is_done_passes_the_turn_on(application, result):
    app = two_units(application, charm := answering(result))
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/2']


@pytest.mark.parametrize('result', [HOLD, 'retry-hold'])
def test_a_unit_that_holds_lets_nobody_pass(application, result):
    app = two_units(application, charm := answering(result))
    app.hook(1)
    assert counters(app, 1) == (1, 0, 'failed')
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1']
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/1', 'app/2']
    assert counters(app, 1) == (1, 1, 'done')
    assert ('failed', 'restart', 'restart is to run again, retry 1', True) in charm.told


def test_a_unit_that_releases_lets_the_others_pass_and_tries_again(application):
    app = two_units(application, charm := answering(RELEASE))
    app.hook(1)
    assert counters(app, 1) == (2, 1, 'failed')
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/2']
    for _ in range(3):
        app.everybody()
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/2', 'app/1']
    assert waiting(app, 1) == []


@pytest.mark.parametrize('result', [HOLD, RELEASE])
@pytest.mark.parametrize(('max_retry', 'runs'), [(0, 1), (1, 2), (3, 4)])
def test_an_operation_runs_again_as_often_as_it_may(application, clock, result, max_retry, runs):
    charm = answering(max_retry=max_retry)
    charm.answers = {'restart': result}
    app = application(charm)
    app.hook(0, 'config_changed')
    for _ in range(12):
        app.hook(0)
        clock(400)
    assert len(charm.ran) == runs
    assert (waiting(app, 0), counters(app, 0)[2]) == ([], 'failed')
    assert charm.told[-1] == (
        'failed',
        'restart',
        f'restart failed after {max_retry} retr{"y" if max_retry == 1 else "ies"}',
        False,
    )


def test_without_a_limit_an_operation_runs_again_until_it_is_done(application, clock):
    app = application(charm := answering(*[RELEASE] * 9))
    app.hook(0, 'config_changed')
    for _ in range(30):
        app.hook(0)
        clock(400)
    assert len(charm.ran) == 10
    assert counters(app, 0)[2] == 'done'


@pytest.mark.parametrize('result', [HOLD, RELEASE])
def test_from_the_second_retry_on_an_operation_rests_before_it(application, clock, result):
    charm = answering()
    charm.answers = {'restart': result}
    app = application(charm)
    app.hook(0, 'config_changed')
    rests = []
    for _ in range(9):
        runs = len(charm.ran)
        app.hook(0)
        if len(charm.ran) == runs:
            # What was to go through the line once more has its turn in the next hook.
            app.hook(0)
        assert len(charm.ran) == runs + 1
        due = waiting(app, 0)[0].get('due')
        rests.append(0 if due is None else due - 1_700_000_000 - sum(rests))
        clock(rests[-1])
    assert rests[:4] == [0, 5, 10, 20]
    assert rests[-1] == 300


def test_a_clock_that_was_set_back_keeps_nothing_resting(application, clock):
    app = application(charm := answering(HOLD, HOLD))
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert len(charm.ran) == 2
    app.hook(0)
    assert len(charm.ran) == 2, 'it rests'
    clock(-100_000)
    app.hook(0)
    assert len(charm.ran) == 3


def test_what_waits_behind_an_operation_waits_for_its_retries(application):
    app = application(charm := answering(RELEASE))
    charm.ask = lambda turns: [turns.request(name) for name in ('restart', 'rotate')]
    app.hook(0, 'config_changed')
    for _ in range(5):
        app.hook(0)
    assert [name for _, name, _ in charm.ran] == ['restart', 'restart', 'rotate']


def test_the_same_request_while_an_operation_is_to_run_again_is_that_one(application):
    app = application(charm := answering(HOLD))
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert len(charm.ran) == 2


def test_an_operation_that_raises_fails_the_hook_and_keeps_the_turn(application):
    app = two_units(application, charm := answering(RuntimeError('no such port')))
    error = app.failing_hook(1)
    assert str(error) == 'no such port'
    assert charm.told[-1] == ('failed', 'restart', 'restart: no such port', True)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1']
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/1', 'app/2']


def test_with_continue_an_operation_that_raises_is_over(application, caplog):
    charm = answering(RuntimeError('no such port'), on_failure='continue')
    app = two_units(application, charm)
    app.hook(1)
    assert (counters(app, 1), waiting(app, 1)) == ((1, 1, 'failed'), [])
    assert 'the operation restart failed' in caplog.text
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/2']


def test_with_stop_an_operation_that_raises_stops_the_roll_until_an_operator_lets_it(application):
    charm = answering(RuntimeError('no such port'), on_failure='stop')
    app = two_units(application, charm)
    app.hook(1)
    assert charm.told[-1] == ('stopped', 'restart', 'restart: no such port')
    assert charm.states[-1].is_stopped
    assert not charm.states[-1].is_turn
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1']
    charm.look = lambda c: c.unit.is_leader() and c.turns.instruct('retry', 'app/1')
    app.hook(0)
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/1', 'app/2']


def test_a_stopped_operation_that_an_operator_skips_is_over(application):
    charm = answering(RuntimeError('no such port'), on_failure='stop')
    app = two_units(application, charm)
    app.hook(1)
    charm.look = lambda c: c.unit.is_leader() and c.turns.instruct('skip', 'app/1')
    app.hook(0)
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1', 'app/2']
    assert (waiting(app, 1), counters(app, 1)) == ([], (1, 1, 'skipped'))


def test_with_stop_an_operation_without_retries_left_stops_the_roll(application):
    charm = answering(HOLD, HOLD, on_failure='stop', max_retry=1)
    app = two_units(application, charm)
    app.hook(1)
    app.hook(1)
    assert charm.told[-1] == ('stopped', 'restart', 'restart failed after 1 retry')
    app.hook(1)
    app.hook(2)
    assert len(charm.ran) == 2
    charm.look = lambda c: c.unit.is_leader() and c.turns.instruct('retry', 'app/1')
    app.hook(0)
    app.hook(1)
    app.hook(2)
    assert [unit for unit, _, _ in charm.ran] == ['app/1'] * 3 + ['app/2']


def test_an_operation_that_returns_something_else_is_told_so(application):
    app = application(answering(False))
    app.hook(0, 'config_changed')
    error = app.failing_hook(0)
    assert isinstance(error, TypeError)
    assert 'the operation restart returned False: return nothing, or one of' in str(error)


def test_an_operation_that_cannot_take_its_arguments_fails_as_any_other(application):
    class Charm(turning()):
        def _operation(self, name):
            return lambda: None

    Charm.ask = lambda turns: turns.request('restart', port=1)
    app = application(Charm)
    app.hook(0, 'config_changed')
    assert isinstance(app.failing_hook(0), TypeError)


def test_a_waker_is_asked_for_a_unit_that_holds(application, monkeypatch):
    woken = []
    monkeypatch.setattr(Dispatch, 'wake', lambda _, lock, seconds: woken.append(seconds))
    app = application(answering(HOLD, HOLD, HOLD))
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert woken == [1, 5]
