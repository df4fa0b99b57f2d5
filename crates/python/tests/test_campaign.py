"""Campaigns: the leader has all units run an operation, and nobody requests it."""

import json

from conftest import counters, line, record
from ops_coordinator import CoordinatorError, Operators
from ops_coordinator import OperationResult as Result
from ops_coordinator.testing import Machine
from test_operators import act, refused
from turning import turning


def rolling(operation='restart', reason='new keys', **kwargs):
    """Make a charm that rolls an operation in the leader's config-changed."""
    charm = turning()

    class Charm(charm):
        def _on_config_changed(self, _):
            if self.unit.is_leader():
                self.turns.roll(operation, reason=reason, **kwargs)
            else:
                self.turns.request('rotate')

    return Charm


def test_every_unit_runs_the_operation_once_and_nobody_has_requested_it(born):
    charm = rolling(port=80)
    app = born(charm, 3)
    app.hook(0, 'config_changed')
    assert line(app) == [0, 1, 2]
    app.everybody()
    app.everybody()
    assert charm.ran == [(f'app/{number}', 'restart', {'port': 80}) for number in range(3)]
    for number in app.units:
        assert counters(app, number) == (1, 1, 'done')
        assert 'ops-coordinator-queue' not in app.units[number].bag
    assert charm.told.count(('finished', 'restart')) == 3


def test_nothing_is_published_before_the_turn_has_ended(born):
    charm = rolling()
    app = born(charm, 3)
    app.hook(0, 'config_changed')
    before = dict(app.units[2].bag)
    app.hook(2)
    assert charm.ran == []
    assert app.units[2].bag == before


def test_units_that_have_never_met_ask_for_themselves(application):
    charm = rolling()
    app = application(charm, 3)
    app.hook(0, 'config_changed')
    assert line(app) == [0], 'the leader knows nobody else'
    for _ in range(4):
        app.everybody()
    assert sorted(charm.ran) == [(f'app/{number}', 'restart', {}) for number in range(3)]


def test_an_operation_that_raises_is_not_lost_with_its_hook(born):
    charm = rolling()
    charm.answers = {'restart': [RuntimeError('no')]}
    app = born(charm, 2)
    app.hook(0, 'config_changed')
    assert str(app.failing_hook(0)) == 'no'
    app.hook(1)
    assert [unit for unit, *_ in charm.ran] == ['app/0'], 'app/1 waits for it'
    app.hook(0)
    app.hook(1)
    assert [unit for unit, *_ in charm.ran] == ['app/0', 'app/0', 'app/1']
    assert counters(app, 0) == (1, 1, 'done')


def test_what_a_unit_has_requested_itself_runs_as_well(born):
    charm = rolling()
    app = born(charm, 2)
    app.hook(1, 'config_changed')
    app.hook(0, 'config_changed')
    for _ in range(4):
        app.everybody()
    ran = [(unit, name) for unit, name, _ in charm.ran]
    assert sorted(ran) == [('app/0', 'restart'), ('app/1', 'restart'), ('app/1', 'rotate')]


def test_an_operation_that_is_to_run_again_does_so(born):
    charm = rolling()
    charm.answers = {'restart': [Result.RETRY_RELEASE]}
    app = born(charm, 2)
    app.hook(0, 'config_changed')
    for _ in range(4):
        app.everybody()
    units = [unit for unit, *_ in charm.ran]
    assert sorted(units) == ['app/0', 'app/0', 'app/1']


def test_a_unit_that_does_not_know_the_operation_passes(born, caplog):
    charm = rolling()
    app = born(charm, 3)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.charm_type = turning(('rotate',))
    app.hook(1)
    app.charm_type = charm
    app.hook(2)
    assert [unit for unit, *_ in charm.ran] == ['app/0', 'app/2']
    assert counters(app, 1) == (1, 1, 'passed')
    assert 'has no operation restart' in record(app, 1)['why']
    assert 'passing in a campaign' in caplog.text


def test_an_aborted_campaign_lets_go_of_those_who_have_not_begun(born):
    charm = rolling()
    app = born(charm, 3)
    app.hook(0, 'config_changed')
    charm.look = lambda charm: charm.unit.is_leader() and charm.turns.instruct('abort')
    app.hook(0)
    charm.look = lambda _: None
    app.everybody()
    assert [unit for unit, *_ in charm.ran] == ['app/0']
    assert counters(app, 1) == (1, 1, 'passed')


def test_only_the_leader_rolls_and_only_what_the_charm_knows(born):
    charm = turning()
    charm.ask = lambda turns: turns.roll('restart', reason='new keys')
    app = born(charm, 2)
    assert isinstance(app.failing_hook(1, 'config_changed'), CoordinatorError)
    charm.ask = lambda turns: turns.roll('reboot', reason='new kernel')
    error = app.failing_hook(0, 'config_changed')
    assert isinstance(error, ValueError)
    assert 'has no operation' in str(error)


def test_a_unit_passes_where_it_cannot_read_what_the_campaign_gives(born):
    charm = rolling()
    app = born(charm, 2)
    app.hook(0, 'config_changed')
    bag = json.loads(app.app_bag['ops-coordinator'])
    bag['locks']['restart']['campaign']['payload']['context'] = {'roll': 'something new'}
    app.app_bag['ops-coordinator'] = json.dumps(bag)
    app.everybody()
    assert charm.ran == []
    assert [counters(app, number) for number in app.units] == [(1, 1, 'passed')] * 2


def expecting(reason='config 2', **kwargs):
    """Make a charm whose units all expect a roll in config-changed."""
    charm = turning()
    charm.ask = lambda turns: turns.expect('restart', reason=reason, **kwargs)
    return charm


def test_where_all_units_know_the_reason_the_leader_rolls_them_and_none_asks(born):
    charm = expecting(port=80)
    app = born(charm, 3)
    before = dict(app.units[1].bag)
    app.hook(1, 'config_changed')
    app.hook(2, 'config_changed')
    assert app.units[1].bag == before, 'nobody asks'
    app.hook(0, 'config_changed')
    assert line(app) == [0, 1, 2]
    app.everybody()
    assert charm.ran == [(f'app/{number}', 'restart', {'port': 80}) for number in range(3)]
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 3
    for _ in range(3):
        app.everybody()
    assert len(charm.ran) == 3, 'nothing is left of what was expected'


def test_a_unit_that_no_campaign_calls_asks_for_itself_after_a_minute(born):
    charm = expecting(port=80)
    app = born(charm, 2)
    with Machine() as machine:
        app.hook(1, 'config_changed')
        machine.time_passes(59)
        app.everybody()
        assert 'restart' not in json.loads(app.units[1].bag['ops-coordinator']).get('locks', {})
        machine.time_passes(2)
        for _ in range(3):
            app.everybody()
    assert charm.ran == [('app/1', 'restart', {'port': 80})]
    assert counters(app, 1) == (1, 1, 'done')


def test_what_a_unit_expects_can_be_taken_back(born):
    charm = expecting()
    app = born(charm, 2)
    with Machine() as machine:
        app.hook(1, 'config_changed')
        charm.ask = lambda turns: turns.withdraw()
        app.hook(1, 'config_changed')
        machine.time_passes(61)
        for _ in range(3):
            app.everybody()
    assert charm.ran == []


def test_a_unit_expects_only_what_the_charm_knows(born):
    charm = turning()
    charm.ask = lambda turns: turns.expect('reboot', reason='new kernel')
    error = born(charm, 1).failing_hook(0, 'config_changed')
    assert isinstance(error, ValueError)
    assert 'has no operation' in str(error)


def operated(*names):
    """Make a charm with these operations and an operator's actions."""

    class Charm(turning(names)):
        def __init__(self, framework):
            super().__init__(framework)
            Operators(self, self.turns)

    return Charm


ROLL = {'roll': {'params': {'reason': {'type': 'string'}, 'operation': {'type': 'string'}}}}


def test_an_operator_rolls_the_only_operation(born):
    charm = operated('restart')
    app = born(charm, 2, actions=ROLL)
    assert act(app, 'roll', reason='new keys') == 'a roll of all units begins: new keys'
    app.everybody()
    app.everybody()
    assert charm.ran == [(f'app/{number}', 'restart', {}) for number in range(2)]


def test_an_operator_names_one_of_several_operations(born):
    charm = operated('restart', 'rotate')
    app = born(charm, 1, actions=ROLL)
    assert 'say which operation to run: restart, rotate' in refused(app, 'roll')
    assert 'say which operation to run' in refused(app, 'roll', operation='reboot')
    act(app, 'roll', operation='rotate')
    app.everybody()
    assert charm.ran == [('app/0', 'rotate', {})]
