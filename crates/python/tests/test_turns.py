"""Operations that run in turn: what waits, what runs, and when."""

import json
import os
from typing import ClassVar

import ops
import pytest
from conftest import counters, line
from ops import testing
from ops_coordinator import CoordinatorError, Operators, OpsCoordinator, Policy, Serial, Turns
from turning import turning


def names(charm):
    """What has run, by unit and name."""
    return [(unit, name) for unit, name, _ in charm.ran]


def waiting(app, number):
    """What a unit has published of its operations."""
    queues = json.loads(app.units[number].bag.get('ops-coordinator-queue', '{}'))
    return [one['op'] for one in queues.get('restart', [])]


def waiting_application(application, charm):
    """An application of three units, in which app/1 is in the line and app/2 behind it."""
    app = application(charm, 3)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app) == [1, 2]
    return app


def test_an_operation_runs_in_a_later_hook_than_the_one_that_lets_it_in(application):
    charm = turning()
    charm.ask = lambda turns: turns.request('restart', port=80)
    app = application(charm)
    app.hook(0, 'config_changed')
    assert charm.ran == []
    app.hook(0)
    assert charm.ran == [('app/0', 'restart', {'port': 80})]
    assert charm.told == [('started', 'restart'), ('finished', 'restart')]
    app.hook(0)
    assert len(charm.ran) == 1
    assert counters(app, 0) == (1, 1, 'done')
    assert 'ops-coordinator-queue' not in app.units[0].bag


def test_units_run_their_operations_one_after_the_other(application):
    charm = turning()
    app = application(charm, 3)
    app.everybody('config_changed')
    app.everybody()
    app.everybody()
    assert names(charm) == [(f'app/{number}', 'restart') for number in range(3)]


def test_nobody_starts_before_the_one_ahead_has_finished(application):
    charm = turning()
    app = waiting_application(application, charm)
    app.hook(2)
    assert charm.ran == [], 'app/1 is ahead'
    app.hook(1)
    app.hook(2)
    assert names(charm) == [('app/1', 'restart'), ('app/2', 'restart')]


def test_an_operation_runs_after_what_else_comes_in_the_dispatch_and_before_the_status(
    application,
):
    charm = turning()
    seen = []

    class Charm(charm):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._on_update_status)

        def _on_update_status(self, _):
            seen.append('event')

    charm.answers = {'restart': lambda _: seen.append('operation')}
    charm.look = lambda _: seen.append('status')
    app = application(Charm)
    app.hook(0, 'config_changed')
    seen.clear()
    app.hook(0)
    assert seen == ['event', 'operation', 'status']


def test_operations_of_a_unit_run_in_order_and_each_in_a_turn_of_its_own(application):
    charm = turning()

    def ask(turns):
        turns.request('restart', port=1)
        turns.request('rotate')
        turns.request('restart', port=2)

    charm.ask = ask
    app = application(charm)
    app.hook(0, 'config_changed')
    for done in range(3):
        assert len(charm.ran) == done
        app.hook(0)
    assert charm.ran == [
        ('app/0', 'restart', {'port': 1}),
        ('app/0', 'rotate', {}),
        ('app/0', 'restart', {'port': 2}),
    ]
    assert counters(app, 0)[:2] == (3, 3)


@pytest.mark.parametrize(
    ('asked', 'wanted'),
    [
        ([('restart', 1), ('restart', 1)], 1),
        ([('restart', 1), ('restart', 2)], 2),
        ([('restart', 1), ('rotate', 1)], 2),
        ([('restart', 1), ('rotate', 1), ('restart', 1)], 3),
    ],
)
def test_a_request_that_does_the_same_as_the_last_one_is_that_one(application, asked, wanted):
    charm = turning()
    added = []
    charm.ask = lambda turns: added.extend(turns.request(name, n=n) for name, n in asked)
    app = application(charm)
    app.hook(0, 'config_changed')
    assert added.count(True) == wanted
    for _ in range(5):
        app.hook(0)
    assert len(charm.ran) == wanted


def test_the_number_of_retries_does_not_make_a_request_another_one(application):
    charm = turning()
    charm.ask = lambda turns: [turns.request_with('restart', max_retry=n) for n in (None, 3)]
    app = application(charm)
    app.hook(0, 'config_changed')
    assert waiting(app, 0) == ['restart']


def test_a_request_from_inside_an_operation_gets_a_turn_of_its_own(application):
    charm = turning()
    charm.answers = {'restart': [lambda c: c.turns.request('restart') and None]}
    app = application(charm)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert (len(charm.ran), waiting(app, 0)) == (1, ['restart'])
    app.hook(0)
    assert (len(charm.ran), waiting(app, 0)) == (2, [])


def test_a_request_in_the_hook_of_the_turn_is_served_by_another_turn(application):
    charm = turning()
    app = application(charm)
    app.hook(0, 'config_changed')
    charm.look = lambda c: c.turns.request('rotate') if len(charm.ran) == 1 else None
    app.hook(0)
    assert names(charm) == [('app/0', 'restart')]
    charm.look = lambda c: None
    app.hook(0)
    assert names(charm)[1:] == [('app/0', 'rotate')]


def test_a_hook_that_fails_takes_its_requests_with_it(application):
    charm = turning()

    def ask(turns):
        turns.request('restart')
        raise RuntimeError('the hook fails')

    charm.ask = ask
    app = application(charm)
    app.failing_hook(0, 'config_changed')
    for _ in range(3):
        app.hook(0)
    assert charm.ran == []
    charm.ask = lambda turns: turns.request('restart')
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert len(charm.ran) == 1


def test_an_operation_runs_again_if_its_hook_fails_later(application):
    charm = turning()
    app = application(charm)
    app.hook(0, 'config_changed')

    def fails(_):
        raise RuntimeError('after the operation')

    charm.look = fails
    app.failing_hook(0)
    assert counters(app, 0)[:2] == (1, 0)
    charm.look = lambda _: None
    app.hook(0)
    assert len(charm.ran) == 2
    assert (counters(app, 0), waiting(app, 0)) == ((1, 1, 'done'), [])


def test_an_operation_whose_writes_juju_refused_runs_again(application):
    charm = turning()
    app = application(charm)
    app.hook(0, 'config_changed')
    app.hook(0, commit=False)
    assert (len(charm.ran), waiting(app, 0)) == (1, ['restart'])
    app.hook(0)
    app.hook(0)
    assert len(charm.ran) == 2
    assert (counters(app, 0)[:2], waiting(app, 0)) == ((2, 2), [])


def test_what_waits_survives_a_pod(application):
    charm = turning()
    app = application(charm, 2)
    charm.ask = lambda turns: turns.request('restart', port=80)
    app.everybody('config_changed')
    app.new_pod(1)
    for _ in range(3):
        app.everybody()
    assert ('app/1', 'restart', {'port': 80}) in charm.ran


def test_a_request_before_there_is_a_relation_waits_for_it(application):
    charm = turning()
    app = application(charm)
    app.joined = False
    app.hook(0, 'config_changed')
    app.hook(0)
    assert charm.ran == []
    assert charm.states[-1].is_waiting
    app.joined = True
    app.hook(0)
    app.hook(0)
    assert names(charm) == [('app/0', 'restart')]


def test_a_request_where_no_hook_tool_works_is_not_lost(application, monkeypatch):
    charm = turning()
    app = application(charm)
    app.hook(0, 'config_changed')
    charm.ask = lambda turns: turns.request('rotate')
    monkeypatch.setenv('JUJU_DISPATCH_PATH', 'hooks/collect-metrics')
    charm.look = lambda c: None
    app.hook(0, 'config_changed')
    monkeypatch.delenv('JUJU_DISPATCH_PATH')
    for _ in range(3):
        app.hook(0)
    assert names(charm) == [('app/0', 'restart'), ('app/0', 'rotate')]


def test_an_operation_that_a_refresh_takes_away_is_kept_and_told(application, caplog):
    charm = turning()

    def ask(turns):
        turns.request('rotate', n=1)
        turns.request('restart')

    charm.ask = ask
    app = application(charm)
    app.hook(0, 'config_changed')
    app.charm_type = less = turning(['restart'])
    app.hook(0)
    app.hook(0)
    assert names(less) == [('app/0', 'restart')], 'it does not keep others from running'
    told = 'this revision of the charm has no operation rotate for the lock restart'
    assert sum(told in record.message for record in caplog.records) == 1
    assert [one.name for one in less.states[-1].unknown] == ['rotate']
    assert not less.states[-1].is_waiting
    assert counters(app, 0) == (1, 1, 'done')

    app.charm_type = charm
    app.hook(0)
    app.hook(0)
    assert charm.ran == [('app/0', 'rotate', {'n': 1})], 'nothing is lost'


def test_only_what_nobody_knows_keeps_nobody_waiting(application):
    charm = turning()
    charm.ask = lambda turns: turns.request('rotate')
    app = application(charm, 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.charm_type = less = turning(['restart'])
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'withdrawn')
    app.hook(0, 'config_changed')
    app.hook(0)
    assert names(less) == [('app/0', 'restart')]


def test_a_unit_knows_what_waits_on_another(application):
    charm = turning()
    charm.ask = lambda turns: turns.request('rotate')
    app = application(charm, 2)
    app.hook(1, 'config_changed')
    seen = []

    def look(c):
        seen[:] = [c.turns.is_waiting(), c.turns.is_waiting(unit='app/1')]
        seen.extend(c.turns.is_waiting(name, unit='app/1') for name in ('rotate', 'restart'))

    charm.look = look
    app.hook(0)
    assert seen == [False, True, True, False]


def test_a_unit_that_does_not_exist_is_named(application):
    charm = turning()
    charm.look = lambda c: c.turns.is_waiting(unit='app/7')
    error = application(charm).failing_hook(0)
    assert isinstance(error, ValueError)
    assert "'app/7' is not a unit" in str(error)


def test_the_state_tells_where_the_unit_stands(application):
    charm = turning()
    app = waiting_application(application, charm)
    app.hook(2)
    state = charm.states[-1]
    assert (state.is_waiting, state.is_turn, state.position) == (True, False, 2)
    assert state.waits_for == ('app/1',)
    assert state.reason == 'behind app/1'
    assert [repr(one) for one in state.operations] == ['restart()']
    with pytest.raises(AttributeError):
        state.position = 1
    app.hook(1)
    app.hook(2)
    state = charm.states[-1]
    assert (state.is_waiting, state.reason, state.operations) == (False, None, ())


def test_a_waiting_unit_says_whom_it_waits_for(application):
    charm = turning()
    app = waiting_application(application, charm)
    tables = []
    charm.look = lambda c: tables.append(c.turns.status_table())
    app.hook(2)
    assert 'app/2' in tables[0]


@pytest.mark.parametrize(
    ('asks', 'kind', 'told'),
    [
        (
            lambda t: t.request('reboot'),
            ValueError,
            "no operation 'reboot' for the lock 'restart'",
        ),
        (lambda t: t.request('restart', x=object()), TypeError, 'kwargs of restart contains'),
        (lambda t: t.request('restart', x=float('nan')), ValueError, 'contains nan'),
        (
            lambda t: t.request('restart', x='x' * 20_000),
            ValueError,
            'the kwargs of restart take 20009 bytes as JSON, and at most 16384 fit',
        ),
        (
            lambda t: t.request_with('restart', max_retry=-1),
            ValueError,
            'max_retry must not be negative',
        ),
        (lambda t: t.request_with('restart', max_retry=True), TypeError, 'a whole number or None'),
    ],
)
def test_a_request_that_cannot_be_served_is_refused_at_once(application, asks, kind, told):
    charm = turning()
    charm.ask = asks
    error = application(charm).failing_hook(0, 'config_changed')
    assert isinstance(error, kind)
    assert told in str(error)


def test_the_hundred_and_first_request_is_refused(application):
    charm = turning()
    charm.ask = lambda turns: [turns.request('restart', n=n) for n in range(101)]
    error = application(charm).failing_hook(0, 'config_changed')
    assert isinstance(error, CoordinatorError)
    assert '100 operations of app/0 wait for the lock restart already' in str(error)


def test_arguments_are_copied(application):
    charm = turning()
    ports = [80]

    def ask(turns):
        turns.request('restart', ports=ports)
        ports.append(81)

    charm.ask = ask
    app = application(charm)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert charm.ran == [('app/0', 'restart', {'ports': [80]})]


def test_a_withdrawn_request_does_not_run(application):
    charm = turning()
    app = waiting_application(application, charm)
    withdrawn = []
    charm.look = lambda c: withdrawn.append(c.turns.withdraw())
    app.hook(2)
    assert withdrawn == [1]
    charm.look = lambda c: None
    for _ in range(3):
        app.everybody()
    assert names(charm) == [('app/1', 'restart')]
    assert counters(app, 2) == (1, 1, 'withdrawn')


def test_an_operator_skips_the_operation_that_is_next(application):
    charm = turning()
    charm.ask = lambda turns: [turns.request(name) for name in ('restart', 'rotate')]
    app = application(charm, 2)
    app.hook(1, 'config_changed')
    app.hook(0)
    charm.look = lambda c: c.turns.instruct('skip', 'app/1')
    app.hook(0)
    charm.look = lambda c: None
    for _ in range(4):
        app.everybody()
    assert charm.told[0] == ('cancelled', 'restart', 'skipped')
    assert names(charm) == [('app/1', 'rotate')]


def test_a_policy_decides_how_many_go_at_once(application):
    charm = turning(policy=Policy(limit=2))
    app = waiting_application(application, charm)
    app.hook(2)
    assert names(charm) == [('app/2', 'restart')], 'it need not wait for app/1'
    plans = []
    charm.look = lambda c: plans.append(c.turns.plan())
    app.hook(0)
    assert set(plans[0]) >= {'steps', 'obstacles'}


def test_several_locks_have_lines_of_their_own(application):
    class Charm(ops.CharmBase):
        ran: ClassVar = []

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)
            run = self.ran.append
            self.restarts = Turns(self, {'restart': lambda: run('restart')})
            self.backups = Turns(self, {'backup': lambda: run('backup')}, lock='Backups', limit=2)
            self.locks = Serial(self)

        def _on_config_changed(self, _):
            self.restarts.request('restart')
            self.backups.request('backup')

    app = application(Charm)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert sorted(Charm.ran) == ['backup', 'restart']


@pytest.mark.parametrize(
    ('make', 'kind', 'told'),
    [
        (
            lambda c: (Turns(c, {}), Turns(c, {})),
            CoordinatorError,
            "its Turns for the lock 'restart'",
        ),
        (lambda c: Turns(None, {}), TypeError, 'Turns needs a charm, not a NoneType'),
        (lambda c: Turns(c, [1]), TypeError, 'operations must map names to methods'),
        (lambda c: Turns(c, {'a': 1}), TypeError, "the operation 'a' must be a method"),
        (lambda c: Turns(c, {'': print}), TypeError, 'must be text'),
        (lambda c: Turns(c, {}, on_failure='x'), ValueError, "'retry', 'stop' or 'continue'"),
        (lambda c: Turns(c, {}, limit=0), ValueError, 'from 1 to 100'),
        (lambda c: Turns(c, {}, limit=2, policy=Policy()), ValueError, 'either limit or policy'),
        (lambda c: Turns(c, {}, policy=1), TypeError, 'must be a Policy'),
        (lambda c: Turns(c, {}, max_retry=-1), ValueError, 'max_retry must not be negative'),
        (lambda c: Turns(c, {}, relation='x'), CoordinatorError, 'no peer relation'),
        (
            lambda c: (OpsCoordinator(c), Turns(c, {})),
            CoordinatorError,
            "belongs to OpsCoordinator, so Turns('restart') cannot use it too",
        ),
    ],
)
def test_a_wrong_declaration_is_refused(application, make, kind, told):
    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            make(self)

    error = application(Charm).failing_hook(0)
    assert isinstance(error, kind)
    assert told in str(error)


def test_what_a_stranger_has_written_into_the_databag_is_left_out(application, caplog):
    charm = turning()
    app = application(charm)
    for text in ('{', '[]', '{"restart": 1}', '{"restart": [1, {"op": 1, "id": ""}, {}]}'):
        app.units[0].bag['ops-coordinator-queue'] = text
        app.hook(0)
    assert charm.ran == []
    assert 'ops-coordinator-queue, which cannot be read' in caplog.text


def test_a_quiet_hook_reads_no_more_than_without_operations(application):
    charm = turning()
    app = application(charm)
    app.hook(0)
    assert 'ops-coordinator-queue' not in app.units[0].bag
    assert charm.states[-1].operations == ()


def test_a_charm_need_not_keep_its_turns(application):
    class Charm(ops.CharmBase):
        ran: ClassVar = []

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)
            Turns(self, {'restart': self._restart})

        def _on_config_changed(self, _):
            self.framework._ops_coordinator_turns['restart'].request('restart')

        def _restart(self):
            self.ran.append(os.getpid())

    app = application(Charm)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert len(Charm.ran) == 1


def test_an_action_may_request_an_operation(application):
    class Charm(turning()):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.go_action, self._on_go)

        def _on_go(self, event):
            self.turns.request('rotate', why=event.params['why'])

    app = application(Charm, actions={'go': {'params': {'why': {'type': 'string'}}}})
    app.hook(0, 'go', action=True, params={'why': 'an operator'})
    app.hook(0)
    assert Charm.ran == [('app/0', 'rotate', {'why': 'an operator'})]


def test_an_operator_s_actions_are_handled_for_each_lock(application):
    class Charm(turning()):
        def __init__(self, framework):
            super().__init__(framework)
            self.backups = Turns(self, {}, lock='Backups')
            Operators(self, self.turns, self.backups)

    params = {'lock': {'type': 'string'}, 'reason': {'type': 'string'}}
    app = application(Charm, actions={'pause': {'params': params}, 'plan': {}})
    context = app.hook(0, 'pause', action=True, params={'reason': 'maintenance'})
    assert context.action_results['result'] == 'paused; what runs is not interrupted'
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert Charm.ran == []
    assert Charm.states[-1].paused == 'maintenance'
    context = app.hook(0, 'pause', action=True, params={'lock': 'Backups'})
    assert context.action_results['result']
    assert '"steps"' in app.hook(0, 'plan', action=True).action_results['result']
    with pytest.raises(testing.ActionFailed, match="no lock 'x' here, but Backups, restart"):
        app.hook(0, 'pause', action=True, params={'lock': 'x'})


def test_the_public_test_helpers_know_the_line_of_an_operation(tmp_path):
    from ops_coordinator.testing import Line

    charm = turning()
    meta = {'name': 'app', 'peers': {'coordinator': {'interface': 'coordinator'}}}
    context = testing.Context(charm, meta=meta, charm_root=tmp_path)
    lines = Line(context)
    state = context.run(context.on.config_changed(), lines.behind(testing.State(), 1))
    assert (charm.ran, lines.look(state).ahead) == ([], (1,))
    state = context.run(context.on.update_status(), lines.our_turn(state))
    assert len(charm.ran) == 1
    assert lines.look(state).outcome == 'done'
