"""Moving a live application from the rolling-ops libraries to this one, unit by unit, and back."""

import itertools
import json

import ops
import pytest
from ops import testing
from ops_coordinator.compat.rolling_ops_v0 import RollingOpsManager
from rolling import OURS, THEIRS, Rolling, needs_theirs, published, rolling
from test_parity_rollingops import answers

NEVER = '9999999999'

V1_QUEUE = json.dumps(
    [
        json.dumps(
            {
                'callback_id': 'restart',
                'kwargs': json.dumps({'n': 1}),
                'requested_at': '2026-11-27T10:00:00.500000+00:00',
                'max_retry': '2',
                'attempt': '1',
            }
        ),
        json.dumps(
            {
                'callback_id': 'rotate',
                'kwargs': '',
                'requested_at': 'x',
                'max_retry': '',
                'attempt': '0',
            }
        ),
    ]
)


class Moving(Rolling):
    """An application whose units are refreshed one by one."""

    def __init__(self, application, units=3, **options):
        super().__init__(application, THEIRS, units, **options)
        self.revisions = {THEIRS: self.charm, OURS: rolling(OURS)}
        self.revisions[OURS].ran = self.charm.ran
        self.revisions[OURS].answers = self.charm.answers
        self.on = dict.fromkeys(range(units), THEIRS)

    def hook(self, number, name='update_status', **options):
        self.app.charm_type = self.revisions[self.on[number]]
        return super().hook(number, name, **options)

    def refresh_unit(self, number, to=OURS):
        """Refresh one unit."""
        self.on[number] = to
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('JUJU_DISPATCH_PATH', 'hooks/upgrade-charm')
            self.hook(number, 'upgrade_charm')

    def settle(self, rounds=5):
        super().settle(rounds)


@pytest.mark.parametrize('order', list(itertools.permutations(range(3))))
@needs_theirs
def test_units_that_wait_run_once_whatever_the_order_in_which_they_are_refreshed(
    application, order
):
    roll = Moving(application)
    roll.ask(1, 2, 0)
    roll.hook(0)
    for number in order:
        roll.refresh_unit(number)
        roll.settle(2)
    roll.settle()
    assert sorted(roll.units()) == [0, 1, 2]
    assert [published(roll.bag(number)) for number in range(3)] == [[], [], []]


@needs_theirs
def test_a_leader_lets_nobody_in_while_a_unit_with_the_old_code_may_act_on_a_grant(application):
    roll = Moving(application)
    roll.ask(1, 2)
    roll.hook(0)
    assert roll.app.app_bag['granted_unit'] == 'app/1'
    for number in (0, 2):
        roll.refresh_unit(number)
    for _ in range(4):
        roll.hook(0)
        roll.hook(2)
    assert roll.units() == []
    roll.hook(1, 'relation_changed', about=0)
    assert roll.units() == [1]
    for _ in range(4):
        roll.hook(0)
        roll.hook(2)
    assert roll.units() == [1, 2]


@needs_theirs
def test_a_unit_that_holds_is_waited_for_until_it_is_refreshed_or_gone(application):
    roll = Moving(application)
    answers('RETRY_HOLD')(roll)
    roll.ask(1, 2)
    roll.hook(0)
    roll.hook(1, 'relation_changed', about=0)
    assert (roll.units(), roll.bag(1)['state']) == ([1], 'retry-hold')
    roll.refresh_unit(0)
    roll.refresh_unit(2)
    for _ in range(4):
        roll.hook(0)
        roll.hook(2)
    assert roll.units() == [1]
    roll.refresh_unit(1)
    for _ in range(3):
        roll.hook(2)
        roll.hook(0)
    assert roll.units() == [1], 'the unit that holds may be in the middle of something'
    roll.settle()
    assert roll.units() == [1, 1, 2]
    assert roll.bag(1)['state'] == 'idle'


@needs_theirs
def test_a_leader_that_holds_lets_only_itself_in(application):
    roll = Moving(application)
    answers('RETRY_HOLD')(roll)
    roll.ask(0, 2)
    roll.hook(0)
    assert (roll.units(), roll.bag(0)['state']) == ([0], 'retry-hold')
    for number in (2, 0, 1):
        roll.refresh_unit(number)
    roll.settle()
    assert roll.units() == [0, 0, 2]


@needs_theirs
def test_a_unit_that_was_granted_the_lock_and_has_left_holds_nobody_up(application):
    roll = Moving(application)
    roll.ask(1, 2)
    roll.hook(0)
    del roll.app.units[1]
    roll.refresh_unit(0)
    roll.refresh_unit(2)
    for _ in range(4):
        roll.hook(0)
        roll.hook(2)
    assert roll.units() == [2]


@needs_theirs
def test_an_old_leader_lets_nobody_in_beside_those_who_take_turns_here(application):
    roll = Moving(application, 4)
    roll.refresh_unit(0)
    assert roll.app.app_bag['granted_unit'] == 'app/0'
    assert roll.app.app_bag['granted_at'] == NEVER
    roll.ask(3)
    roll.app.leader = 3
    for _ in range(4):
        for number in (3, 1, 2):
            roll.hook(number)
            roll.hook(number, 'relation_changed', about=0)
    assert roll.units() == []
    roll.app.leader = 0
    for number in (1, 2, 3):
        roll.refresh_unit(number)
    roll.settle()
    assert roll.units() == [3]


@needs_theirs
def test_another_new_leader_leaves_the_old_lock_taken(application):
    roll = Moving(application)
    for number in range(3):
        roll.refresh_unit(number)
    before = roll.app.app_bag['granted_unit']
    roll.app.leader = 2
    roll.ask(1)
    roll.settle()
    assert roll.units() == [1]
    assert roll.app.app_bag['granted_unit'] == before
    del roll.app.units[0]
    roll.hook(2)
    assert roll.app.app_bag['granted_unit'] == 'app/2'


@needs_theirs
def test_the_old_code_goes_on_after_a_refresh_back(application):
    roll = Moving(application)
    roll.ask(1)
    for number in range(3):
        roll.refresh_unit(number)
    roll.settle()
    assert roll.units() == [1]
    for number in (2, 0, 1):
        roll.refresh_unit(number, THEIRS)
    roll.settle()
    assert roll.app.app_bag.get('granted_at', '') != NEVER, 'the old lock is given back'
    roll.ask(2, 0)
    roll.settle(8)
    assert sorted(roll.units()) == [0, 1, 2]
    for number in range(3):
        roll.refresh_unit(number)
    roll.ask(1)
    roll.settle()
    assert roll.units()[-1] == 1


def test_an_application_that_has_always_been_here_has_nothing_of_the_old_library(
    application, monkeypatch
):
    roll = Rolling(application, OURS)
    roll.ask(1)
    roll.settle()
    assert set(roll.app.app_bag) == {'ops-coordinator'}
    assert set(roll.bag(1)) == {'ops-coordinator'}
    roll.ask(0)
    roll.settle()
    monkeypatch.setenv('JUJU_DISPATCH_PATH', 'hooks/upgrade-charm')
    roll.hook(0, 'upgrade_charm')
    assert set(roll.app.app_bag) == {'ops-coordinator'}
    assert set(roll.bag(0)) == {'ops-coordinator'}


def test_what_v1_has_left_is_taken_over(application):
    roll = Rolling(application, OURS)
    roll.bag(1).update({'operations': V1_QUEUE, 'state': 'request', 'executed_at': 'x'})
    roll.hook(1)
    assert published(roll.bag(1)) == ['restart', 'rotate']
    assert (roll.bag(1).get('operations', ''), roll.bag(1)['state']) == ('', 'idle')
    (first, second) = json.loads(roll.bag(1)['ops-coordinator-queue'])['restart']
    assert (first['kwargs'], first['max-retry'], first['retries']) == ({'n': 1}, 2, 1)
    assert first['at'] == 1795773600
    assert 'max-retry' not in second
    roll.settle()
    assert roll.names() == ['restart', 'rotate']


def test_what_v0_has_left_is_taken_over(application):
    roll = Rolling(application, OURS)
    roll.bag(1).update({'state': 'acquire', 'callback_override': 'rotate'})
    roll.bag(2).update({'state': 'acquire', 'callback_override': ''})
    roll.app.app_bag['<ops.model.Unit app/2>'] = 'granted'
    roll.hook(1)
    roll.hook(0)
    assert published(roll.bag(1)) == ['rotate']
    for _ in range(3):
        roll.hook(1)
        roll.hook(0)
    assert roll.names() == [], 'app/2 may act on its grant'
    roll.settle()
    assert roll.names() == ['restart', 'rotate'] or roll.names() == ['rotate', 'restart']
    assert roll.app.app_bag.get('<ops.model.Unit app/2>', '') == ''


WORDS_OF_V0 = {'acquire', 'release', 'granted', 'idle'}
"""All that v0 can read; anything else fails the hooks of a leader that still has it."""


def unreadable_to_v0(roll):
    """What a leader with v0 would stumble over."""
    states = {f'state of {number}': roll.bag(number).get('state') for number in roll.app.units}
    granted = {name: said for name, said in roll.app.app_bag.items() if 'ops.model.Unit' in name}
    said = {name: word for name, word in {**states, **granted}.items() if word}
    return {name: word for name, word in said.items() if word not in WORDS_OF_V0}


@pytest.mark.parametrize('granted', ['granted', 'idle', None])
@pytest.mark.parametrize('state', ['acquire', 'release'])
@pytest.mark.parametrize('number', [0, 1])
def test_a_charm_may_move_from_v0_to_the_newer_names(application, state, granted, number):
    """Where charmlibs-rollingops fails with a ValueError: it does not know v0's words."""
    roll = Rolling(application, OURS)
    roll.bag(number).update({'state': state, 'callback_override': ''})
    if granted:
        roll.app.app_bag[f'<ops.model.Unit app/{number}>'] = granted
    seen = []
    roll.charm.look = lambda c: seen.append(c.manager.state.status)
    for hook in ('upgrade_charm', 'leader_elected', 'update_status'):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv('JUJU_DISPATCH_PATH', 'hooks/' + hook.replace('_', '-'))
            roll.hook(0, hook)
        assert unreadable_to_v0(roll) == {}
    roll.settle()
    assert roll.units() == ([number] if state == 'acquire' else [])
    roll.ask(2)
    roll.settle()
    assert roll.units()[-1] == 2
    assert unreadable_to_v0(roll) == {}
    assert seen[-1] == 'idle'


@pytest.mark.parametrize(
    ('before', 'after'),
    [
        (testing.WaitingStatus('Awaiting restart operation'), testing.ActiveStatus()),
        (testing.BlockedStatus('by the charm'), testing.BlockedStatus('by the charm')),
    ],
)
def test_the_status_that_v0_has_left_ends_and_the_charms_own_does_not(before, after):
    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.manager = RollingOpsManager(self, 'restart', self._restart)

        def _restart(self, _):
            pass

    meta = {'name': 'app', 'peers': {'restart': {'interface': 'rolling_op'}}}
    context = testing.Context(Charm, meta=meta)
    relation = testing.PeerRelation('restart', local_unit_data={'state': 'acquire'})
    state = testing.State(relations=[relation], unit_status=before)
    assert context.run(context.on.upgrade_charm(), state).unit_status == after


@pytest.mark.skipif(
    int(ops.__version__.split('.')[0]) < 3,
    reason='this ops.testing does not say which hook runs, as Juju does',
)
def test_a_leader_takes_the_lock_of_v0_in_its_words_although_nobody_has_asked_with_it():
    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.manager = RollingOpsManager(self, 'restart', self._restart)

        def _restart(self, _):
            pass

    meta = {'name': 'app', 'peers': {'restart': {'interface': 'rolling_op'}}}
    context = testing.Context(Charm, meta=meta)
    relation = testing.PeerRelation('restart')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('JUJU_DISPATCH_PATH', 'hooks/upgrade-charm')
        state = testing.State(leader=True, relations=[relation])
        taken = context.run(context.on.upgrade_charm(), state).get_relation(relation.id)
    assert taken.local_unit_data['state'] == 'acquire'
    assert taken.local_app_data['<ops.model.Unit app/0>'] == 'granted'


@pytest.mark.parametrize('text', ['[{', '{}', '[1, {"callback_id": "restart"}, "x"]'])
def test_what_cannot_be_read_is_left_out_and_told(application, caplog, text):
    roll = Rolling(application, OURS)
    roll.bag(1).update({'operations': text, 'state': 'request'})
    roll.hook(1)
    assert 'leaving out' in caplog.text
    assert published(roll.bag(1)) == (['restart'] if 'restart' in text else [])


@needs_theirs
def test_a_unit_sees_what_waits_on_one_with_the_old_code(application):
    roll = Moving(application)
    roll.revisions[THEIRS].ask = lambda c: c.manager.request_async_lock('rotate')
    roll.ask(1)
    seen = []
    roll.revisions[OURS].look = lambda c: seen.append(
        [c.manager.is_waiting_callback(name, 'app/1') for name in ('rotate', 'restart')]
    )
    roll.on[0] = OURS
    roll.hook(0)
    assert seen[0] == [True, False]
