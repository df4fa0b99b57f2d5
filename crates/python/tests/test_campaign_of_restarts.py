"""Campaigns: the leader has all units restart, and none of them emits the event."""

import json

import pytest
from conftest import charm, counters, line, record, restart_or_defer
from ops_coordinator import CoordinatorError, Operators, Policy, ServiceRestartError
from ops_coordinator.testing import Machine
from test_operators import ACTIONS, act, refused


def rolling(handler=restart_or_defer, **options):
    """A charm whose leader has all units restart in its config-changed; others ask themselves."""

    def emit(it):
        if it.unit.is_leader():
            it.coordinator.roll({'port': 80}, services=['web', 'db'], reason='new keys')
        else:
            it.on.restart_event.emit({'own': True}, services=['cache'])

    seen = []

    def handle(it, event):
        handler(it, event)
        if not event.deferred:
            seen.append((it.unit.name, event.ctx))

    made = charm(handle, emit=emit, **options)
    made.seen = seen
    return made


def test_every_unit_restarts_once_and_none_has_asked(born, services):
    made = rolling()
    app = born(made, 3)
    before = dict(app.units[2].bag)
    app.hook(0, 'config_changed')
    assert line(app) == [0, 1, 2]
    app.hook(2)
    assert services.restarted == []
    assert app.units[2].bag == before
    app.everybody()
    app.everybody()
    assert services.restarted == ['web', 'db'] * 3
    assert made.seen == [(f'app/{number}', {'port': 80}) for number in range(3)]
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 3


def test_a_restart_of_the_units_own_goes_in_the_same_turn(born, services):
    made = rolling()
    app = born(made, 2)
    app.hook(1, 'config_changed')
    app.hook(0, 'config_changed')
    for _ in range(4):
        app.everybody()
    assert sorted(services.restarted) == sorted(['web', 'db'] * 2 + ['cache'])
    assert counters(app, 1) == (1, 1, 'done')
    assert sorted(made.seen, key=str) == [
        ('app/0', {'port': 80}),
        ('app/1', {'own': True}),
        ('app/1', {'port': 80}),
    ]


def test_a_service_that_does_not_restart_keeps_the_turn_and_the_event(born, services):
    app = born(rolling(), 2)
    app.hook(0, 'config_changed')
    services.broken.add('db')
    assert isinstance(app.failing_hook(0), ServiceRestartError)
    app.hook(1)
    assert services.restarted == ['web'], 'app/1 waits'
    services.broken.clear()
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web', 'web', 'db', 'web', 'db']
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 2


def test_an_event_that_is_deferred_after_its_restart_is_not_emitted_again(born, services):
    checks = [False, True]

    def handler(_, event):
        if not event.restart() or (checks and not checks.pop(0)):
            event.defer()

    made = rolling(handler)
    app = born(made, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web', 'db'], 'app/0 keeps its turn'
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web', 'db'] * 3
    assert made.seen == [('app/0', {'port': 80}), ('app/1', {'port': 80})]


def test_a_handler_that_fails_after_its_restart_gets_the_event_again(born, services):
    fails = [True]

    def handler(_, event):
        if not event.restart():
            event.defer()
        elif fails.pop() if fails else False:
            raise RuntimeError('no report')

    made = rolling(handler)
    app = born(made, 1)
    app.hook(0, 'config_changed')
    app.failing_hook(0)
    app.hook(0)
    app.hook(0)
    assert made.seen == [('app/0', {'port': 80})]
    assert counters(app, 0) == (1, 1, 'done')


def test_a_handler_that_neither_restarts_nor_defers_passes(born, services):
    app = born(rolling(lambda *_: None), 2)
    app.hook(0, 'config_changed')
    app.everybody()
    assert services.restarted == []
    for number in app.units:
        assert counters(app, number) == (1, 1, 'passed')
        assert record(app, number)['why'] == 'its handler did not restart'


def test_a_handler_that_defers_before_it_restarts_keeps_the_place(born, services):
    ready = []

    def handler(_, event):
        if not ready or not event.restart():
            event.defer()

    made = rolling(handler)
    app = born(made, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == []
    ready.append(True)
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web', 'db'] * 2
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 2
    assert made.seen == [('app/0', {'port': 80}), ('app/1', {'port': 80})]


def test_a_unit_whose_revision_has_no_such_event_passes(born, services, caplog):
    app = born(rolling(), 2)
    app.hook(0, 'config_changed')
    bag = json.loads(app.app_bag['ops-coordinator'])
    given = {'restart': json.dumps({'event': 'reload', 'ctx': 'null', 'svc': 'web'})}
    bag['locks']['restart']['campaign']['payload']['context'] = given
    app.app_bag['ops-coordinator'] = json.dumps(bag)
    app.everybody()
    assert services.restarted == []
    assert [counters(app, number) for number in app.units] == [(1, 1, 'passed')] * 2
    assert 'does not know what to restart' in caplog.text


@pytest.mark.parametrize(('declared', 'restarted'), [(['web'], ['web'] * 2), ([], [])])
def test_a_campaign_that_gives_nothing_restarts_what_is_declared(
    born,
    services,
    declared,
    restarted,
):
    app = born(rolling(services=declared), 2)
    app.hook(0, 'config_changed')
    bag = json.loads(app.app_bag['ops-coordinator'])
    del bag['locks']['restart']['campaign']['payload']
    app.app_bag['ops-coordinator'] = json.dumps(bag)
    app.everybody()
    app.everybody()
    assert services.restarted == restarted
    outcome = 'done' if declared else 'passed'
    assert [counters(app, number) for number in app.units] == [(1, 1, outcome)] * 2


def test_an_event_that_is_held_back_in_its_turn_is_emitted_once(born, services):
    why = ['a backup is running']
    made = rolling(policy=Policy(blocker=lambda: why[0]))
    app = born(made, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert services.restarted == []
    why[0] = None
    app.hook(0)
    app.hook(0)
    assert services.restarted == ['web', 'db']
    assert made.seen == [('app/0', {'port': 80})]
    assert counters(app, 0) == (1, 1, 'done')


def test_where_all_units_know_the_reason_none_asks(born, services):
    made = charm(
        restart_or_defer,
        emit=lambda it: it.coordinator.expect(2, services=['web'], reason='config 2'),
    )
    app = born(made, 3)
    before = dict(app.units[1].bag)
    app.hook(1, 'config_changed')
    app.hook(2, 'config_changed')
    assert app.units[1].bag == before
    app.hook(0, 'config_changed')
    for _ in range(3):
        app.everybody()
    assert services.restarted == ['web'] * 3
    assert [counters(app, number) for number in app.units] == [(1, 1, 'done')] * 3


def test_a_unit_that_no_campaign_calls_restarts_by_itself_after_a_minute(born, services):
    made = charm(
        restart_or_defer,
        emit=lambda it: it.coordinator.expect(2, services=['web'], reason='config 2'),
    )
    app = born(made, 2)
    with Machine() as machine:
        app.hook(1, 'config_changed')
        machine.time_passes(61)
        for _ in range(5):
            app.everybody()
    assert services.restarted == ['web']
    assert counters(app, 1) == (1, 1, 'done')


def test_only_the_leader_rolls_and_only_what_the_charm_says(born):
    app = born(charm(restart_or_defer, emit=lambda it: it.coordinator.roll(reason='why')), 1)
    error = app.failing_hook(0, 'config_changed')
    assert isinstance(error, CoordinatorError)
    assert 'does not say which services to restart' in str(error)
    made = charm(
        restart_or_defer, emit=lambda it: it.coordinator.roll(0, ['web'], reason='why', event='x')
    )
    app.charm_type = made
    assert "has no restart event 'x'" in str(app.failing_hook(0, 'config_changed'))
    app.charm_type = rolling()
    app.leader = 7
    app.charm_type = charm(
        restart_or_defer, emit=lambda it: it.coordinator.roll(0, ['web'], reason='why')
    )
    assert 'not the leader' in str(app.failing_hook(0, 'config_changed'))


def test_an_operator_rolls_what_the_charm_declares_and_ends_it_early(born, services):
    class Charm(charm(restart_or_defer, services=['web'])):
        def __init__(self, framework):
            super().__init__(framework)
            Operators(self, self.coordinator)

    actions = {**ACTIONS, 'roll': ACTIONS['pause'], 'abort': ACTIONS['pause']}
    app = born(Charm, 3, actions=actions)
    assert act(app, 'roll', reason='new keys') == 'a roll of all units begins: new keys'
    app.hook(0)
    assert act(app, 'abort') == 'campaign aborted; units that have begun go on'
    for _ in range(2):
        app.everybody()
    assert services.restarted == ['web']
    assert 'does not say what to do for the lock' in refused(app, 'roll', lock='backup')
