"""What `ops_coordinator.testing` gives to the tests of a charm."""

import dataclasses
import json
import os
import subprocess
import sys

import ops
import pytest
from conftest import charm, restart_or_defer
from ops import testing
from ops_coordinator import (
    CoordinatorError,
    PeerRelationError,
    RestartEvent,
    Serial,
    ServiceRestartError,
)
from ops_coordinator.ops_coordinator import service_reload, service_restart, service_resume
from ops_coordinator.testing import Line, Machine, Restart, restarts

META = {'name': 'app', 'peers': {'coordinator': {'interface': 'coordinator'}}}


@pytest.fixture
def services():
    """Here the machine stands in for systemd, as in a charm's own tests."""
    with Machine() as machine:
        yield machine


@pytest.fixture(autouse=True)
def _no_leftovers(monkeypatch):
    # An older ops.testing leaves this behind when a charm raises.
    yield
    os.environ.pop('OPERATOR_DISPATCH', None)


def context_of(definition, *, meta=META, **options):
    """A context with the metadata of these tests."""
    return testing.Context(definition, meta=meta, **options)


def peers(**options):
    """A state with the peer relation."""
    return testing.State(relations=[testing.PeerRelation('coordinator')], **options)


def config_changed(context, state):
    """Run config-changed."""
    return context.run(context.on.config_changed(), state)


def update_status(context, state):
    """Run update-status."""
    return context.run(context.on.update_status(), state)


def relation_of(state, endpoint='coordinator'):
    """The relation of an endpoint."""
    (found,) = state.get_relations(endpoint)
    return found


@pytest.mark.parametrize('leader', [False, True])
@pytest.mark.parametrize('unit', [0, 1, 7])
def test_a_unit_restarts_in_the_event_in_which_its_turn_has_come(services, unit, leader):
    context = context_of(charm(restart_or_defer), app_name='other-name', unit_id=unit)
    line = Line(context)
    state = config_changed(context, peers(leader=leader))
    assert services.restarted == []
    state = line.our_turn(state)
    assert line.look(state).place == 'turn'
    state = update_status(context, state)
    assert services.restarted == ['web']
    assert state.deferred == []
    assert (line.look(state).place, line.look(state).outcome) == ('idle', 'done')


def test_a_turn_may_have_come_before_the_first_event(services):
    context = context_of(charm(restart_or_defer))
    config_changed(context, Line(context).our_turn(testing.State()))
    assert services.restarted == ['web']


def test_those_ahead_finish_when_our_turn_comes(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = line.behind(peers(), 2, 1)
    assert line.look(state).line == (2, 1, 0)
    state = config_changed(context, line.our_turn(state))
    assert services.restarted == ['web']
    assert sorted(relation_of(state).peers_data) == [1, 2]


@pytest.mark.parametrize('leader', [False, True])
def test_a_unit_waits_for_those_ahead_of_it(services, leader):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, line.behind(peers(leader=leader), 3, 1))
    state = update_status(context, state)
    assert services.restarted == []
    found = line.look(state)
    assert (found.place, found.ahead, found.line) == ('in-line', (3, 1), (3, 1, 0))
    assert found.restarts == (Restart({}, ('web',), 'restart'),)


def test_any_unit_is_ahead_where_none_is_named():
    for unit, other in ((0, 1), (1, 0), (5, 0)):
        line = Line(context_of(charm(restart_or_defer), unit_id=unit))
        assert line.look(line.behind(peers())).ahead == (other,)
    relation = testing.PeerRelation('coordinator', peers_data={4: {}, 6: {}})
    line = Line(context_of(charm(restart_or_defer)))
    assert line.look(line.behind(testing.State(relations=[relation]))).ahead == (4,)


def test_a_unit_that_has_a_place_loses_it_to_those_that_are_put_ahead(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, line.behind(peers(), 1, 2))
    state = update_status(context, line.behind(line.our_turn(state), 2))
    assert services.restarted == []
    assert line.look(state).ahead == (2,)


def test_only_the_units_that_are_named_are_ahead():
    line = Line(context_of(charm(restart_or_defer), unit_id=3))
    state = line.asked_by(peers(), 0, 1)
    assert line.look(line.behind(state, 2, 1)).ahead == (2, 1)


def test_with_a_limit_as_many_units_must_be_ahead(services):
    context = context_of(charm(restart_or_defer, limit=2))
    line = Line(context, limit=2)
    with pytest.raises(ValueError, match='limit of 2 nobody waits for 1'):
        line.behind(peers(), 1)
    with pytest.raises(ValueError, match='limit of 2'):
        line.stopped(peers(), 1)
    state = config_changed(context, line.behind(peers(), 1, 2))
    assert services.restarted == []
    assert line.look(state).ahead == (1, 2)


@pytest.mark.parametrize('units', [(0,), (1, 0), (1, 1)])
def test_those_ahead_are_other_units_each_once(units):
    line = Line(context_of(charm(restart_or_defer)))
    for arrange in (line.behind, line.asked_by):
        with pytest.raises(ValueError, match='numbers of other units than 0'):
            arrange(peers(), *units)
    with pytest.raises(ValueError, match='numbers of other units'):
        line.asked_by(peers())


def test_a_unit_that_failed_stops_the_roll(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, line.stopped(peers(), 2, why='no such port'))
    assert services.restarted == []
    assert line.look(state).ahead == (2,)
    record = json.loads(relation_of(state).peers_data[2]['ops-coordinator'])['locks']['restart']
    assert (record['outcome'], record['why']) == ('failed', 'no such port')
    update_status(context, line.our_turn(state))
    assert services.restarted == ['web'], 'it is mended'


def test_nothing_starts_while_the_lock_is_paused(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, line.paused(peers(), 'night shift'))
    assert services.restarted == []
    assert line.look(state).paused == 'night shift'
    assert line.look(state).place == 'in-line'
    update_status(context, line.our_turn(state))
    assert services.restarted == ['web']


@pytest.mark.parametrize('leader', [False, True])
def test_a_request_that_was_cancelled_is_over(services, leader):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, peers(leader=leader))
    state = update_status(context, line.cancelled(state))
    assert services.restarted == []
    assert state.deferred == []
    assert line.look(state).outcome == 'cancelled'


def test_a_turn_that_cannot_come_is_told():
    line = Line(context_of(charm(restart_or_defer)))
    newer = testing.PeerRelation('coordinator', local_app_data={'ops-coordinator': '{"v":2}'})
    with pytest.raises(ValueError, match=r'the turn of unit 0 cannot come: frozen: .*version 2'):
        line.our_turn(testing.State(relations=[newer]))


def test_what_others_have_asked_for_the_leader_puts_in_the_line():
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = line.asked_by(peers(leader=True), 2, 1)
    assert line.look(state).line == ()
    state = update_status(context, state)
    assert line.look(state).line == (1, 2)
    assert line.look(state).requests == 0, 'our own unit has asked for nothing'


def with_lock(lock, used, **options):
    """A charm that asks for a lock of its own in each hook."""

    class Odd(Serial):
        def grant_backup(self, lock, unit, granted, queue):
            return not granted and unit[-1] in '13579'

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._on_update_status)
            self.locks = Odd(self, **options)

        def _on_update_status(self, _):
            if self.locks.acquire(lock):
                used.append(lock)

    return Charm


def test_a_policy_is_tested_on_the_leader():
    context = context_of(with_lock('backup', []))
    line = Line(context, 'backup')
    state = update_status(context, line.asked_by(peers(leader=True), 1, 2, 3))
    assert line.look(state).line == (1,)
    assert line.look(state).place == 'requested'


@pytest.mark.parametrize(('named', 'served'), [(True, (1,)), (False, (1, 2, 3))])
def test_of_several_coordinators_the_one_that_is_named_decides(named, served):
    class Odd(Serial):
        def grant_backup(self, lock, unit, granted, queue):
            return not granted and unit[-1] in '13579'

    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = Odd(self)

    context = context_of(Charm)
    line = Line(context, 'backup', coordinator=Odd if named else None)
    state = update_status(context, line.asked_by(peers(leader=True), 1, 2, 3))
    assert line.look(state).line == served


def test_a_leader_hears_of_a_turn_that_ends():
    heard = []

    class Told(Serial):
        def released(self, unit, lock, timestamp):
            heard.append((unit, lock))

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = Told(self)

    context = context_of(Charm)
    line = Line(context, 'Nightly Backup', coordinator=Told)
    state = update_status(context, line.behind(peers(leader=True), 1))
    update_status(context, line.our_turn(state))
    assert heard == [('app/1', 'Nightly Backup')]


def test_a_lock_of_any_name_is_arranged_by_that_name():
    used = []
    context = context_of(with_lock('Rolling Restart', used))
    line = Line(context, 'Rolling Restart')
    state = update_status(context, line.behind(peers(), 1))
    assert used == []
    state = update_status(context, line.our_turn(state))
    assert used == ['Rolling Restart']
    assert line.look(state).finished == 1
    assert Line(context, 'another').look(state).requests == 0


def test_the_coordination_may_be_on_another_relation():
    meta = {**META, 'peers': {name: {'interface': name} for name in ('cluster', 'members')}}
    used = []
    context = context_of(with_lock('backup', used, relation='cluster'), meta=meta)
    members = testing.PeerRelation('members', peers_data={1: {'ops-coordinator': 'not ours'}})
    line = Line(context, 'backup', relation='cluster')
    state = line.behind(testing.State(relations=[members]), 1)
    assert relation_of(state, 'members') == members
    update_status(context, state)
    assert used == []
    update_status(context, line.our_turn(state))
    assert used == ['backup']


def test_the_only_peer_relation_needs_no_name():
    meta = {**META, 'peers': {'cluster': {'interface': 'cluster'}}}
    line = Line(context_of(charm(restart_or_defer), meta=meta))
    state = line.our_turn(testing.State())
    assert [relation.endpoint for relation in state.relations] == ['cluster']


def test_a_peer_relation_that_is_not_declared_or_not_clear_is_told():
    context = context_of(charm(restart_or_defer))
    with pytest.raises(PeerRelationError, match="declares no peer relation 'cluster'"):
        Line(context, relation='cluster')
    meta = {**META, 'peers': {name: {'interface': name} for name in ('cluster', 'members')}}
    with pytest.raises(PeerRelationError, match='several peer relations'):
        Line(context_of(charm(restart_or_defer), meta=meta))


def test_of_two_relations_of_an_endpoint_the_lower_carries_the_line(services):
    lower, higher = (testing.PeerRelation('coordinator', id=number) for number in (3, 4))
    state = testing.State(relations=[higher, lower])
    state = Line(context_of(charm(restart_or_defer))).our_turn(state)
    assert higher in state.relations
    assert 'ops-coordinator' in state.get_relation(3).local_app_data


def test_the_rest_of_a_state_stays_as_it_was():
    relation = testing.PeerRelation(
        'coordinator',
        local_app_data={'of-app': 'a'},
        local_unit_data={'of-unit': 'b'},
        peers_data={1: {'of-peer': 'c'}},
    )
    other = testing.Relation('db')
    before = testing.State(relations=[relation, other], config={'x': 1}, planned_units=5)
    after = Line(context_of(charm(restart_or_defer))).behind(before, 1)
    changed = relation_of(after)
    assert changed.id == relation.id
    assert changed.local_app_data['of-app'] == 'a'
    assert changed.local_unit_data['of-unit'] == 'b'
    assert changed.peers_data[1]['of-peer'] == 'c'
    assert other in after.relations
    assert (after.config, after.planned_units) == ({'x': 1}, 5)
    assert 'ops-coordinator' not in relation.local_app_data, 'the state given is not touched'


def test_units_that_are_added_are_planned():
    line = Line(context_of(charm(restart_or_defer)))
    assert line.behind(testing.State(), 1, 2).planned_units == 3


def test_a_look_needs_no_relation_and_changes_nothing():
    line = Line(context_of(charm(restart_or_defer)))
    found = line.look(testing.State())
    assert (found.place, found.line, found.outcome, found.restarts) == ('idle', (), None, ())
    state = line.our_turn(peers())
    assert line.look(state) == line.look(state)


def test_a_line_may_be_used_in_the_middle_of_an_event(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    with context(context.on.config_changed(), peers()) as manager:
        assert line.look(line.behind(peers(), 1)).ahead == (1,)
        assert os.environ['JUJU_UNIT_NAME'] == 'app/0'
        state = manager.run()
    assert line.look(state).place == 'requested'


def test_restarts_that_wait_are_told_in_their_order(services):
    def emit(c):
        c.on.restart_event.emit({'n': [1, 'two']}, services=['web', 'db'])
        c.on.restart_event.emit(None, services=())

    context = context_of(charm(restart_or_defer, emit=emit))
    state = config_changed(context, peers())
    assert restarts(state) == [
        Restart({'n': [1, 'two']}, ('web', 'db'), 'restart'),
        Restart(None, (), 'restart'),
    ]
    emitted = [event for event in context.emitted_events if isinstance(event, RestartEvent)]
    assert [event.services for event in emitted] == [['web', 'db'], []]


def test_a_restart_that_nobody_has_asked_a_turn_for_waits_for_no_lock(services):
    class Both(charm(lambda _, event: event.defer())):
        def _on_config_changed(self, event):
            super()._on_config_changed(event)
            event.defer()

    context = context_of(Both)
    state = config_changed(context, peers())
    assert len(state.deferred) == 2
    assert restarts(state) == [Restart({}, ('web',), None)], 'the other event is no restart'
    assert Line(context).look(state).restarts == ()


def test_a_service_that_is_broken_is_told_and_keeps_the_turn(services):
    context = context_of(charm(restart_or_defer))
    state = Line(context).our_turn(config_changed(context, peers()))
    services.break_service('web', 'it is failed', log=['no such port'])
    with pytest.raises(testing.errors.UncaughtCharmError) as caught:
        update_status(context, state)
    error = caught.value.__cause__
    assert isinstance(error, ServiceRestartError)
    assert (error.unit, error.service, error.found) == ('app/0', 'web', 'it is failed')
    assert error.log == ('no such port',)
    assert (services.restarted, services.calls) == ([], [('restart', 'web')])
    services.mend_service('web')
    update_status(context, state)
    assert services.restarted == ['web']


def test_a_request_after_one_that_was_cancelled_gets_its_turn(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = update_status(context, line.cancelled(config_changed(context, peers())))
    state = update_status(context, line.our_turn(config_changed(context, state)))
    assert services.restarted == ['web']
    found = line.look(state)
    assert (found.requests, found.finished, found.outcome) == (2, 2, 'done')


def test_how_a_restart_ended_is_told(services):
    def handler(_, event):
        try:
            if not event.restart():
                event.defer()
        except ServiceRestartError:
            event.defer()

    context = context_of(charm(handler))
    line = Line(context)
    state = line.our_turn(config_changed(context, peers()))
    services.break_service('web')
    found = line.look(update_status(context, state))
    assert (found.place, found.outcome) == ('turn', 'failed')
    assert found.why == 'web: it is failed after the restart'
    assert found.restarts == (Restart({}, ('web',), 'restart'),)


def test_of_several_services_only_the_broken_one_fails(services):
    context = context_of(charm(restart_or_defer, emit=two_services))
    state = Line(context).our_turn(config_changed(context, peers()))
    services.break_service('db')
    with pytest.raises(testing.errors.UncaughtCharmError, match='db'):
        update_status(context, state)
    assert services.restarted == ['web']


def two_services(c):
    """Ask for a restart of two services."""
    c.on.restart_event.emit({}, services=['web', 'db'])


def test_a_service_that_is_not_broken_cannot_be_mended():
    with pytest.raises(ValueError, match="the service 'web' is not broken"):
        Machine().mend_service('web')


def test_whatever_is_asked_of_the_service_manager_is_recorded(services):
    assert service_reload('web')
    services.break_service('web')
    assert not service_reload('web', restart_on_failure=True)
    assert not service_resume('web')
    assert services.restarted == []
    assert [verb for verb, _ in services.calls] == [
        *('reload', 'reload', 'restart', 'unmask', 'enable', 'is-active', 'start')
    ]


def test_a_name_that_systemd_does_not_allow_is_refused_as_on_a_real_machine(services):
    with pytest.raises(CoordinatorError, match="invalid service name 'no such/name'"):
        service_restart('no such/name')
    assert services.calls == []


def test_machines_give_their_place_back_even_when_a_test_fails(services):
    with pytest.raises(RuntimeError), Machine() as inner:
        service_restart('db')
        raise RuntimeError
    service_restart('web')
    assert (inner.restarted, services.restarted) == (['db'], ['web'])


def test_a_leader_takes_out_a_unit_that_is_gone_once_the_line_has_stood_still(services, tmp_path):
    context = context_of(charm(restart_or_defer), charm_root=tmp_path)
    line = Line(context)
    state = config_changed(context, line.behind(peers(leader=True), 1))
    services.lose_unit(1)
    state = update_status(context, state)
    assert line.look(state).ahead == (1,), 'nobody has told the leader'
    services.time_passes(61)
    state = update_status(context, state)
    assert line.look(state).place == 'turn'
    update_status(context, state)
    assert services.restarted == ['web']


def test_a_unit_that_lives_is_waited_for_however_long_it_takes(services, tmp_path):
    context = context_of(charm(restart_or_defer), charm_root=tmp_path)
    line = Line(context)
    state = config_changed(context, line.behind(peers(leader=True), 1))
    for _ in range(3):
        services.time_passes(3600)
        state = update_status(context, state)
    assert line.look(state).ahead == (1,)


def test_time_does_not_go_back():
    with pytest.raises(ValueError, match='does not go back'):
        Machine().time_passes(-1)


def test_a_unit_that_has_left_the_relation_is_not_waited_for(services):
    context = context_of(charm(restart_or_defer))
    line = Line(context)
    state = config_changed(context, line.behind(peers(leader=True), 1))
    relation = dataclasses.replace(relation_of(state), peers_data={})
    state = update_status(context, dataclasses.replace(state, relations=[relation]))
    assert line.look(state).place == 'turn'


@pytest.mark.parametrize(
    ('options', 'error'), [({'limit': 0}, ValueError), ({'lock': ''}, ValueError)]
)
def test_a_line_that_makes_no_sense_is_refused(options, error):
    with pytest.raises(error):
        Line(context_of(charm(restart_or_defer)), **options)


def test_a_charm_does_not_pay_for_it():
    program = 'import sys, ops_coordinator; assert "ops_coordinator.testing" not in sys.modules'
    subprocess.run([sys.executable, '-c', program], check=True)
